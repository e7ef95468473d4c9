"""Distance to the nearest shot and the share of copies: does a generator make new images, or those that it was shown?
Reference: the pair loop over LPIPS, Zhang et al. 2018 (arXiv 1801.03924), Eq. 1; the count of copies is our own.

Every method of ours is trained on its shots and on their mirror images, and a mirrored copy is one as well. So a shot
stands for both: distances of generated and of real images alike are to the nearer of the two.

The distance alone says little: how near is too near depends on how alike all such images are. So the same distance is
taken of a yardstick, real images that were never shown, and a generated image counts as a copy where it lies nearer to
a shot than 99 % of the yardstick do. A generator as good as fresh real images has 1 % of copies, one that repeats its
shots has 100 %.

Images of the yardstick that are shots themselves are left out, and so are their twins: shots that were saved again or
resized, which would pass copying for the usual distance. A twin is as near to a shot as :data:`TWIN` of the mean
distance between two shots, or nearer. Of drawn faces of 256 x 256 pixels, seen by `lite0`, JPEG of quality 75 or half
the resolution is 1 % of it, quality 50 is 2 %, and the two most alike of 1,600 pairs of different faces are 13 % apart.
At 64 x 64 pixels twins that were saved with losses cannot be told from other faces by their distance, and stay in.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.lpips import lpips_diversity
from retable.benchmarks.metrics.trunks import Trunk

PERCENTILE = 1.0
EQUAL = 1e-8
"""An LPIPS distance up to here is that of an image to itself, embedded in another batch."""
TWIN = 0.05
"""Share of the mean distance between two shots up to which a real image is the picture of a shot, saved anew."""


def nearest(images: Tensor, shots: Tensor, trunk: Trunk) -> NDArray[np.float64]:
    """LPIPS of every image to the nearest shot or mirrored shot; one pass of the network over each.

    Args:
        images: float32 ``[N, 1 or 3, H, W]`` in [-1, 1].
        shots: float32 ``[M, 1 or 3, H, W]``, of the same size; the embeddings of both kinds are all held at once.
        trunk: from :func:`retable.benchmarks.metrics.trunks.get_trunk`.

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
    origin = anchors[0].clone()  # distances do not notice, and sets of near-equal images lose no digits
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
        trunk: from :func:`retable.benchmarks.metrics.trunks.get_trunk`.

    Returns:
        float64 ``[n]`` with n <= N; none where the yardstick holds nothing but shots.
    """
    bound = TWIN * lpips_diversity(shots, trunk) if len(shots) > 1 else 0.0
    return yardstick[yardstick > max(EQUAL, bound)]


def threshold(others: NDArray[np.float64], percentile: float = PERCENTILE) -> float:
    """How near to a shot the nearest of other real images lie: a percentile, in 0..100, of their distances.

    Args:
        others: from :func:`strangers`, at least one.
        percentile: in 0..100.
    """
    return float(np.percentile(others, percentile))


def copies(distances: NDArray[np.float64], limit: float) -> float:
    """The share, in 0..1, of images whose distance to the nearest shot is below ``limit``; lower is better."""
    return float((distances < limit).mean())
