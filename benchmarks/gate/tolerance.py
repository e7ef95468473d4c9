"""How far a score may fall before the gate is red.

**Against recorded expectations** (``retable gate``) a tolerance is a prediction interval for one new run, from at least
five seeds. Let x_1..x_n be a score's values over n >= 5 seeds with mean m and standard deviation s. If nothing changed
but chance (another machine's rounding, another order of random draws), one new value x is a draw from the same
distribution, and (x - m) / (s * sqrt(1 + 1/n)) follows Student's t with n - 1 degrees of freedom. So x is worse than m
by more than k * s with probability a where

    k = t(1 - a; n - 1) * sqrt(1 + 1/n).

A gate of C checks takes a = A / C with A = 0.05. By Bonferroni's inequality, which asks for no independence between
checks, an equally good fresh run turns *any* check red with probability at most A: one run in twenty. On the machine
and the code that made the expectations, a run repeats a recorded seed exactly, and there are no false alarms at all,
because a tolerance also covers every recorded value:

    tolerance = max(k * s, max_i |x_i - m|, floor).

The floor stands for what seeds do not show, such as judges (always of seed 0) that another machine's rounding changes.
For scores in % it is one percentage point or three images, whichever is more; for others it is 2 % of the value. A
relative tolerance is undefined at zero, so a value of zero that was counted over images may become three of them. Each
``max`` can only lower the rate of false alarms.

The rate assumes scores that are normal over seeds (a method that collapses on one seed in ten needs more than five),
tolerances that were made together, and values from the same seeds (a value that was moved to a single run's is less
certain than a mean). k falls quickly with n: for C = 100 it is 9.4 for 5 seeds, 5.7 for 8 and 5.0 for 10, so a few
further seeds make a much sharper gate.

**Against another run** (``retable gate --against``) scores are paired by seed. Half of A is for means, half for lone
seeds. With n pairs the mean gain of two equally good runs has the variance 2 s^2 / n at most, since pairs that share
data and judges vary less. So the tolerance of the mean is

    recorded * sqrt(2 / n) / sqrt(1 + 1/m)      where the score has an expectation, made from m seeds;
    t(1 - A/2C; 2(n - 1)) * s * sqrt(2 / n)     elsewhere, from three pairs on: s pooled over both runs' seeds;

and at least the floor. At one seed the head may be below the mean of the base by

    t(1 - A/2Cn; f) * s * sqrt(1 + 1/n)         s over the base's n seeds, three at least: f = n - 1.

The head has no part in this s: a head that collapses on some seeds would widen it. The m seeds of an expectation have
the same spread and join: s^2 = ((n - 1) s_base^2 + (m - 1) s_recorded^2) / f with f = n + m - 2, from two pairs on. One
value shows what a mean hides, so two corrections apply to lone seeds:

* Scores in % move in steps of one image. Three equal values of few images do not prove that s is zero, so step^2 / 12,
  the variance that rounding to a step takes away, is added to s^2.
* Losses and distances vary by factors, with a long tail on the bad side. So scores that are better the lower, positive
  and not in % are compared in logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np

from retable.reports.records.score import Score

MIN_SEEDS = 5
"""Fewer say too little about a spread: with 3 seeds and 100 checks k would be 37."""
MIN_PAIRS = 3
"""Pairs of runs without an expectation: fewer say nothing about a spread."""
FALSE_ALARMS = 0.05
"""A: the probability that a gate over a fresh, equally good run is red."""
HALF = FALSE_ALARMS / 2
"""The probability that any mean of a run is red by chance, and that any lone seed is."""
FLOOR_POINTS = 1.0
"""Percentage points, for scores in %."""
FLOOR_IMAGES = 3
"""Images that may change sides, for scores in % over few images."""
FLOOR_RELATIVE = 0.02
"""Part of the value, for every other score."""
FROM_ZERO = ("lpips_diversity", "precision", "recall")
"""Metrics without a unit that are better the higher and never below 0, as a cosine can be."""
UP_TO_ONE = ("copies",)
"""Shares that are better the lower."""
LARGEST = 700.0
"""A logarithm whose number is still finite."""


class Recorded(NamedTuple):
    """What the recorded seeds say of a score, in its unit."""

    value: float
    """Mean over the seeds."""
    spread: float
    """Standard deviation over the seeds."""
    tolerance: float
    """How far one run may be from ``value``."""
    seeds: int
    alarms: float = 0.0
    """The probability that an equally good run is farther from ``value``."""


def tolerance(values: Sequence[float], checks: int, score: Score, false_alarms: float = FALSE_ALARMS) -> Recorded:
    """The tolerance of one run, from ``values`` of at least :data:`MIN_SEEDS` seeds and for ``checks`` checks.

    ``score`` is any of them, for the unit and the number of images.

    Raises:
        ValueError: too few values.
    """
    if len(values) < MIN_SEEDS:
        raise ValueError(f"{len(values)} seeds are too few for a tolerance; {MIN_SEEDS} are needed")
    mean, spread = fmean(values), stdev(values)
    farthest = max(abs(value - mean) for value in values)
    allowed = max(factor(len(values), checks, false_alarms) * spread, farthest, floor(mean, score))
    return Recorded(mean, spread, allowed, len(values), false_alarms / checks)


def mean_tolerance(
    base: Sequence[float], head: Sequence[float], checks: int, score: Score, recorded: Recorded | None = None
) -> float | None:
    """How far the mean gain of the head over the base may be from zero by chance; ``None`` with too few pairs."""
    pairs = len(base)
    if recorded is not None:
        scaled = recorded.tolerance * math.sqrt(2 / pairs) / math.sqrt(1 + 1 / recorded.seeds)
        return max(scaled, floor(recorded.value, score))
    if pairs < MIN_PAIRS:
        return None
    spread = math.sqrt(float(np.var(base, ddof=1) + np.var(head, ddof=1)) / 2)
    return max(_quantile(HALF / checks, 2 * (pairs - 1)) * spread * math.sqrt(2 / pairs), floor(fmean(base), score))


def lone_tolerance(base: Sequence[float], checks: int, score: Score, recorded: Recorded | None = None) -> float | None:
    """How much worse than the base's mean the head may be at one seed; ``None`` with too few seeds for a spread."""
    pairs = len(base)
    if pairs < (MIN_PAIRS if recorded is None else 2):
        return None
    positive = min(base) > 0 and (recorded is None or recorded.value > 0)
    logarithms = score.direction == "lower" and score.unit != "%" and positive
    values = np.log(base) if logarithms else np.asarray(base)
    freedom = pairs - 1
    squares = freedom * float(values.var(ddof=1))
    if recorded is not None:
        freedom += recorded.seeds - 1
        # A small spread of logarithms is the spread as a part of the value.
        squares += (recorded.seeds - 1) * (recorded.spread / recorded.value if logarithms else recorded.spread) ** 2
    step = 100 / images(score) if score.unit == "%" and images(score) else 0.0
    reach = factor(pairs, checks * pairs, HALF, freedom) * math.sqrt(squares / freedom + step**2 / 12)
    if not logarithms:
        return reach
    return max(0.0, math.exp(min(float(values.mean()) + reach, LARGEST)) - fmean(base))


