"""Results against expectations: one verdict per expected score."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from benchmarks.errors import UserError
from benchmarks.gate.expectations import Expectation, Expectations, left_out, score_key
from benchmarks.metrics.protocol import Score

Verdict = Literal["ok", "better", "worse", "nonfinite", "incomparable", "missing", "cell", "new"]
FAILURES: tuple[Verdict, ...] = ("cell", "missing", "incomparable", "nonfinite", "worse")
"""Verdicts that turn the gate red; ``cell`` means that the cell itself did not end well."""
LastGreen = Mapping[str, Mapping[str, float]]
"""Address -> score key (:func:`~benchmarks.gate.expectations.score_key`) -> value, of the last green run."""
_TIMED_UNITS = ("s", "ms", "images/s", "MiB", "W", "J")


@dataclass(frozen=True)
class Check:
    """One expected score beside what was measured."""

    cell: str
    key: str
    verdict: Verdict
    expected: Expectation | None = None
    got: float | None = None
    unit: str = ""
    reason: str = ""
    before: float | None = None
    """The value in the last green run, where there is one."""
    whole_cell: bool = False
    """Whether the cell as a whole is to blame, so that all of its checks say the same."""

    @property
    def failed(self) -> bool:
        """Whether this check turns the gate red."""
        return self.verdict in FAILURES

    @property
    def gain(self) -> float | None:
        """How much better than expected, in the score's unit; negative if worse, ``None`` without two numbers."""
        return (
            None if self.expected is None or self.got is None else _gain(self.expected, self.expected.value, self.got)
        )

    @property
    def change(self) -> float | None:
        """How much better than in the last green run, in the score's unit."""
        if self.expected is None or self.got is None or self.before is None:
            return None
        return _gain(self.expected, self.before, self.got)

    @property
    def tolerances(self) -> float | None:
        """:attr:`gain` in tolerances: below -1 fails, above 1 asks for a new expectation."""
        return None if self.expected is None else _ratio(self.gain, self.expected.tolerance)


@dataclass(frozen=True)
class GateReport:
    """Every check of a gate, in the order of the file, and what has no expectation."""

    suite: str
    checks: tuple[Check, ...]
    new: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    against_green: bool = False
    """Whether there was a last green run to compare with."""

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that turn the gate red."""
        return tuple(check for check in self.checks if check.failed)

    @property
    def ok(self) -> bool:
        """Whether the gate is green."""
        return not self.failures

    @property
    def better(self) -> tuple[Check, ...]:
        """The checks whose expectation should be updated."""
        return tuple(check for check in self.checks if check.verdict == "better")


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
    gated_seeds = {without_seed(cell): cell for cell, _ in expected}
    new = [
        Check(address, key, "new", got=score.value, unit=score.unit)
        for address in sorted(scores)
        for key, score in sorted(scores[address].items())
        if gated_seeds.get(without_seed(address), address) == address
        and (address, key) not in expected
        and is_gated(score)
        and not left_out(expectations.leave_out, address, key)
    ]
    notes = []
    devices = {str(result.get("environment", {}).get("device", "")) for result in found.values()} - {""}
    if found and devices and devices != {expectations.made.device}:
        notes.append(
            f"expectations were made on {expectations.made.device!r}, these results on "
            f"{' and '.join(repr(device) for device in sorted(devices))}; tolerances may not cover the difference"
        )
    return GateReport(expectations.suite, tuple(checks), tuple(new), tuple(notes), last_green is not None)


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
    gain = _gain(entry, entry.value, score.value)
    # Values are recorded with six digits; what lies below them must not decide.
    allowed = entry.tolerance + 1e-5 * abs(entry.value)
    if gain < -allowed:
        return verdict("worse", got=score.value)
    return verdict("better" if gain > allowed else "ok", got=score.value)


def _gain(entry: Expectation, start: float, end: float) -> float:
    return end - start if entry.direction == "higher" else start - end


def _ratio(gain: float | None, tolerance: float) -> float | None:
    if gain is None or not math.isfinite(gain):
        return None
    return gain / tolerance if tolerance > 0 else math.copysign(math.inf, gain) if gain else 0.0
