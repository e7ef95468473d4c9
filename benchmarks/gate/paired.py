"""Whether one score of two runs differs for a reason: differences over seeds, and how large chance makes them.

The two runs have a score of the same cell at the same seeds; the gain of a pair is how much better the head is than the
base. A score is worse in one of two ways, and better in the first alone.

*By its mean*, when **both** hold:

1. The seeds agree. From five pairs on the bootstrap's 95 % interval of the mean gain lies on one side of zero; with
   fewer every single gain does.
2. The mean gain is beyond the tolerance. Hundreds of scores are compared at once, so of the 95 % intervals alone dozens
   lie beside zero in two runs of the same code. The tolerance is made for all C comparisons together.

With n pairs the mean gain of two equally good runs has the variance 2 s^2 / n at most: s is the score's standard
deviation over seeds, and pairs that share data and judges vary less. So the tolerance is

    recorded * sqrt(2 / n) / sqrt(1 + 1/m)      where the suite has an expectation, made from m seeds: the recorded
                                                tolerance is k s with k = t(1 - a; m - 1) * sqrt(1 + 1/m);
    t(1 - A/2C; 2(n - 1)) * s * sqrt(2 / n)     elsewhere, from three pairs on: s from both runs' own seeds, pooled,
                                                and A = 0.05;

and never less than the floor of :mod:`retable.benchmarks.gate.tolerance`.

*By a lone seed.* A head that collapses on some of the seeds would pay for its own tolerance: the collapse widens the
spread, and the seeds that it spared disagree. So a score is worse as well when its mean loss is above the floor and the
head at any one seed is further below the base's mean than a prediction interval in which the head has no part:

    t(1 - A/2Cn; f) * s * sqrt(1 + 1/n)         s from the base's n seeds, three at least: f = n - 1.

An expectation's m seeds have the same spread and join: s^2 = ((n - 1) s_base^2 + (m - 1) s_recorded^2) / f with
f = n + m - 2, from two pairs on (one pair is its own mean). One value shows what a mean hides, so two things count:

* Scores in % move in steps of one image. Three equal values of few images are no proof that s is zero, so step^2 / 12,
  the variance that rounding to a step takes away, is added to s^2.
* Losses and distances vary by factors, with the long tail on the bad side, where a normal distribution has none. So
  scores that are better the lower, positive and not in % are held against each other in logarithms.

By Bonferroni's inequality two equally good runs differ in *any* of C comparisons with probability A at most, half of it
for means and half for lone seeds; with expectations the means have the probability that the file was made for. Holm's
procedure would gain nothing where one score in hundreds has changed. One or two pairs without an expectation have no
spread, and decide nothing unless they are equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import fmean
from typing import Literal

import numpy as np

from retable.benchmarks.gate.expectations import Expectation
from retable.benchmarks.gate.tolerance import FALSE_ALARMS, factor, floor
from retable.benchmarks.gate.verdict import gain
from retable.reports.compute.statistics import INTERVAL_FROM, bootstrap_interval

MIN_PAIRS = 3
"""Fewer say nothing about a spread."""
HALF = FALSE_ALARMS / 2
"""The probability that any mean is red by chance, and that any lone seed is."""
LARGEST = 700.0
"""A logarithm whose number is still finite."""


@dataclass(frozen=True)
class Decision:
    """What the pairs of one score say."""

    verdict: Literal["ok", "worse", "better", "undecided"]
    gain: float
    """Mean over the pairs, in the score's unit; positive where the head is better."""
    tolerance: float | None
    words: str
    """The evidence: the interval, the points, or the lone seeds."""
    lone: float | None = None
    """How far one seed may be below the base's mean; ``None`` where no spread is known."""


