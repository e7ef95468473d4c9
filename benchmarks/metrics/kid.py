"""Kernel inception distance: Bińkowski et al. 2018 (arXiv 1801.01401), Section 4; estimator: Gretton et al. 2012 Eq. 3.
Reference: `cleanfid.fid.kernel_distance` 0.1.35, on one subset.

The squared maximum mean discrepancy under k(x, y) = (x.y / d + 1)^3, unbiased: it is zero on average for two samples of
one distribution, and therefore sometimes negative. Values are raw; tables that print "KID x 1000" multiply.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retable.benchmarks.metrics.features import Features, Sides, both_sides, check_features
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance(
    "clean-fid's `kernel_distance` on whole sets, and the estimator written out as two loops",
    "float64 sums in another order; only whole sets, because clean-fid draws its subsets from a global generator",
    relative=1e-9,
)
SUBSETS, SUBSET_SIZE = 50, 500
_GRAM_ROWS = 4096
"""Up to this many rows in all, the kernel matrix is computed once (134 MB at most) and subsets are cut out of it."""


def kid(
    a: Features, b: Features, *, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int
) -> tuple[float, float]:
    """Unbiased squared MMD, averaged over random subsets drawn without replacement.

    Args:
        a: ``[n, d]`` with n >= 2.
        b: ``[m, d]`` with m >= 2.
        subsets: how many subsets are drawn.
        subset_size: images in a subset; no more than :func:`effective_size` are used.
        seed: of the subsets. The result is a pure function of all arguments.

    Returns:
        The mean over subsets and its spread: the standard deviation over subsets, which is what papers print after
        "±". It is 0 where every subset is the whole of both sets.

    Raises:
        UserError: as :func:`retable.benchmarks.metrics.features.check_features`.
    """
    a, b = check_features(a, b)
    size = effective_size(len(a), len(b), subset_size)
    both = np.concatenate([a, b])
    kernel = _kernel(both) if len(both) <= _GRAM_ROWS else None
    rng = np.random.default_rng(seed)
    values = np.empty(1 if size == len(a) == len(b) else subsets)
    for index in range(len(values)):
        chosen_a = rng.choice(len(a), size, replace=False)
        chosen_b = rng.choice(len(b), size, replace=False) + len(a)
        chosen = np.concatenate([chosen_a, chosen_b])
        values[index] = mmd2(_kernel(both[chosen]) if kernel is None else kernel[np.ix_(chosen, chosen)], size)
    return float(values.mean()), float(values.std())


def effective_size(n: int, m: int, subset_size: int = SUBSET_SIZE) -> int:
    """How many images a subset really has: never more than either set."""
    return min(n, m, subset_size)


def mmd2(kernel: NDArray[np.float64], n: int) -> float:
    """Unbiased squared MMD from the kernel matrix ``[n + m, n + m]`` of both samples, of which the first has n rows."""
    m = len(kernel) - n
    xx, yy, xy = kernel[:n, :n], kernel[n:, n:], kernel[:n, n:]
    within_x = (xx.sum() - np.trace(xx)) / (n * (n - 1))
    within_y = (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within_x + within_y - 2 * xy.mean())


def _kernel(x: NDArray[np.float64]) -> NDArray[np.float64]:
    gram = x @ x.T
    gram /= x.shape[1]
    gram += 1
    cubed: NDArray[np.float64] = gram * gram * gram
    return cubed


def score_kid(question: Question) -> Iterator[Score]:
    """``kid.EXTRACTOR``, raw (not x 1000), lower is better; the interval is one standard deviation over subsets."""
    for two in both_sides(question):
        yield from kid_of(two)


def kid_of(two: Sides) -> Iterator[Score]:
    """The same of two sets of features."""
    value, spread = kid(two.fake, two.real, seed=two.question.seed)
    size = effective_size(len(two.fake), len(two.real))
    whole = size == len(two.fake) == len(two.real)
    interval = None if whole else (value - spread, value + spread)
    detail = f"subsets={1 if whole else SUBSETS}x{size}"
    yield two.score("kid", value, "lower", interval=interval, detail=detail)
