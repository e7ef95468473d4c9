"""Fréchet inception distance, FID: Heusel et al. 2017 (arXiv 1706.08500), Eq. 6; of Gaussians: Dowson & Landau 1982.
Reference: `cleanfid.fid.frechet_distance` 0.1.35.

d^2 = |m_a - m_b|^2 + Tr(C_a) + Tr(C_b) - 2 Tr((C_a C_b)^(1/2)). With C_a = A^T A and C_b = B^T B the last trace is the
nuclear norm of A B^T, and any factor will do: the centred features over sqrt(n - 1) themselves when n <= d, else the R
of their QR decomposition. No square root of a matrix is taken, so nothing is lost where covariances are singular, which
they always are for fewer images than features.

The features are those of :mod:`~retable.benchmarks.metrics.networks.extractors` (``lite0`` unless ``run.extractors``
says otherwise), of images rounded to 8 bits. The distance is biased upwards for few images, so numbers from different N
may not be compared; see docs/tolerances.md.
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
    "clean-fid's own `frechet_distance`",
    "clean-fid multiplies the covariances and takes `sqrtm`, which loses half of the digits near singular matrices; "
    "ours takes no root of a matrix",
    relative=1e-6,
)


def frechet_distance(a: Features, b: Features) -> float:
    """Fréchet distance between Gaussians fitted to two sets of features, in float64; >= 0, and 0 for equal sets.

    Args:
        a: ``[n, d]`` with n >= 2.
        b: ``[m, d]`` with m >= 2.

    Raises:
        UserError: shapes do not fit, fewer than two rows, or values that are not finite.
    """
    a, b = check_features(a, b)
    (mean_a, factor_a), (mean_b, factor_b) = moments(a), moments(b)
    gap = mean_a - mean_b
    overlap = np.linalg.svd(factor_a @ factor_b.T, compute_uv=False).sum()
    distance = gap @ gap + np.square(factor_a).sum() + np.square(factor_b).sum() - 2 * overlap
    return max(float(distance), 0.0)


def moments(x: Features) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean ``[d]`` and a factor ``F [min(n, d), d]`` of the unbiased covariance ``F^T F``."""
    mean = x.mean(axis=0, dtype=np.float64)
    centred = (x - mean) / np.sqrt(len(x) - 1)
    return mean, centred if len(x) <= x.shape[1] else np.asarray(np.linalg.qr(centred, mode="r"))


def score_fid(question: Question) -> Iterator[Score]:
    """``fid.EXTRACTOR``, lower is better."""
    for two in both_sides(question):
        yield from fid_of(two)


def fid_of(two: Sides) -> Iterator[Score]:
    """The same of two sets of features."""
    yield two.score("fid", frechet_distance(two.fake, two.real), "lower")