def judge(
    base: Mapping[int, float],
    head: Mapping[int, float],
    checks: int,
    *,
    direction: str,
    unit: str,
    images: int,
    entry: Expectation | None = None,
) -> Decision:
    """Hold the head's values of one score against the base's, by their mean and seed by seed.

    Args:
        base: seed -> value, in the score's unit; finite.
        head: the same seeds.
        checks: C, how many scores are compared.
        direction: ``higher`` or ``lower``.
        unit: the score's unit.
        images: how many the score was measured on, 0 if not counted.
        entry: the score's expectation, if there is one.
    """
    old, new = ([side[seed] for seed in sorted(base)] for side in (base, head))
    mean = fmean(old)
    if entry is not None:
        tolerance: float | None = recorded_tolerance(entry, len(old), images)
    else:
        tolerance = own_tolerance(old, new, checks, unit=unit, images=images)
    found = decide([gain(direction, *pair) for pair in zip(old, new, strict=True)], tolerance, mean)
    lone = lone_tolerance(old, checks, direction=direction, unit=unit, images=images, entry=entry)
    if lone is None:
        return found
    losses = {seed: -gain(direction, mean, value) for seed, value in head.items()}
    beyond = lone_seeds(losses, lone, floor(mean, unit, images), mean)
    if found.verdict != "ok" or not beyond:
        return replace(found, lone=lone)
    seeds, worse = ", ".join(map(str, beyond)), ", ".join(f"{losses[seed]:.4g}" for seed in beyond)
    points = " points" if unit == "%" else f" {unit}" if unit else ""
    by = "the base's seeds" if entry is None else "the base's and the recorded seeds"
    words = f"seed{'s' * (len(beyond) > 1)} {seeds} alone: {worse}{points} worse, ± {lone:.4g} by {by}"
    return replace(found, verdict="worse", words=words, lone=lone)


def decide(gains: Sequence[float], tolerance: float | None, scale: float) -> Decision:
    """Judge the mean gain of at least one pair.

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
    base: Sequence[float], head: Sequence[float], checks: int, *, unit: str, images: int, alarms: float = HALF
) -> float | None:
    """The same from the two runs' own spread over seeds; ``None`` below :data:`MIN_PAIRS`."""
    pairs = len(base)
    if pairs < MIN_PAIRS:
        return None
    spread = math.sqrt(float(np.var(base, ddof=1) + np.var(head, ddof=1)) / 2)
    return max(_factor(pairs, checks, alarms) * spread, floor(fmean(base), unit, images))


def lone_tolerance(
    base: Sequence[float],
    checks: int,
    *,
    direction: str,
    unit: str,
    images: int,
    entry: Expectation | None = None,
    alarms: float = HALF,
) -> float | None:
    """How much worse than the base's mean the head may be at one seed, in the score's unit.

    ``None`` with too few seeds for a spread.
    """
    pairs = len(base)
    if pairs < (MIN_PAIRS if entry is None else 2):
        return None
    logarithms = direction == "lower" and unit != "%" and min(base) > 0 and (entry is None or entry.value > 0)
    values = np.log(base) if logarithms else np.asarray(base)
    freedom = pairs - 1
    squares = freedom * float(values.var(ddof=1))
    if entry is not None:
        freedom += entry.seeds - 1
        # A small spread of logarithms is the spread as a part of the value.
        squares += (entry.seeds - 1) * (entry.spread / entry.value if logarithms else entry.spread) ** 2
    step = 100 / images if unit == "%" and images else 0.0
    reach = factor(pairs, checks * pairs, alarms, freedom) * math.sqrt(squares / freedom + step**2 / 12)
    if not logarithms:
        return reach
    return max(0.0, math.exp(min(float(values.mean()) + reach, LARGEST)) - fmean(base))


def lone_seeds(losses: Mapping[int, float], tolerance: float, least: float, scale: float) -> list[int]:
    """The seeds at which the head is worse than chance explains; none where the mean loss is small.

    Args:
        losses: seed -> how much worse the head is there than the base's mean.
        tolerance: how much chance explains at one seed.
        least: the floor, which the mean loss has to exceed.
        scale: size of the score, for what lies below its recorded digits.
    """
    digits = 1e-5 * abs(scale)
    if fmean(losses.values()) <= least + digits:
        return []
    return [seed for seed, loss in sorted(losses.items()) if loss > tolerance + digits]


@lru_cache
def _factor(pairs: int, checks: int, alarms: float) -> float:
    from scipy.stats import t

    return float(t.isf(alarms / checks, 2 * (pairs - 1))) * math.sqrt(2 / pairs)


def _points(gains: Sequence[float]) -> str:
    several = f"{len(gains)} pairs: " if len(gains) > 1 else "1 pair: "
    return several + ", ".join(f"{gain:+.4g}" for gain in gains)
