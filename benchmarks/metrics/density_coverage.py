"""Density and coverage: Naeem, Oh, Uh, Choi & Yoo 2020 (arXiv 2002.09797), Eqs. 4 and 5, with k = 5.
Reference: the authors' package `prdc` 0.2, whose balls are open (<) where ours are closed.

Around every real image lies a ball, as wide as the way to its k-th nearest real neighbour. Density is the number of
balls that a generated image lies in, over k; coverage is the share of balls with a generated image inside. Unlike
precision and recall, one real or one generated image far from all others moves neither by much. Density may exceed 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.features import Features, Sides, both_sides, check_features
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.precision_recall import radii, squared
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("`prdc.compute_prdc`", "counts; a mean in another order", relative=1e-12)
K = 5


def density_coverage(real: Features, fake: Features, k: int = K) -> tuple[float, float]:
    """Density, >= 0, and coverage, in 0..1; both higher is better, and equal distributions have a density near 1.

    Args:
        real: ``[n, d]`` with n > k.
        fake: ``[m, d]``.
        k: which neighbour a ball reaches to, >= 1; the point itself does not count.

    Raises:
        UserError: shapes do not fit, no k real neighbours, or values that are not finite.
    """
    theirs, ours = check_features(real, fake)
    if not 1 <= k < len(real):
        raise UserError(f"density and coverage with k = {k} need more than {max(k, 1)} real images, got {len(real)}")
    centre = theirs.mean(axis=0)  # changes no distance, and fewer digits cancel
    theirs, ours = theirs - centre, ours - centre
    reach = radii(theirs, k)
    held, covered = 0, np.zeros(len(theirs), dtype=bool)
    for rows in squared(ours, theirs):
        inside = rows <= reach
        held += int(inside.sum())
        covered |= inside.any(axis=0)
    return held / (k * len(ours)), float(covered.mean())


def score_density_coverage(question: Question) -> Iterator[Score]:
    """``density.EXTRACTOR`` and ``coverage.EXTRACTOR``, higher is better."""
    for two in both_sides(question):
        yield from density_coverage_of(two)


def density_coverage_of(two: Sides) -> Iterator[Score]:
    """The same of two sets of features."""
    for name, value in zip(("density", "coverage"), density_coverage(two.real, two.fake), strict=True):
        yield two.score(name, value, "higher", detail=f"k={K}")
