"""Two runs of a suite, cell by cell: the head's scores held against the base's, paired by seed.

:mod:`benchmarks.gate.paired` has the statistics. Besides a score that got worse these are regressions: a cell that is
missing or not ok in the head and ok in the base, a score that the head's cell no longer has, and one that is not
finite any more. New cells, cells that failed in the base already, and scores that were measured differently are told
and turn nothing red.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from benchmarks.errors import UserError, did_you_mean
from benchmarks.gate.compare import by_address, is_gated, scores_of, without_seed
from benchmarks.gate.expectations import Expectation, Expectations, alarms, differing, left_out, measured
from benchmarks.gate.paired import decide, own_tolerance, recorded_tolerance
from benchmarks.gate.tolerance import FALSE_ALARMS
from benchmarks.gate.verdict import Base, Check, GateReport, gain
from benchmarks.globs import idle, matches
from benchmarks.metrics.protocol import Score

Results = Sequence[Mapping[str, Any]]
Seeds = dict[int, tuple[Score, Score]]
"""Seed -> the base's score and the head's."""


@dataclass
class _Pairs:
    """What both runs have of every score, and what only one has."""

    scores: defaultdict[tuple[str, str], Seeds] = field(default_factory=lambda: defaultdict(dict))
    """(address without seed, score key) -> seed -> scores."""
    lost: list[Check] = field(default_factory=list)
    new: list[Check] = field(default_factory=list)
    aside: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compare_runs(
    suite: str,
    base: Results,
    head: Results,
    expectations: Expectations | None = None,
    *,
    against: str,
    planned: Collection[str] = (),
    only: str | None = None,
) -> GateReport:
    """Decide every score that both runs have, and name what the head has lost.

    Args:
        suite: suite's name, for messages.
        base: contents of the base's ``result.json`` files, failed cells included.
        head: those of the run that is judged.
        expectations: where recorded tolerances come from; ``leave_out`` leaves the same scores out here.
        against: what the base is called in messages.
        planned: addresses that the head was asked for, so that a cell of it that left no result is missed.
        only: glob over addresses; other cells are not compared.

    Raises:
        UserError: malformed results, ``only`` picks no cell, or nothing at all could be decided.
    """
    before, after = _picked(base, head, only)
    pairs = _pair(before, after, expectations.leave_out if expectations else [], planned)
    pairs.notes += _notes(before, after)
    known = {(without_seed(entry.cell), entry.key): entry for entry in expectations.score} if expectations else {}
    decided: list[Check] = []
    chance = 0.0
    for place, seeds in sorted(pairs.scores.items()):
        entry = known.get(place)
        if entry is not None and entry.differs_from(seeds[min(seeds)][0]):
            entry = None
        check = _judge(place, seeds, entry, len(pairs.scores))
        if check.verdict == "undecided":
            pairs.aside.append(check)
            continue
        decided.append(check)
        if check.expected is not None and check.expected.tolerance is not None:
            chance += alarms(entry, expectations) if entry and expectations else FALSE_ALARMS / len(pairs.scores)
    if not decided and not pairs.lost:
        raise UserError(_nothing(suite, against, pairs))
    if chance:
        pairs.notes.append(f"an equally good head is red by chance with a probability of at most {chance:.2g}")
    pairs.notes += _aside_notes(pairs.aside)
    checks = sorted([*pairs.lost, *decided], key=lambda check: (check.cell, check.key))
    return GateReport(
        suite, tuple(checks), tuple(pairs.new), tuple(pairs.notes), against=against, aside=tuple(pairs.aside)
    )


def _picked(
    base: Results, head: Results, only: str | None
) -> tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
    both = by_address(base), by_address(head)
    if only is None:
        return both
    known = {*both[0], *both[1]}
    if (none := idle(only, known)) is not None:
        raise UserError(f"--only {none!r} matches no cell of either run{did_you_mean(none, known)}")
    before, after = ({name: one for name, one in side.items() if matches(name, only)} for side in both)
    return before, after


def _pair(
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
    leave: list[str],
    planned: Collection[str],
) -> _Pairs:
    pairs = _Pairs()
    rows_after = {without_seed(address) for address in after}
    skipped: Counter[str] = Counter()
    for address in sorted({*before, *after}):
        old, new = before.get(address), after.get(address)
        scores = [_gated(one, address, leave) for one in (old, new)]
        if old is None or old.get("status") != "ok":
            if old is not None and new is not None:
                mended = new.get("status") == "ok"
                was = f"was {old.get('status')} in the base"
                pairs.notes.append(f"{address} {was} and is {'ok' if mended else new.get('status')} now")
            pairs.new += [Check(address, key, "new", got=one.value, unit=one.unit) for key, one in scores[1].items()]
        elif new is None and address not in planned and without_seed(address) in rows_after:
            skipped[without_seed(address)] += 1
        elif new is None or new.get("status") != "ok":
            pairs.lost.append(_lost_cell(address, new, len(scores[0])))
        else:
            _pair_cell(pairs, address, _seed(new), *scores)
    pairs.notes += [
        f"{row}: the head has {n} seed{'s' * (n != 1)} fewer, passed over" for row, n in sorted(skipped.items())
    ]
    return pairs


def _pair_cell(pairs: _Pairs, address: str, seed: int, before: Mapping[str, Score], after: Mapping[str, Score]) -> None:
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old is None or not math.isfinite(old.value):
            if new is not None:
                pairs.new.append(Check(address, key, "new", got=new.value, unit=new.unit))
            continue
        was = Base(old.value, None, old.unit, old.direction)
        if new is None:
            pairs.lost.append(Check(address, key, "missing", was, reason="the cell has no such score any more"))
        elif difference := differing(measured(old), new):
            pairs.aside.append(Check(address, key, "incomparable", was, new.value, new.unit, difference))
        elif not math.isfinite(new.value):
            words = f"the value is {new.value}"
            pairs.lost.append(Check(address, key, "nonfinite", was, unit=new.unit, reason=words))
        else:
            pairs.scores[without_seed(address), key][seed] = old, new


def _judge(place: tuple[str, str], seeds: Seeds, entry: Expectation | None, checks: int) -> Check:
    ordered = [seeds[seed] for seed in sorted(seeds)]
    base, head = ([pair[side].value for pair in ordered] for side in (0, 1))
    score = ordered[0][0]
    images = min((n for n in (score.protocol.n_real, score.protocol.n_fake) if n), default=0)
    if entry is not None:
        tolerance: float | None = recorded_tolerance(entry, len(seeds), images)
    else:
        tolerance = own_tolerance(base, head, checks, unit=score.unit, images=images)
    gains = [gain(score.direction, old, new) for old, new in zip(base, head, strict=True)]
    found = decide(gains, tolerance, fmean(base))
    yardstick = Base(fmean(base), found.tolerance, score.unit, score.direction)
    cell = f"{place[0]}/s{_span(sorted(seeds))}"
    return Check(cell, place[1], found.verdict, yardstick, fmean(head), score.unit, found.words)


def _gated(result: Mapping[str, Any] | None, address: str, leave: list[str]) -> dict[str, Score]:
    """The scores that are compared, of a cell that is ok."""
    if result is None or result.get("status") != "ok":
        return {}
    # The file's globs are over addresses at the gate's seed, which is the lowest: 0.
    first = f"{without_seed(address)}/s0"
    return {
        key: score
        for key, score in scores_of(result).items()
        if is_gated(score) and not left_out(leave, first, key) and not left_out(leave, address, key)
    }


def _lost_cell(address: str, result: Mapping[str, Any] | None, scores: int) -> Check:
    key = f"({scores} score{'s' * (scores != 1)})"
    if result is None:
        return Check(address, key, "missing", reason="the base has this cell, the head has no result", whole_cell=True)
    status, reason = result.get("status"), result.get("reason")
    words = f"the cell's status is {status}" + (f": {reason}" if reason else "")
    return Check(address, key, "cell", reason=f"{words}; it was ok in the base", whole_cell=True)


def _notes(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a reader has to know before believing a difference, or the lack of one."""
    both = [(before[address], after[address]) for address in sorted({*before} & {*after})]
    notes = []
    same = sum(bool(old.get("journal")) and old.get("journal") == new.get("journal") for old, new in both)
    if same:
        notes.append(
            f"{same} of {len(both)} cells are the very same run on both sides, so they say nothing; "
            "`retable run --fresh` runs them anew"
        )
    for key in ("device", "cpu", "torch"):
        here, there = (
            sorted({str(pair[side].get("environment", {}).get(key, "")) for pair in both} - {""}) for side in (0, 1)
        )
        if here and there and here != there:
            notes.append(f"the base ran with {key} {', '.join(here)}, the head with {', '.join(there)}")
    data = {
        name
        for old, new in both
        for name, digest in (old.get("data") or {}).items()
        if (new.get("data") or {}).get(name, digest) != digest
    }
    if data:
        notes.append(f"the data changed between the runs: {', '.join(sorted(data))}")
    return notes


def _aside_notes(aside: Sequence[Check]) -> list[str]:
    notes = []
    different = [check for check in aside if check.verdict == "incomparable"]
    if different:
        first = different[0]
        notes.append(
            f"{_are(len(different))} measured differently and not compared, "
            f"e.g. {first.cell} {first.key}: {first.reason}"
        )
    if len(aside) > len(different):
        notes.append(f"{_are(len(aside) - len(different))} undecided: no expectation, and too few seeds for a spread")
    return notes


def _are(scores: int) -> str:
    return "1 score is" if scores == 1 else f"{scores} scores are"


def _nothing(suite: str, against: str, pairs: _Pairs) -> str:
    words = "; ".join(_aside_notes(pairs.aside)) or "they have no cell in common that was ok in the base"
    return f"{suite} against {against}: nothing could be decided ({words})"


def _seed(result: Mapping[str, Any]) -> int:
    return int(result["cell"].get("seed", 0))


def _span(seeds: Sequence[int]) -> str:
    """``0-2`` for neighbours, ``0,2`` for others."""
    if len(seeds) > 1 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))
