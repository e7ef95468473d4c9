"""What a reader has to know of two runs before believing a difference between them, or the lack of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from retable.benchmarks.gate.verdict import Check

Cells = Mapping[str, Mapping[str, Any]]
"""Address -> content of the cell's ``result.json``."""
NAMED = 3
"""How many cells or commits a note names; the rest is counted."""
DIGITS = 10
"""Digits of a commit that are shown."""


def is_same_run(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two results are one: they tell of the same journal."""
    return bool(old.get("journal")) and old.get("journal") == new.get("journal")


def same_run_notes(suite: str, before: Cells, after: Cells) -> list[str]:
    """How many cells are the same run in the base and in the head, if any."""
    both = _both(before, after)
    same = sum(is_same_run(old, new) for old, new in both.values())
    if not same:
        return []
    return [
        f"{same} of {len(both)} cells are the very same run on both sides, so their scores are not compared; "
        f"`retable run {suite} --fresh` runs them anew"
    ]


def notes(before: Cells, after: Cells) -> list[str]:
    """In what the two runs differ besides their scores: settings, commits, machines, data."""
    both = _both(before, after)
    found = _settings(both)
    for side, cells in (("base", before), ("head", after)):
        found += _commits(side, cells)
    for key in ("device", "cpu", "torch"):
        here, there = (
            sorted({str(pair[side].get("environment", {}).get(key, "")) for pair in both.values()} - {""})
            for side in (0, 1)
        )
        if here and there and here != there:
            found.append(f"the base ran with {key} {', '.join(here)}, the head with {', '.join(there)}")
    data = {
        name
        for old, new in both.values()
        for name, digest in (old.get("data") or {}).items()
        if (new.get("data") or {}).get(name, digest) != digest
    }
    if data:
        found.append(f"the data changed between the runs: {', '.join(sorted(data))}")
    return found


def aside_notes(aside: Sequence[Check]) -> list[str]:
    """Why scores of both runs were not compared; what is one run on both sides is told by :func:`same_run_notes`."""
    found = []
    different = [check for check in aside if check.verdict == "incomparable"]
    if different:
        first = different[0]
        found.append(
            f"{_are(len(different))} measured differently and not compared, "
            f"e.g. {first.cell} {first.key}: {first.reason}"
        )
    undecided = sum(check.verdict == "undecided" for check in aside)
    if undecided:
        found.append(f"{_are(undecided)} undecided: no expectation, and too few seeds for a spread")
    return found


def _both(before: Cells, after: Cells) -> dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return {address: (before[address], after[address]) for address in sorted({*before} & {*after})}


def _settings(both: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[str]:
    """A cell's hash is that of its settings: method, task, profile, and the stages and judges that it starts from."""
    hashes = {address: [one["cell"].get("hash") for one in pair] for address, pair in both.items()}
    other = [address for address, pair in hashes.items() if all(pair) and pair[0] != pair[1]]
    return [f"{len(other)} of {len(both)} cells were run with other settings: {_first(other)}"] if other else []


def _commits(side: str, cells: Cells) -> list[str]:
    """A finished cell is not run again by a later commit, so a run's cells may be older than it says."""
    counts = Counter(commit for one in cells.values() if (commit := _commit(one.get("environment") or {})))
    if len(counts) < 2:
        return []
    named = [f"{commit} ({n})" for commit, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return [f"the {side}'s cells are of {len(counts)} commits: {_first(named)}"]


def _commit(environment: Mapping[str, Any]) -> str:
    commit = str(environment.get("commit") or "")[:DIGITS]
    return f"{commit}-dirty" if commit and str(environment.get("dirty")).lower() == "true" else commit


def _first(names: Sequence[str]) -> str:
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more])


def _are(scores: int) -> str:
    return "1 score is" if scores == 1 else f"{scores} scores are"
