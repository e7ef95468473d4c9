"""Two runs of a suite, cell by cell: the head's scores held against the base's, paired by seed.

:mod:`retable.benchmarks.gate.paired` has the statistics. Besides a score that got worse these are regressions: a cell
that is missing or not ok in the head and ok in the base, a score that the head's cell no longer has, and one that is
not finite any more. New cells, cells that failed in the base already, scores that were measured differently, and cells
that are one run on both sides are told and turn nothing red.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.gate.compare import by_address, is_gated, scores_of, without_seed
from retable.benchmarks.gate.expectations import Expectation, Expectations, alarms, differing, left_out, measured
from retable.benchmarks.gate.notes import aside_notes, is_same_run, notes, same_run_notes
from retable.benchmarks.gate.paired import HALF, judge
from retable.benchmarks.gate.verdict import Base, Check, GateReport
from retable.benchmarks.plan.select import idle, matches
from retable.reports.records.score import Score

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
    pairs.notes += [*same_run_notes(suite, before, after), *notes(before, after)]
    known = {(without_seed(entry.cell), entry.key): entry for entry in expectations.score} if expectations else {}
    decided: list[Check] = []
    chance = 0.0
    for place, seeds in sorted(pairs.scores.items()):
        entry = known.get(place)
        if entry is not None and entry.differs_from(seeds[min(seeds)][0]):
            entry = None
        check, share = _judge(place, seeds, entry, expectations, len(pairs.scores))
        chance += share
        (pairs.aside if check.verdict == "undecided" else decided).append(check)
    if not decided and not pairs.lost:
        words = [*same_run_notes(suite, before, after), *aside_notes(pairs.aside)]
        why = "; ".join(words) or "they have no cell in common that was ok in the base"
        raise UserError(f"{suite} against {against}: nothing could be decided ({why})")
    if chance:
        pairs.notes.append(f"an equally good head is red by chance with a probability of at most {chance:.2g}")
    pairs.notes += aside_notes(pairs.aside)
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
        elif is_same_run(old, new):
            pairs.aside += [_same_run(address, *pair) for pair in scores[0].items()]
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


def _same_run(address: str, key: str, score: Score) -> Check:
    yardstick = Base(score.value, None, score.unit, score.direction)
    return Check(address, key, "same", yardstick, score.value, score.unit, "one run on both sides says nothing")


def _judge(
    place: tuple[str, str], seeds: Seeds, entry: Expectation | None, expectations: Expectations | None, checks: int
) -> tuple[Check, float]:
    """The verdict on a score, and how probable it is that chance alone turns it red."""
    score = seeds[min(seeds)][0]
    base, head = ({seed: pair[side].value for seed, pair in seeds.items()} for side in (0, 1))
    images = min((n for n in (score.protocol.n_real, score.protocol.n_fake) if n), default=0)
    found = judge(base, head, checks, direction=score.direction, unit=score.unit, images=images, entry=entry)
    chance = 0.0
    if found.tolerance is not None:
        chance = alarms(entry, expectations) if entry and expectations else HALF / checks
    if found.lone is not None:
        chance += HALF / checks
    yardstick = Base(fmean(base.values()), found.tolerance, score.unit, score.direction)
    cell = f"{place[0]}/s{_span(sorted(seeds))}"
    got = fmean(head.values())
    return Check(cell, place[1], found.verdict, yardstick, got, score.unit, found.words), chance


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


def _seed(result: Mapping[str, Any]) -> int:
    return int(result["cell"].get("seed", 0))


def _span(seeds: Sequence[int]) -> str:
    """``0-2`` for neighbours, ``0,2`` for others."""
    if len(seeds) > 1 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))
