"""What a gate says, whichever gate it is: one check for every score, and the report that they make together.

A score is held against a :class:`Yardstick`: a recorded expectation (:mod:`retable.benchmarks.gate.compare`), or the
same score of another run (:mod:`retable.benchmarks.gate.against`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

Verdict = Literal["ok", "better", "worse", "nonfinite", "incomparable", "missing", "cell", "new", "undecided", "same"]
FAILURES: tuple[Verdict, ...] = ("cell", "missing", "incomparable", "nonfinite", "worse")
"""Verdicts that turn the gate red; ``cell`` means that the cell itself did not end well."""


class Yardstick(Protocol):
    """What a score is held against."""

    @property
    def value(self) -> float:
        """What it should be, in the score's unit."""

    @property
    def tolerance(self) -> float | None:
        """How much worse is still no failure; ``None`` where nobody knows the spread."""

    @property
    def unit(self) -> str:
        """The score's unit."""

    @property
    def direction(self) -> str:
        """``higher`` or ``lower``."""


@dataclass(frozen=True)
class Base:
    """A yardstick made of another run."""

    value: float
    tolerance: float | None
    unit: str
    direction: str


@dataclass(frozen=True)
class Check:
    """One score beside what it is held against."""

    cell: str
    key: str
    verdict: Verdict
    expected: Yardstick | None = None
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
        if self.expected is None or self.got is None:
            return None
        return gain(self.expected.direction, self.expected.value, self.got)

    @property
    def change(self) -> float | None:
        """How much better than in the last green run, in the score's unit."""
        if self.expected is None or self.got is None or self.before is None:
            return None
        return gain(self.expected.direction, self.before, self.got)

    @property
    def tolerances(self) -> float | None:
        """:attr:`gain` in tolerances: below -1 fails, above 1 asks for a new expectation."""
        return None if self.expected is None else _ratio(self.gain, self.expected.tolerance)


@dataclass(frozen=True)
class GateReport:
    """Every check of a gate, in order, and what is no check."""

    suite: str
    checks: tuple[Check, ...]
    new: tuple[Check, ...] = ()
    """Scores that there is nothing to hold against."""
    notes: tuple[str, ...] = ()
    against_green: bool = False
    """Whether there was a last green run to compare with."""
    against: str = ""
    """The run that the scores are held against; empty where they are held against recorded expectations."""
    aside: tuple[Check, ...] = ()
    """Scores of both runs that cannot be held against each other. They turn nothing red."""
    cannot_fail: int = 0
    """How many scores are too noisy for an expectation that could fail."""

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
        """The checks whose score got better by more than the tolerance."""
        return tuple(check for check in self.checks if check.verdict == "better")


def gain(direction: str, start: float, end: float) -> float:
    """How much better ``end`` is than ``start``; negative if it is worse."""
    return end - start if direction == "higher" else start - end


def _ratio(by: float | None, tolerance: float | None) -> float | None:
    if by is None or tolerance is None or not math.isfinite(by):
        return None
    return by / tolerance if tolerance > 0 else math.copysign(math.inf, by) if by else 0.0
