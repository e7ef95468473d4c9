"""Whether one score of two runs differs for a reason: paired differences over seeds, and how large chance makes them.

The two runs have a score of the same cell at the same seeds; the gain of a pair is how much better the head is than the
base. A score is worse (or better) when **both** hold:

1. *The seeds agree.* From five pairs on the bootstrap's 95 % interval of the mean gain lies on one side of zero; with
   fewer every single gain does.
2. *The mean gain is beyond the tolerance.* Hundreds of scores are compared at once, so of the 95 % intervals alone
   dozens lie beside zero in two runs of the same code. The tolerance is made for all comparisons together.

With n pairs the mean gain of two equally good runs has the variance 2 s^2 / n at most: s is the score's standard
deviation over seeds, and pairs that share data and judges vary less. So the tolerance is

    recorded * sqrt(2 / n) / sqrt(1 + 1/m)      where the suite has an expectation, made from m seeds: the recorded
                                                tolerance is k s with k = t(1 - a; m - 1) * sqrt(1 + 1/m);
    t(1 - A/C; 2(n - 1)) * s * sqrt(2 / n)      elsewhere, from three pairs on: s from both runs' own seeds, pooled,
                                                C comparisons, A = 0.05;

and never less than the floor of :mod:`benchmarks.gate.tolerance`. By Bonferroni's inequality two equally good runs
differ in *any* of C comparisons with probability A at most; Holm's procedure would gain nothing where one score in
hundreds has changed. One or two pairs without an expectation have no spread, and decide nothing unless they are equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean
from typing import Literal

import numpy as np

from benchmarks.gate.expectations import Expectation
from benchmarks.gate.tolerance import FALSE_ALARMS, floor
from reports.statistics import INTERVAL_FROM, bootstrap_interval

MIN_PAIRS = 3
"""Fewer say nothing about a spread."""


@dataclass(frozen=True)
class Decision:
    """What the pairs of one score say."""

    verdict: Literal["ok", "worse", "better", "undecided"]
    gain: float
    """Mean over the pairs, in the score's unit; positive where the head is better."""
    tolerance: float | None
    words: str
    """The evidence: the interval, or the points."""


def decide(gains: Sequence[float], tolerance: float | None, scale: float) -> Decision:
    """Judge the gains of at least one pair.

    Args:
        gains: how much better the head is, a pair of seeds each; finite.
        tolerance: how far the mean may be from zero by chance; ``None`` where nobody knows.
        scale: size of the score, for what lies below its recorded digits.
    """
    mean = fmean(gains)
    if tolerance is None:
        verdict: Literal["ok", "undecided"] = "undecided" if any(gains) else "ok"
        return Decision(verdict, mean, None, f"{_points(gains)}; without an expectation {MIN_PAIRS} seeds are needed")
    if abs(mean) <= tolerance + 1e-5 * abs(scale):
        return Decision("ok", mean, tolerance, _points(gains))
    # Only here: a bootstrap for every score of two equal runs would take most of the comparison's time.
    if len(gains) >= INTERVAL_FROM:
        low, high = bootstrap_interval(gains)
        words = f"{len(gains)} pairs, 95 % interval {low:+.4g} to {high:+.4g}"
    else:
        low, high = min(gains), max(gains)
        words = _points(gains)
    if high < 0:
        return Decision("worse", mean, tolerance, words)
    if low > 0:
        return Decision("better", mean, tolerance, words)
    return Decision("ok", mean, tolerance, f"{words}; the seeds disagree")


def recorded_tolerance(entry: Expectation, pairs: int, images: int) -> float:
    """How far the mean gain of ``pairs`` pairs may be from zero, from the recorded tolerance of one run."""
    scaled = entry.tolerance * math.sqrt(2 / pairs) / math.sqrt(1 + 1 / entry.seeds)
    return max(scaled, floor(entry.value, entry.unit, images))


def own_tolerance(
    base: Sequence[float], head: Sequence[float], checks: int, *, unit: str, images: int, alarms: float = FALSE_ALARMS
) -> float | None:
    """The same from the two runs' own spread over seeds; ``None`` below :data:`MIN_PAIRS`."""
    pairs = len(base)
    if pairs < MIN_PAIRS:
        return None
    spread = math.sqrt(float(np.var(base, ddof=1) + np.var(head, ddof=1)) / 2)
    return max(_factor(pairs, checks, alarms) * spread, floor(fmean(base), unit, images))


@lru_cache
def _factor(pairs: int, checks: int, alarms: float) -> float:
    from scipy.stats import t

    return float(t.isf(alarms / checks, 2 * (pairs - 1))) * math.sqrt(2 / pairs)


def _points(gains: Sequence[float]) -> str:
    several = f"{len(gains)} pairs: " if len(gains) > 1 else "1 pair: "
    return several + ", ".join(f"{gain:+.4g}" for gain in gains)
