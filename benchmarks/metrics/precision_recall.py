"""Improved precision and recall: Kynkäänniemi et al. 2019 (arXiv 1904.06991), Eqs. 1 and 2, with k = 3.
Reference: the paper's `precision_recall.knn_precision_recall_features`, whose balls are closed as well (<=).

A set's manifold is the union of balls around its points, each as wide as the way to the point's k-th nearest neighbour
in the set. Precision is the share of generated images on the manifold of the real ones, recall the other way round.
The paper uses VGG-16 and 50,000 images; we use an extractor's pooled features and as many images as the protocol says,
so neither number is comparable with published ones. Both depend on the number of images: fewer make wider balls.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.features import Features, Sides, both_sides, check_features
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("the paper's definition, pair by pair", "counts; none of the tested pairs lies on a ball's edge")
K = 3
BLOCK = 1024
"""Rows of distances at a time: 16 MB against 2,000 images."""
ROUNDING = 1e-12
"""A squared distance below this share of the squared lengths is rounding: the two are the same image."""


def precision_recall(real: Features, fake: Features, k: int = K, block: int = BLOCK) -> tuple[float, float]:
    """Precision and recall, shares in 0..1, both higher is better; independent of the order of the images.

    Args:
        real: ``[n, d]`` with n > k.
        fake: ``[m, d]`` with m > k.
        k: which neighbour a ball reaches to, >= 1; the point itself does not count.
        block: rows of distances that are computed at a time; changes nothing but the memory needed.

    Raises:
        UserError: shapes do not fit, k is below 1, a set has no k neighbours, or values that are not finite.
    """
    if k < 1:
        raise UserError(f"precision_recall: k must be 1 or more, got {k}")
    theirs, ours = check_features(real, fake)
    if min(len(real), len(fake)) <= k:
        raise UserError(
            f"precision and recall with k = {k} need more than {k} images on each side, "
            f"got {len(real)} real and {len(fake)} generated ones"
        )
    centre = theirs.mean(axis=0)  # changes no distance, and fewer digits cancel
    theirs, ours = theirs - centre, ours - centre
    return _share_on(theirs, ours, k, block), _share_on(ours, theirs, k, block)


def _share_on(points: NDArray[np.float64], others: NDArray[np.float64], k: int, block: int) -> float:
    """The share of ``others`` on the manifold of ``points``."""
    reach = radii(points, k, block)
    inside = [(rows <= reach).any(axis=1) for rows in squared(others, points, block)]
    return float(np.concatenate(inside).mean())


def radii(points: NDArray[np.float64], k: int, block: int = BLOCK) -> NDArray[np.float64]:
    """Squared distance of every point ``[n, d]`` to its k-th nearest neighbour in the set: ``[n]``."""
    return np.concatenate([np.partition(rows, k, axis=1)[:, k] for rows in squared(points, points, block)])


def squared(a: NDArray[np.float64], b: NDArray[np.float64], block: int = BLOCK) -> Iterator[NDArray[np.float64]]:
    """Squared distances of a few rows of ``a`` at a time to all of ``b``: ``[block, m]`` each."""
    lengths = np.square(b).sum(axis=1)
    for start in range(0, len(a), block):
        few = a[start : start + block]
        scale = np.square(few).sum(axis=1)[:, None] + lengths
        squared = scale - 2 * (few @ b.T)
        squared[squared < ROUNDING * scale] = 0.0
        yield squared


def score_precision_recall(question: Question) -> Iterator[Score]:
    """``precision.EXTRACTOR`` and ``recall.EXTRACTOR``, in 0..1, higher is better."""
    for two in both_sides(question):
        yield from precision_recall_of(two)


def precision_recall_of(two: Sides) -> Iterator[Score]:
    """The same of two sets of features."""
    for name, value in zip(("precision", "recall"), precision_recall(two.real, two.fake), strict=True):
        yield two.score(name, value, "higher", detail=f"k={K}")