def factor(seeds: int, checks: int, false_alarms: float = FALSE_ALARMS, freedom: int | None = None) -> float:
    """k: the tolerance in standard deviations. ``freedom`` is n - 1, unless other seeds have part in the deviation."""
    return _quantile(false_alarms / checks, freedom or seeds - 1) * math.sqrt(1 + 1 / seeds)


@lru_cache
def _quantile(chance: float, freedom: int) -> float:
    """What Student's t exceeds with probability ``chance``."""
    from scipy.stats import t

    return float(t.isf(chance, freedom))


def floor(value: float, score: Score) -> float:
    """The least tolerance of a score whose value is ``value``, in its own unit."""
    few_images = FLOOR_IMAGES / images(score) if images(score) else 0.0
    if score.unit == "%":
        return max(FLOOR_POINTS, 100 * few_images)
    return FLOOR_RELATIVE * abs(value) if value else few_images


def images(score: Score) -> int:
    """How many images a score was measured on, 0 if they were not counted."""
    return min((n for n in (score.protocol.n_real, score.protocol.n_fake) if n), default=0)


def can_fail(score: Score, allowed: float) -> bool:
    """Whether the score's scale reaches farther than ``allowed`` on its bad side, so that some value would be red."""
    metric = score.name.partition(".")[0]
    if score.direction == "higher":
        worst = 0.0 if score.unit == "%" or metric in FROM_ZERO else -math.inf
    else:
        worst = 100.0 if score.unit == "%" else 1.0 if metric in UP_TO_ONE else math.inf
    return abs(score.value - worst) > allowed
