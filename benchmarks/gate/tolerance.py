"""How far a score may fall before the gate is red.

**Against recorded expectations** (``retable gate``) a tolerance is a prediction interval for one new run. Let x_1..x_n
be a score's values over n >= 5 seeds with mean m and standard deviation s. If nothing changed but chance (another
machine's rounding, another order of random draws), a new value x is a draw from the same distribution, and
(x - m) / (s * sqrt(1 + 1/n)) follows Student's t with n - 1 degrees of freedom. So x is worse than m by more than k * s
with probability a where

    k = t(1 - a; n - 1) * sqrt(1 + 1/n).

A gate of C checks takes a = A / C with A = 0.05. By Bonferroni's inequality, which asks for no independence between
checks, an equally good fresh run turns *any* check red with probability at most A: one run in twenty. On the machine
and the code that made the expectations, a run repeats a recorded seed exactly, and there are no false alarms at all,
because a tolerance also covers every recorded value:

    tolerance = max(k * s, max_i |x_i - m|, floor).

The floor stands for what seeds do not show, such as judges (always of seed 0) that another machine's rounding changes.
The rate assumes scores that are normal over seeds (a method that collapses on one seed in ten needs more than five),
tolerances that were made together, and values from the same seeds (a value that was moved to a single run's is less
certain than a mean). k falls quickly with n: for C = 100 it is 9.4 for 5 seeds, 5.7 for 8 and 5.0 for 10.

**Against another run** (``retable gate --against``) scores are paired by seed, and judged by their mean
(:func:`mean_tolerance`) and at lone seeds (:func:`lone_tolerance`), each with half of A. ``docs/gate.md`` has the
reasons and the measured rates of false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import fmean, stdev
from typing import Literal, NamedTuple

import numpy as np

from retable.benchmarks.gate.expectations import FALSE_ALARMS, Expectation
from retable.reports.compute.statistics import INTERVAL_FROM, bootstrap_interval
from retable.reports.records.score import Score
from retable.reports.text import plural

Pairs = Mapping[int, tuple[Score, Score]]
"""Seed -> the base's score and the head's."""
MIN_SEEDS = 5
"""Fewer say too little about a spread: with 3 seeds and 100 checks k would be 37."""
MIN_PAIRS = 3
"""Pairs of runs without an expectation: fewer say nothing about a spread."""
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
SUSPICIOUS = 3
"""A score that is better by more tolerances than this was rather measured wrongly, or its loss has lost a term."""
DIGITS = 1e-5
"""Values are recorded with six digits. What lies below them, as a part of the value, must not decide."""


class Decision(NamedTuple):
    """What the pairs of one score say."""

    verdict: Literal["ok", "worse", "better", "suspicious", "undecided"]
    tolerance: float | None
    """How far the mean gain may be from zero, in the score's unit; ``None`` where no spread is known."""
    words: str
    """The evidence: the interval, the gains, or the lone seeds."""
    chance: float = 0.0
    """The probability that two equally good runs are told apart."""


def tolerance(values: Sequence[float], checks: int, score: Score) -> float:
    """How far one run may be from the mean of ``values``, which are of at least :data:`MIN_SEEDS` seeds.

    ``score`` is any of them, for the unit and the number of images.
    """
    mean = fmean(values)
    farthest = max(abs(value - mean) for value in values)
    return max(factor(len(values), checks) * stdev(values), farthest, floor(mean, score))


def judge(pairs: Pairs, checks: int, recorded: Expectation | None = None, alarms: float = 0.0) -> Decision:
    """Compare one score of two runs, by its mean and seed by seed; ``checks`` is C, how many scores are compared.

    ``alarms`` is the probability that an equally good run is farther off than the recorded tolerance.
    """
    score = pairs[min(pairs)][0]
    old, new = ([pairs[seed][side].value for seed in sorted(pairs)] for side in (0, 1))
    mean = fmean(old)
    gains = [gain(score, *pair) for pair in zip(old, new, strict=True)]
    found = decide(gains, mean_tolerance(old, new, checks, score, recorded), mean)
    if found.tolerance is not None:
        found = found._replace(chance=HALF / checks if recorded is None else alarms)
    lone = lone_tolerance(old, checks, score, recorded)
    if lone is None:
        return found
    found = found._replace(chance=found.chance + HALF / checks)
    losses = {seed: -gain(score, mean, value) for seed, value in zip(sorted(pairs), new, strict=True)}
    digits = DIGITS * abs(mean)
    beyond = {seed: loss for seed, loss in losses.items() if loss > lone + digits}
    if found.verdict != "ok" or not beyond or fmean(losses.values()) <= floor(mean, score) + digits:
        return found
    seeds, worse = ", ".join(map(str, beyond)), ", ".join(f"{loss:.4g}" for loss in beyond.values())
    by = "the base's seeds" if recorded is None else "the base's and the recorded seeds"
    words = f"seed{'s' * (len(beyond) > 1)} {seeds} alone: {worse}{points(score)} worse, ± {lone:.4g} by {by}"
    return found._replace(verdict="worse", words=words)


