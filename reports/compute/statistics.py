"""What is said about a number that was measured with several seeds.

Below five seeds an interval would claim more than the data hold, so every point is shown. From five on, the mean gets a
bias-corrected and accelerated bootstrap interval (BCa; Efron, "Better bootstrap confidence intervals", 1987), drawn
with a fixed seed so that a report can be rebuilt to the last digit. Two rows are compared seed by seed: rows of equal
seed share data and shared stages, so the difference of a pair varies less than the difference of two means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

INTERVAL_FROM = 5
"""Seeds from which an interval is given instead of the points."""


@dataclass(frozen=True)
class Summary:
    """A mean over seeds, with the points (few seeds) and the 95 % interval (five seeds or more)."""

    mean: float
    points: tuple[float, ...]
    interval: tuple[float, float] | None


def summarise(values: Sequence[float]) -> Summary:
    """Mean, points, and from :data:`INTERVAL_FROM` values the bootstrap interval of the mean.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    if not values or not all(np.isfinite(values)):
        raise ValueError(f"a summary needs finite values, got {list(values)}")
    interval = bootstrap_interval(values) if len(values) >= INTERVAL_FROM else None
    return Summary(float(np.mean(values)), tuple(float(value) for value in values), interval)


def bootstrap_interval(
    values: Sequence[float], level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """BCa bootstrap interval of the mean of ``values``, as SciPy computes it, drawn with a fixed seed.

    Equal values give an interval of width zero.
    """
    from scipy.stats import bootstrap

    data = np.asarray(values, dtype=np.float64)
    if np.ptp(data) <= 1e-12 * max(1.0, float(np.abs(data).max())):
        return float(data.mean()), float(data.mean())
    draws = np.random.default_rng(seed)
    found = bootstrap((data,), np.mean, n_resamples=resamples, confidence_level=level, method="BCa", rng=draws)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def lower_tail(values: Sequence[float]) -> float:
    """Student's t test of a mean of 0: the probability of a mean as low as this one's, or lower, by chance alone.

    Near 0 the values lie clearly below 0, near 1 clearly above; twice the smaller of it and its complement is the
    two-sided p. The range of three or four points holds the true mean far less often than in 95 % of cases (three
    normal points miss it once in four), and so does the bootstrap of five (once in seven); this test keeps its level
    for any number of normal values. Equal values have no spread: 0, 0.5 or 1, by their sign.

    Raises:
        ValueError: fewer than two values.
    """
    from scipy.stats import ttest_1samp

    data = np.asarray(values, dtype=np.float64)
    if len(data) < 2:
        raise ValueError(f"a test needs two values at least, got {len(data)}")
    mean = float(data.mean())
    if np.ptp(data) <= 1e-12 * float(np.abs(data).max()):
        return (float(np.sign(mean)) + 1) / 2
    return float(ttest_1samp(data, 0.0, alternative="less").pvalue)


def simes(tails: Sequence[float]) -> float:
    """One probability for several: how likely chance alone makes the smallest of them as small as they are.

    The least of k p_(j) / j over the k probabilities in order (Simes, "An improved Bonferroni procedure for multiple
    tests of significance", 1986). It keeps its level for tests that are independent or lean the same way, as contrasts
    of one method with several others do. One small probability among k counts as in Bonferroni's rule, several for
    more.
    """
    from scipy.stats import false_discovery_control

    # The least of the p values that Benjamini and Hochberg adjust is Simes'.
    return float(false_discovery_control(tails).min())


def fisher(more: float, of_more: int, less: float, of_less: int) -> float:
    """Fisher's exact test: how likely chance alone makes one share as much larger than the other, or more.

    Args:
        more: share in [0, 1] of ``of_more`` images; a mean over seeds is rounded to whole images.
        of_more: number of images.
        less: share of ``of_less`` images.
        of_less: number of images.
    """
    from scipy.stats import fisher_exact

    first, second = round(more * of_more), round(less * of_less)
    table = [[first, of_more - first], [second, of_less - second]]
    return float(fisher_exact(table, alternative="greater").pvalue)


def paired_differences(ours: Mapping[int, float], others: Mapping[int, float]) -> Summary | None:
    """Summary of ``ours - others`` over the seeds that both have, in seed order; ``None`` when they share none."""
    shared = sorted(set(ours) & set(others))
    return summarise([ours[seed] - others[seed] for seed in shared]) if shared else None
