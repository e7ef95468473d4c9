"""How far a score may fall before the gate is red: a prediction interval for one new run, from at least five seeds.

Let x_1..x_n be a score's values over n >= 5 seeds with mean m and standard deviation s. If nothing changed but chance
(another machine's rounding, another order of random draws), one new value x is a draw from the same distribution, and
(x - m) / (s * sqrt(1 + 1/n)) follows Student's t with n - 1 degrees of freedom. So x is worse than m by more than k *
s with probability a where

    k = t(1 - a; n - 1) * sqrt(1 + 1/n).

A gate of C checks takes a = A / C with A = 0.05. By Bonferroni's inequality, which asks for no independence between
checks, an equally good fresh run turns *any* check red with probability at most A: one run in twenty. On the machine
and the code that made the expectations a run repeats a recorded seed exactly, and there are no false alarms at all,
because a tolerance also covers every recorded value:

    tolerance = max(k * s, max_i |x_i - m|, floor).

The floor stands for what seeds do not show, such as judges (always of seed 0) that another machine's rounding changes.
It is one percentage point or three images for scores in %, whichever is more, and 2 % of the value otherwise. Two per
cent of nothing is nothing, so a value of zero that was counted over images may become three of them. Each ``max`` can
only lower the rate of false alarms.

What the rate assumes: scores that are normal over seeds (a method that collapses on one seed in ten needs more than
five), tolerances that were made together, and values from the same seeds (a value that was moved to a single run's is
less certain than a mean). k falls quickly with n: for C = 100 it is 9.4 for 5 seeds, 5.7 for 8 and 5.0 for 10, so a
few further seeds buy a much sharper gate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean, stdev

MIN_SEEDS = 5
"""Fewer say too little about a spread: with 3 seeds and 100 checks k would be 37."""
FALSE_ALARMS = 0.05
"""A: the probability that a gate over a fresh, equally good run is red."""
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


def worst(name: str, unit: str, direction: str) -> float:
    """The worst value that a score can have, in its own unit; infinite where its scale is not known to end.

    Args:
        name: of the score, e.g. ``precision.lite0``.
        unit: its unit.
        direction: ``higher`` or ``lower``.
    """
    metric = name.partition(".")[0]
    if direction == "higher":
        return 0.0 if unit == "%" or metric in FROM_ZERO else -math.inf
    return 100.0 if unit == "%" else 1.0 if metric in UP_TO_ONE else math.inf


@lru_cache
def factor(seeds: int, checks: int, false_alarms: float = FALSE_ALARMS, freedom: int | None = None) -> float:
    """k: tolerance in standard deviations, for one check of a gate.

    Args:
        seeds: n, the number of recorded runs, >= 2.
        checks: C, over which ``false_alarms`` is divided.
        false_alarms: A, for the whole gate, in (0, 1).
        freedom: degrees of freedom of the standard deviation, where it comes from other seeds too; else n - 1.
    """
    from scipy.stats import t

    return float(t.isf(false_alarms / checks, freedom or seeds - 1)) * math.sqrt(1 + 1 / seeds)


def floor(value: float, unit: str, images: int) -> float:
    """The least tolerance of a score in its own unit; ``images`` is how many it was measured on, 0 if not counted."""
    if unit == "%":
        return max(FLOOR_POINTS, 100 * FLOOR_IMAGES / images if images else 0.0)
    if value:
        return FLOOR_RELATIVE * abs(value)
    return FLOOR_IMAGES / images if images else 0.0


def tolerance(
    values: Sequence[float], checks: int, *, unit: str, images: int, false_alarms: float = FALSE_ALARMS
) -> tuple[float, float, float]:
    """Mean, standard deviation and tolerance of a score over seeds, all in the score's unit.

    Raises:
        ValueError: fewer than :data:`MIN_SEEDS` values.
    """
    if len(values) < MIN_SEEDS:
        raise ValueError(f"{len(values)} seeds are too few for a tolerance; {MIN_SEEDS} are needed")
    mean, spread = fmean(values), stdev(values)
    farthest = max(abs(value - mean) for value in values)
    least = max(farthest, floor(mean, unit, images))
    return mean, spread, max(factor(len(values), checks, false_alarms) * spread, least)
