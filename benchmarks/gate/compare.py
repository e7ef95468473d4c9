"""Results against expectations: one verdict per expected score."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.expectations import Expectation, Expectations, left_out, score_key
from retable.benchmarks.gate.verdict import Check, GateReport, Verdict, gain
from retable.reports.records.score import Score

LastGreen = Mapping[str, Mapping[str, float]]
"""Address -> score key (:func:`~retable.benchmarks.gate.expectations.score_key`) -> value, of the last green run."""
_TIMED_UNITS = ("s", "ms", "images/s", "MiB", "W", "J")


def compare(
    expectations: Expectations, results: Sequence[Mapping[str, Any]], last_green: LastGreen | None = None
) -> GateReport:
    """Decide every expected score.

    Args:
        expectations: what was recorded.
        results: contents of ``result.json`` files; those of other seeds than the gate's are passed over.
        last_green: values of the last green run, shown beside; they change no verdict.

    Raises:
        UserError: a result is no result, or two different cells have the same address.
    """
    found = by_address(results)
    scores = {address: scores_of(result) for address, result in found.items()}
    checks = []
    for entry in sorted(expectations.score, key=lambda entry: (entry.cell, entry.key)):
        before = (last_green or {}).get(entry.cell, {}).get(entry.key)
        checks.append(_check(entry, found.get(entry.cell), scores.get(entry.cell, {}), before))
    expected = {(entry.cell, entry.key) for entry in expectations.score}
    too_noisy = {*expectations.cannot_fail}
    gone = [
        check
        for cell, _, key in (place.partition(" ") for place in sorted(too_noisy))
        if (found.get(cell) or {}).get("status") == "ok" and (check := _gone(cell, key, scores[cell].get(key)))
    ]
    cells = [cell for cell, _ in expected] + [place.partition(" ")[0] for place in too_noisy]
    gated_seeds = {without_seed(cell): cell for cell in cells}
    unexpected = [
        Check(address, key, "new", got=score.value, unit=score.unit)
        for address in sorted(scores)
        for key, score in sorted(scores[address].items())
        if gated_seeds.get(without_seed(address), address) == address
        and (address, key) not in expected
        and is_gated(score)
        and not left_out(expectations.leave_out, address, key)
    ]
    new = [check for check in unexpected if f"{check.cell} {check.key}" not in too_noisy]
    blunt = len(unexpected) - len(new) - sum(check.verdict == "nonfinite" for check in gone)
    notes = []
    devices = {str(result.get("environment", {}).get("device", "")) for result in found.values()} - {""}
    if found and devices and devices != {expectations.made.device}:
        notes.append(
            f"expectations were made on {expectations.made.device!r}, these results on "
            f"{' and '.join(repr(device) for device in sorted(devices))}; tolerances may not cover the difference"
        )
    green = last_green is not None
    return GateReport(expectations.suite, tuple(checks + gone), tuple(new), tuple(notes), green, cannot_fail=blunt)


def _gone(cell: str, key: str, score: Score | None) -> Check | None:
    """What turns a score red whose value nobody can judge: it has none any more."""
    if score is None:
        return Check(cell, key, "missing", reason="the cell has no such score any more")
    if not math.isfinite(score.value):
        return Check(cell, key, "nonfinite", unit=score.unit, reason=f"the value is {score.value}")
    return None


def is_gated(score: Score) -> bool:
    """Whether a score may be gated: it has a direction and is no timing, which would say more about the machine."""
    timed = score.unit in _TIMED_UNITS or "timer=" in score.protocol.detail
    return score.direction != "none" and not timed


def without_seed(address: str) -> str:
    """``dtn/dtn/digits/s3`` -> ``dtn/dtn/digits``."""
    return re.sub(r"/s\d+$", "", address)


def by_address(results: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Address -> result; of several results of one cell the last one.

    Raises:
        UserError: a result without a cell, or two different cells of the same address.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for result in results:
        cell = result.get("cell")
        if not isinstance(cell, Mapping) or not isinstance(cell.get("address"), str):
            raise UserError("a result.json has no cell address; was it written by `retable run`?")
        address = cell["address"]
        if address in found and found[address]["cell"].get("hash") != cell.get("hash"):
            raise UserError(
                f"two different cells have the address {address!r} (hashes {found[address]['cell'].get('hash')} and "
                f"{cell.get('hash')}): give the gate the results of one suite"
            )
        found[address] = result
    return found


def scores_of(result: Mapping[str, Any]) -> dict[str, Score]:
    """Score key -> score.

    Raises:
        UserError: something in ``scores`` is not a score.
    """
    scores: dict[str, Score] = {}
    for data in result.get("scores") or []:
        try:
            # A value that JSON could not hold arrives as null; it is judged as "not finite", not as malformed.
            value = math.nan if data.get("value") is None else data["value"]
            score = Score.model_validate({**data, "value": value})
        except (ValidationError, AttributeError) as error:
            raise UserError(
                f"{result['cell']['address']}: its result.json holds {data!r}, which is no score"
            ) from error
        scores[score_key(score.name, score.slice)] = score
    return scores


def _check(
    entry: Expectation, result: Mapping[str, Any] | None, scores: Mapping[str, Score], before: float | None
) -> Check:
    def verdict(word: Verdict, reason: str = "", got: float | None = None, *, whole_cell: bool = False) -> Check:
        return Check(entry.cell, entry.key, word, entry, got, entry.unit, reason, before, whole_cell)

    if result is None:
        return verdict("missing", "the cell has no result", whole_cell=True)
    if result.get("status") != "ok":
        status, reason = result.get("status"), result.get("reason")
        return verdict("cell", f"the cell's status is {status}" + (f": {reason}" if reason else ""), whole_cell=True)
    score = scores.get(entry.key)
    if score is None:
        return verdict("missing", "the cell has no such score")
    if difference := entry.differs_from(score):
        return verdict("incomparable", difference, score.value)
    if not math.isfinite(score.value):
        return verdict("nonfinite", f"the value is {score.value}")
    by = gain(entry.direction, entry.value, score.value)
    # Values are recorded with six digits; what lies below them must not decide.
    allowed = entry.tolerance + 1e-5 * abs(entry.value)
    if by < -allowed:
        return verdict("worse", got=score.value)
    return verdict("better" if by > allowed else "ok", got=score.value)
