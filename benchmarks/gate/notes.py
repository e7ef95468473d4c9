"""How two runs differ besides their scores: what a reader has to know before believing a difference, or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from retable.reports.records.result import Result

Cells = Mapping[str, Result]
"""Address -> result."""
NAMED = 3
"""How many cells or commits a note names; the rest is counted."""
DIGITS = 10
"""Digits of a commit that are shown."""


def differences(base: Cells, head: Cells) -> list[str]:
    """How the two runs differ in settings, commits, machines and data."""
    both = sorted(base.keys() & head.keys())
    notes = []
    # A cell's hash is that of its settings: method, task, profile, and the stages and judges that it starts from.
    if other := [address for address in both if base[address].cell.hash != head[address].cell.hash]:
        notes.append(f"{len(other)} of {len(both)} cells were run with other settings: {_first(other)}")
    for side, cells in (("base", base), ("head", head)):
        # A finished cell is not run again by a later commit, so a run's cells may be older than it says.
        counts = Counter(words for one in cells.values() if (words := commit(one, DIGITS)))
        if len(counts) > 1:
            named = [f"{name} ({n})" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
            notes.append(f"the {side}'s cells are of {len(counts)} commits: {_first(named)}")
    for key in ("device", "cpu", "torch"):
        old, new = (values({address: side[address] for address in both}, key) for side in (base, head))
        if old and new and old != new:
            notes.append(f"the base ran with {key} {', '.join(old)}, the head with {', '.join(new)}")
    digests = [
        (name, digest, head[one].data.get(name, digest)) for one in both for name, digest in base[one].data.items()
    ]
    if data := {name for name, old, new in digests if old != new}:
        notes.append(f"the data changed between the runs: {', '.join(sorted(data))}")
    return notes


def values(cells: Cells, key: str) -> list[str]:
    """Every value of an entry of the environment, sorted."""
    return sorted({result.environment.get(key, "") for result in cells.values()} - {""})


def commit(result: Result, digits: int | None = None) -> str:
    """The commit that made a result, with ``-dirty`` where the working tree held more; empty where it is unknown."""
    words = result.environment.get("commit", "")[:digits]
    return f"{words}-dirty" if words and result.environment.get("dirty") == "true" else words


def _first(names: Sequence[str]) -> str:
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more])
