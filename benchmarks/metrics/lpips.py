"""Learned perceptual image patch similarity: Zhang et al. 2018 (arXiv 1801.03924), Eq. 1, to a truth and within a set.
Reference: the package `lpips` 0.1.4; the pairwise mean is what MixDL (arXiv 2111.11672) reports as its diversity.

The mean over all pairs of a squared Euclidean distance follows from two sums, in one pass over the images:
sum_{i<j} |e_i - e_j|^2 = n sum_i |e_i|^2 - |sum_i e_i|^2. It is exact, not an approximation by fewer pairs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.features import score_means, trunks_of
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.networks.trunks import Trunk
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance(
    "the `lpips` package on the same trunk weights (`alex`, `vgg`, `squeeze`); Eq. 1 written out (`lite0`)",
    "float32 networks; sums over locations, channels and pairs in another order",
    relative=1e-5,
)
EQUAL = 1e-8
"""A distance up to here is that of an image to itself, embedded in another batch."""


def lpips_pair(x: Tensor, y: Tensor, trunk: Trunk) -> NDArray[np.float64]:
    """Distance of every image to its counterpart; lower is closer.

    Args:
        x: float32 ``[N, 1 or 3, H, W]`` in [-1, 1].
        y: float32 of the same N, H and W.
        trunk: from :func:`retable.benchmarks.metrics.networks.trunks.get_trunk`.

    Returns:
        float64 ``[N]``, all >= 0.

    Raises:
        UserError: the two do not fit together, or are not images in [-1, 1].
    """
    if len(x) != len(y) or x.shape[2:] != y.shape[2:]:
        raise UserError(f"lpips_pair compares images one by one, got shapes {list(x.shape)} and {list(y.shape)}")
    pairs = zip(trunk.batches(x), trunk.batches(y), strict=True)
    return np.concatenate([(a - b).double().square().sum(dim=1).cpu().numpy() for a, b in pairs])


def lpips_diversity(x: Tensor, trunk: Trunk) -> float:
    """Mean distance over all N (N - 1) / 2 pairs of a set; higher is more diverse, 0 means all images are the same.

    Args:
        x: float32 ``[N, 1 or 3, H, W]`` in [-1, 1] with N >= 2.
        trunk: from :func:`retable.benchmarks.metrics.networks.trunks.get_trunk`.

    Raises:
        UserError: fewer than two images, or no images in [-1, 1].
    """
    n = len(x)
    if n < 2:
        raise UserError(f"lpips_diversity needs at least 2 images, got {n}")
    origin: Tensor | None = None
    total, squares = torch.zeros(()), 0.0
    for batch in trunk.batches(x):
        if origin is None:
            origin = batch[0].double()
            total = torch.zeros_like(origin)
        shifted = batch.double() - origin  # changes no distance, and near-equal images lose no digits
        total += shifted.sum(dim=0)
        squares += float(shifted.square().sum())
    return max(0.0, (n * squares - float(total.square().sum())) / (n * (n - 1) / 2))


def score_lpips_pair(question: Question) -> Iterator[Score]:
    """``lpips_pair.TRUNK``: mean distance to the truth, lower is better."""
    truth = question.answer.truth
    if truth is None:
        raise UserError(f"metric 'lpips_pair' needs a true image for every answer to {question.answer.request!r}")
    for trunk in trunks_of(question):
        yield from score_means(question, "lpips_pair", lpips_pair(question.answer.images, truth, trunk), "lower", trunk)


def score_lpips_diversity(question: Question) -> Iterator[Score]:
    """``lpips_diversity.TRUNK``: mean distance over all pairs, higher is more diverse; of the yardstick as well."""
    for trunk in trunks_of(question, remembering=True):
        for part, chosen in question.slices():
            few = question.answer.images[chosen]
            value = lpips_diversity(few, trunk)
            yield question.score("lpips_diversity", value, part, "higher", trunk, n_fake=len(few))
        if (other := question.yardstick) is not None:
            value, part = lpips_diversity(other.images, trunk), {"request": other.request}
            yield question.score("lpips_diversity", value, part, "none", trunk, n_real=len(other.images))
