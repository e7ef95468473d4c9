"""Intra-cluster LPIPS: Ojha et al. 2021 (CDC, arXiv 2104.06820), Section 4.2: how varied are images around one shot?
Reference: the definition written out; distances are LPIPS (arXiv 1801.03924), Eq. 1.

Every generated image belongs to the shot that is nearest by LPIPS. The score is the mean distance over all pairs of a
cluster, averaged over the clusters. A generator that repeats its shots has 0, however varied the shots are: what plain
diversity misses. Clusters of fewer than two images have no pairs and are left out. If all are, there is no score.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.features import trunks_of
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.networks.trunks import Trunk
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("the definition, pair by pair", "float32 embeddings, float64 products", relative=1e-5)


def intra_lpips(images: Tensor, shots: Tensor, trunk: Trunk) -> tuple[float, int]:
    """The mean over clusters of their mean pairwise distance, >= 0 (0 without a pair), and how many have a pair.

    Args:
        images: float32 ``[N, 1 or 3, H, W]`` in [-1, 1].
        shots: float32 ``[M, 1 or 3, H, W]``, of the same size; as they are, not mirrored.
        trunk: from :func:`retable.benchmarks.metrics.networks.trunks.get_trunk`.

    Raises:
        UserError: the two do not fit together, or are not images in [-1, 1].
    """
    if images.shape[2:] != shots.shape[2:]:
        raise UserError(
            f"intra_lpips compares images of one size, got {list(images.shape[2:])} and {list(shots.shape[2:])}"
        )
    centres = torch.cat(list(trunk.batches(shots))).double()
    origin = centres[0].clone()  # changes no distance, and near-equal images lose no digits
    centres -= origin
    lengths = centres.square().sum(dim=1)
    counts, squares, sums = centres.new_zeros(len(shots)), centres.new_zeros(len(shots)), torch.zeros_like(centres)
    for batch in trunk.batches(images):
        shifted = batch.double() - origin
        nearest = (lengths - 2 * shifted @ centres.T).argmin(dim=1)
        counts += torch.bincount(nearest, minlength=len(shots))
        squares.index_add_(0, nearest, shifted.square().sum(dim=1))
        sums.index_add_(0, nearest, shifted)
    # The sum over all pairs of a cluster from two sums, as in lpips_diversity.
    some = counts >= 2
    means = ((counts * squares - sums.square().sum(dim=1)) / (counts * (counts - 1) / 2))[some]
    return (float(means.clamp(min=0).mean()), int(some.sum())) if some.any() else (0.0, 0)


def score_intra_lpips(question: Question) -> Iterator[Score]:
    """``intra_lpips.TRUNK``: higher is more varied; the reference holds the shots."""
    shots = question.needs_reference().images
    for trunk in trunks_of(question, remembering=True):
        for part, chosen in question.slices():
            few = question.answer.images[chosen]
            value, clusters = intra_lpips(few, shots, trunk)
            if not clusters:
                continue
            detail = f"{clusters} of {len(shots)} clusters"
            yield question.score(
                "intra_lpips", value, part, "higher", trunk, n_real=len(shots), n_fake=len(few), detail=detail
            )
