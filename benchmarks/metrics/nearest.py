"""Distance to the nearest shot and the share of copies: does a generator make new images, or those that it was shown?
Reference: the pair loop over LPIPS, Zhang et al. 2018 (arXiv 1801.03924), Eq. 1; the count of copies is our own.

The distance alone says little: how near is too near depends on how alike all such images are. So the same distance is
taken of a yardstick, real images that were never shown, and a generated image counts as a copy where it lies nearer to
a shot than 99 % of the yardstick do. A generator as good as fresh real images has 1 % of copies, one that repeats its
shots has 100 %. Images of the yardstick that are shots themselves are left out.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.errors import UserError
from benchmarks.metrics.trunks import Trunk

PERCENTILE = 1.0
EQUAL = 1e-8
"""An LPIPS distance up to here is that of an image to itself, embedded in another batch."""


def nearest(images: Tensor, shots: Tensor, trunk: Trunk) -> NDArray[np.float64]:
    """LPIPS of every image to the shot that is nearest to it; one pass of the network over each set.

    Args:
        images: float32 ``[N, 1 or 3, H, W]`` in [-1, 1].
        shots: float32 ``[M, 1 or 3, H, W]``, of the same size; their embeddings are all held at once.
        trunk: from :func:`benchmarks.metrics.trunks.get_trunk`.

    Returns:
        float64 ``[N]``, all >= 0.

    Raises:
        UserError: the two do not fit together, or are not images in [-1, 1].
    """
    if images.shape[2:] != shots.shape[2:]:
        raise UserError(
            f"nearest_shot compares images of one size, got {list(images.shape[2:])} and {list(shots.shape[2:])}"
        )
    anchors = torch.cat(list(trunk.batches(shots))).double()
    origin = anchors[0].clone()  # distances do not notice, and sets of near-equal images lose no digits
    anchors -= origin
    lengths = anchors.square().sum(dim=1)
    found = []
    for batch in trunk.batches(images):
        shifted = batch.double() - origin
        squared = shifted.square().sum(dim=1)[:, None] + lengths - 2 * shifted @ anchors.T
        found.append(squared.amin(dim=1).clamp(min=0).cpu().numpy())
    return np.concatenate(found)


def threshold(yardstick: NDArray[np.float64], percentile: float = PERCENTILE) -> float:
    """How near to a shot the nearest of the yardstick's images lie: a percentile of their distances.

    Args:
        yardstick: :func:`nearest` of real images; those at distance 0 are shots themselves and do not count.
        percentile: in 0..100.

    Raises:
        UserError: nothing is left that is no shot.
    """
    others = yardstick[yardstick > EQUAL]
    if not len(others):
        raise UserError(
            f"copies need real images beside the shots to compare with; all {len(yardstick)} of the yardstick are shots"
        )
    return float(np.percentile(others, percentile))


def copies(distances: NDArray[np.float64], limit: float) -> float:
    """The share, in 0..1, of images whose distance to the nearest shot is below ``limit``; lower is better."""
    return float((distances < limit).mean())
