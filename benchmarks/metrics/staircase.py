"""How even the steps of a latent interpolation are: the stair-like latent space of MixDL (arXiv 2111.11672).
Reference: none; the paper shows the staircase and counts nothing. Distances are LPIPS (arXiv 1801.03924), Eq. 1.

A generator that knows only its ten images stays at one of them and then jumps to the next. Along a path of n steps with
distances d_1 ... d_n between consecutive images, the largest jump is n max d_i / sum d_i: 1 when all are alike, n when
a single step makes the whole way. The spread is their standard deviation over their mean: 0, or sqrt(n - 1). A path on
which nothing moves has no jump (1) and no spread (0): read both beside the path's length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.nearest import EQUAL
from retable.benchmarks.metrics.trunks import Trunk


@dataclass(frozen=True)
class Staircase:
    """Means over paths."""

    largest_jump: float
    """The largest step's share of the path, times the number of steps: 1 (even) to n (one jump); lower is smoother."""
    spread: float
    """Standard deviation of the steps over their mean: 0 (even) to sqrt(n - 1) (one jump)."""
    length: float
    """LPIPS along the path, summed over its steps; >= 0."""
    paths: int
    steps: int
    """Steps of a path, one less than its images."""


def staircase(images: Tensor, paths: Tensor, trunk: Trunk) -> Staircase:
    """How even the steps of several interpolations are.

    Args:
        images: float32 ``[N, 1 or 3, H, W]`` in [-1, 1]; those of one path in the order of the path.
        paths: int64 ``[N]``, which path an image belongs to; all paths have equally many images, three or more.
        trunk: from :func:`retable.benchmarks.metrics.trunks.get_trunk`.

    Raises:
        UserError: paths too short or of different lengths, or no images in [-1, 1].
    """
    names, counts = torch.unique(paths, return_counts=True)
    points = int(counts[0])
    if len(paths) != len(images) or int(counts.min()) != int(counts.max()) or points < 3:
        raise UserError(
            f"staircase needs paths of equally many images, at least 3; got {len(images)} images in paths of "
            f"{', '.join(str(count) for count in sorted(set(counts.tolist())))}"
        )
    order = torch.argsort(paths, stable=True)
    between = steps(images[order], trunk)
    # What lies between the end of one path and the begin of the next is no step.
    whole = np.append(between, 0.0).reshape(len(names), points)[:, :-1]
    return Staircase(*evenness(whole), paths=len(names), steps=points - 1)


def evenness(whole: NDArray[np.float64]) -> tuple[float, float, float]:
    """Largest jump, spread and length, as in :class:`Staircase`, from steps float64 ``[paths, n]``, all >= 0."""
    moved = np.where(whole > EQUAL, whole, 0.0)
    lengths = moved.sum(axis=1)
    still = lengths == 0
    shares = np.where(still[:, None], 1 / moved.shape[1], moved / np.where(still, 1.0, lengths)[:, None])
    relative = shares * moved.shape[1]
    return float(relative.max(axis=1).mean()), float(relative.std(axis=1).mean()), float(lengths.mean())


def steps(images: Tensor, trunk: Trunk) -> NDArray[np.float64]:
    """LPIPS of every image to the one after it, float64 ``[N - 1]``; every image is embedded once."""
    found, last = [], None
    for batch in trunk.batches(images):
        row = batch if last is None else torch.cat([last, batch])
        found.append((row[1:] - row[:-1]).double().square().sum(dim=1).cpu().numpy())
        last = batch[-1:]
    return np.concatenate(found)