def decide(gains: Sequence[float], tolerance: float | None, scale: float) -> Decision:
    """Judge the mean gain of at least one pair; ``scale`` is the size of the score.

    It is worse only if the seeds agree as well: of hundreds of intervals dozens miss zero in two runs of the same code.
    """
    mean = fmean(gains)
    words = f"{plural(len(gains), 'pair')}: " + ", ".join(f"{gain:+.4g}" for gain in gains)
    if tolerance is None:
        words += f"; without an expectation {MIN_PAIRS} seeds are needed"
        return Decision("undecided" if any(gains) else "ok", None, words)
    if abs(mean) <= tolerance + DIGITS * abs(scale):
        return Decision("ok", tolerance, words)
    low, high = min(gains), max(gains)
    # Only here: a bootstrap for every score of two equal runs would take most of the comparison's time.
    if len(gains) >= INTERVAL_FROM:
        low, high = bootstrap_interval(gains)
        words = f"{len(gains)} pairs, 95 % interval {low:+.4g} to {high:+.4g}"
    if low <= 0 <= high:
        return Decision("ok", tolerance, f"{words}; the seeds disagree")
    better: Literal["better", "suspicious"] = "suspicious" if mean > SUSPICIOUS * tolerance else "better"
    return Decision("worse" if high < 0 else better, tolerance, words)


def mean_tolerance(
    base: Sequence[float], head: Sequence[float], checks: int, score: Score, recorded: Expectation | None = None
) -> float | None:
    """How far the mean gain over n pairs may be from zero by chance; ``None`` with too few pairs.

    Two equally good runs have a mean gain of variance 2 s^2 / n at most: pairs that share data and judges vary less.
    With an expectation of m seeds this is ``recorded * sqrt(2 / n) / sqrt(1 + 1/m)``, without one
    ``t(1 - A/2C; 2(n - 1)) * s * sqrt(2 / n)`` with s pooled over both runs' seeds.
    """
    pairs = len(base)
    if recorded is not None:
        scaled = recorded.tolerance * math.sqrt(2 / pairs) / math.sqrt(1 + 1 / recorded.seeds)
        return max(scaled, floor(recorded.value, score))
    if pairs < MIN_PAIRS:
        return None
    spread = math.sqrt(float(np.var(base, ddof=1) + np.var(head, ddof=1)) / 2)
    return max(_quantile(HALF / checks, 2 * (pairs - 1)) * spread * math.sqrt(2 / pairs), floor(fmean(base), score))


def lone_tolerance(
    base: Sequence[float], checks: int, score: Score, recorded: Expectation | None = None
) -> float | None:
    """How much worse than the base's mean the head may be at one seed; ``None`` with too few seeds for a spread.

    ``t(1 - A/2Cn; f) * s * sqrt(1 + 1/n)``, s over the base's n seeds and f = n - 1. The head has no part in s: a head
    that collapses on some seeds would widen it. The m recorded seeds have the same spread and join, f = n + m - 2.
    """
    pairs = len(base)
    if pairs < (MIN_PAIRS if recorded is None else 2):
        return None
    # Losses and distances vary by factors, with a long tail on the bad side.
    positive = min(base) > 0 and (recorded is None or recorded.value > 0)
    logarithms = score.direction == "lower" and score.unit != "%" and positive
    values = np.log(base) if logarithms else np.asarray(base)
    freedom = pairs - 1
    squares = freedom * float(values.var(ddof=1))
    if recorded is not None:
        freedom += recorded.seeds - 1
        # A small spread of logarithms is the spread as a part of the value.
        squares += (recorded.seeds - 1) * (recorded.spread / recorded.value if logarithms else recorded.spread) ** 2
    # Equal values of few images do not prove that s is zero: rounding to steps of one image takes away step^2 / 12.
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
    # A relative tolerance is undefined at zero, so a value of zero that was counted over images may become three.
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


def gain(score: Score, start: float, end: float) -> float:
    """How much better ``end`` is than ``start``; negative if it is worse."""
    return end - start if score.direction == "higher" else start - end


def points(score: Score) -> str:
    """The unit of a difference."""
    return " points" if score.unit == "%" else f" {score.unit}" if score.unit else ""
