"""Distance to the nearest shot and the share of copies: does a generator make new images, or those that it was shown?
Reference: the pair loop over LPIPS, Zhang et al. 2018 (arXiv 1801.03924), Eq. 1; the count of copies is our own.

Every method here is trained on its shots and on their mirror images, so a mirrored copy is a copy. A shot therefore
stands for both: distances of generated and of real images are to the nearer of the two.

How near is too near depends on how alike all such images are. The same distance is therefore measured for a yardstick:
real images that were never shown. A generated image counts as a copy where it lies nearer to a shot than 99 % of the
yardstick do. A generator as good as fresh real images has 1 % of copies, one that repeats its shots has 100 %.

Shots among the yardstick are left out, and so are their twins: shots that were saved again or resized, which would make
copying look usual. A twin is no further from a shot than :data:`TWIN` of the mean distance between two shots. Of drawn
faces of 256 x 256 pixels, seen by `lite0`, JPEG of quality 75 or half the resolution is 1 % of it, quality 50 is 2 %,
and the two most alike of 1,600 pairs of different faces are 13 % apart. At 64 x 64 pixels, twins that were saved with
losses cannot be told from other faces by their distance, and stay in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.cache import cache_key, cached
from retable.benchmarks.metrics.features import trunks_of
from retable.benchmarks.metrics.lpips import EQUAL, lpips_diversity
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.networks.trunks import Trunk
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("the loop over pairs", "float32 embeddings, float64 products", relative=1e-5)
PERCENTILE = 1.0
"""Of the yardstick's distances, in 0..100: an answer below it is a copy."""
TWIN = 0.05
"""Share of the mean distance between two shots up to which a real image is a shot, saved again."""


def nearest(images: Tensor, shots: Tensor, trunk: Trunk) -> NDArray[np.float64]:
    """LPIPS of every image to the nearest shot or mirrored shot; one pass of the network over each.

    Args:
        images: float32 ``[N, 1 or 3, H, W]`` in [-1, 1].
        shots: float32 ``[M, 1 or 3, H, W]``, of the same size; the embeddings of both kinds are all held at once.
        trunk: from :func:`retable.benchmarks.metrics.networks.trunks.get_trunk`.

    Returns:
        float64 ``[N]``, all >= 0.

    Raises:
        UserError: the two do not fit together, or are not images in [-1, 1].
    """
    if images.shape[2:] != shots.shape[2:]:
        raise UserError(
            f"nearest_shot compares images of one size, got {list(images.shape[2:])} and {list(shots.shape[2:])}"
        )
    anchors = torch.cat([*trunk.batches(shots), *trunk.batches(shots.flip(3))]).double()
    origin = anchors[0].clone()  # changes no distance, and near-equal images lose no digits
    anchors -= origin
    lengths = anchors.square().sum(dim=1)
    found = []
    for batch in trunk.batches(images):
        shifted = batch.double() - origin
        squared = shifted.square().sum(dim=1)[:, None] + lengths - 2 * shifted @ anchors.T
        found.append(squared.amin(dim=1).clamp(min=0).cpu().numpy())
    return np.concatenate(found)


def strangers(yardstick: NDArray[np.float64], shots: Tensor, trunk: Trunk) -> NDArray[np.float64]:
    """The distances of those real images that are neither a shot, mirrored or not, nor a twin of one.

    Args:
        yardstick: :func:`nearest` of real images to these shots, ``[N]``.
        shots: float32 ``[M, 1 or 3, H, W]`` in [-1, 1]; of a single one only its equals are left out.
        trunk: from :func:`retable.benchmarks.metrics.networks.trunks.get_trunk`.

    Returns:
        float64 ``[n]`` with n <= N; empty where the yardstick holds nothing but shots.
    """
    bound = TWIN * lpips_diversity(shots, trunk) if len(shots) > 1 else 0.0
    return yardstick[yardstick > max(EQUAL, bound)]


def cached_nearest(images: Tensor, shots: Tensor, trunk: Trunk, folder: Path | None = None) -> NDArray[np.float64]:
    """:func:`nearest`, rounded to float32 and kept in ``folder``: the rows of a table share it."""
    key = cache_key("nearest, mirrored", trunk, images, shots)
    return cached(key, folder, lambda: nearest(images, shots, trunk)).astype(np.float64)


def score_nearest_shot(question: Question) -> Iterator[Score]:
    """``nearest_shot.TRUNK``: mean distance to the nearest reference image or its mirror image; no direction is better.

    With a yardstick also the yardstick's mean, and ``copies.TRUNK``: the share of answers, in 0..1, nearer to a
    reference image than 99 % of the yardstick; lower is better. Both leave the reference images and their twins out of
    the yardstick (:func:`strangers`), and neither is scored where it holds nothing else.
    """
    shots, other = question.needs_reference().images, question.yardstick
    n_real = len(shots)
    for trunk in trunks_of(question, remembering=True):
        ours = nearest(question.answer.images, shots, trunk)
        parts = [(part, ours[chosen.numpy()]) for part, chosen in question.slices()]
        for part, few in parts:
            mean, n, detail = float(few.mean()), len(few), "mirrored"
            yield question.score("nearest_shot", mean, part, "none", trunk, n_real=n_real, n_fake=n, detail=detail)
        if other is None:
            continue
        every = cached_nearest(other.images, shots, trunk, question.cache)
        theirs = strangers(every, shots, trunk)
        # Data sets of a hundred images are learned from whole: none of their images says how near is too near.
        if not len(theirs):
            continue
        whose = f"{len(every)} of {other.request} without shots and twins (<= {TWIN:g} of the shots' diversity)"
        mean, part, detail = float(theirs.mean()), {"request": other.request}, f"mirrored, {whose}"
        yield question.score("nearest_shot", mean, part, "none", trunk, n_real=n_real, detail=detail)
        limit, detail = np.percentile(theirs, PERCENTILE), f"mirrored, below p{PERCENTILE:g} of {whose}"
        for part, few in parts:
            share, n = float((few < limit).mean()), len(few)
            yield question.score("copies", share, part, "lower", trunk, n_real=n_real, n_fake=n, detail=detail)
