"""What ``retable gate --accept`` does: today's scores become expectations, all of them or those of some cells."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.gate.compare import by_address
from retable.benchmarks.gate.expectations import Expectations, Later, alarms, load, save
from retable.benchmarks.gate.record import Accepted, record
from retable.benchmarks.gate.tolerance import FALSE_ALARMS
from retable.benchmarks.plan.select import idle, matches


def accept(
    suite: str,
    results: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    only: str | None = None,
    false_alarms: float = FALSE_ALARMS,
    today: datetime.date | None = None,
) -> Accepted:
    """Make the results the expectations, and write them to ``path``; with ``only`` those of some cells, the rest stays.

    Scores with results of at least five seeds get new tolerances. With fewer seeds a score's old tolerance is kept and
    only its value moves.

    Raises:
        UserError: a cell that is not ok, a value that is not finite, results of several devices, seeds that were not
            measured alike, a recorded cell without a result, or a changed protocol without five seeds. Then nothing is
            written.
    """
    old = load(path) if path.exists() else None
    if only is None:
        accepted = record(suite, results, old, false_alarms=false_alarms, today=today)
    elif old is None:
        raise UserError(f"{path}: nothing is recorded yet, so there is no part to renew; accept without --only first")
    else:
        accepted = record_part(suite, results, old, only, false_alarms=false_alarms, today=today)
    save(path, accepted.expectations)
    return accepted


def record_part(
    suite: str,
    results: Sequence[Mapping[str, Any]],
    old: Expectations,
    only: str,
    *,
    false_alarms: float = FALSE_ALARMS,
    today: datetime.date | None = None,
) -> Accepted:
    """The old expectations with those of the cells that the glob ``only`` picks renewed, and no other touched.

    New tolerances are made for the number of checks that the whole file then has. What is kept was made for fewer, so
    that the whole gate's rate of false alarms grows a little; a note says to how much.
    """
    kept = [entry for entry in old.score if not matches(entry.cell, only)]
    mine, found = picked(old, results, only)
    devices = {str(result.get("environment", {}).get("device", "")) for result in found} - {""}
    if kept and devices - {old.made.device}:
        raise UserError(
            f"cannot accept a part: the kept expectations were made on {old.made.device!r}, these results on "
            f"{' and '.join(repr(device) for device in sorted(devices))}; run the whole suite"
        )
    part = record(suite, found, mine, besides=len(kept), false_alarms=false_alarms, today=today)
    moved = part.expectations.moved
    how = Later(only=only, **(moved or part.expectations.made).model_dump())
    earlier = [other for other in old.later if other.only != only or (moved is not None and other.checks)]
    score = sorted([*kept, *part.expectations.score], key=lambda entry: (entry.cell, entry.key))
    blunt = sorted({*old.cannot_fail} - {*mine.cannot_fail} | {*part.expectations.cannot_fail})
    whole = old.model_copy(update={"later": [*earlier, how], "cannot_fail": blunt, "score": score})
    rate = sum(alarms(entry, whole) for entry in whole.score)
    note = f"{len(kept)} expectations of other cells are as they were; all together are red by chance with at most"
    return Accepted(whole, (*part.notes, f"{note} {rate:.3g}"))


def picked(
    expectations: Expectations, results: Sequence[Mapping[str, Any]], only: str
) -> tuple[Expectations, list[Mapping[str, Any]]]:
    """Expectations and results of the cells whose address the glob ``only`` picks.

    Raises:
        UserError: it picks none.
    """
    found = by_address(results)
    chosen = [result for address, result in found.items() if matches(address, only)]
    score = [entry for entry in expectations.score if matches(entry.cell, only)]
    blunt = [place for place in expectations.cannot_fail if matches(place.partition(" ")[0], only)]
    known = {*found, *(entry.cell for entry in expectations.score)}
    if (none := idle(only, known)) is not None:
        raise UserError(f"--only {none!r} matches no cell{did_you_mean(none, known)}")
    return expectations.model_copy(update={"cannot_fail": blunt, "score": score}), chosen
