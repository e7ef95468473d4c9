"""How even the steps of a latent interpolation are: the stair-like latent space of MixDL (arXiv 2111.11672).
Reference: for uniformity MixDL's released `ppl_uniformity.py`, along latents instead of styles, which not every
generator has; none for the rest, as the paper shows the staircase and counts nothing. Distances are LPIPS (arXiv
1801.03924), Eq. 1.

A generator that knows only its ten images stays at one of them and then jumps to the next. Along a path of n steps with
distances d_1 ... d_n between consecutive images, the largest jump is n max d_i / sum d_i: 1 when all are alike, n when
a single step makes the whole way. The spread is their standard deviation over their mean: 0, or sqrt(n - 1). A path on
which nothing moves has no jump (1) and no spread (0): read both beside the path's length. Uniformity is the sample
standard deviation of n^2 d_i, in the units of the path length regulariser: it grows with the path's length.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.features import trunks_of
from retable.benchmarks.metrics.lpips import EQUAL
from retable.benchmarks.metrics.measure import Direction, Question
from retable.benchmarks.metrics.networks.trunks import Trunk
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("LPIPS pair by pair", "float32 embeddings", relative=1e-5)


def steps_of_paths(images: Tensor, paths: Tensor, trunk: Trunk) -> NDArray[np.float64]:
    """LPIPS of every image to the next one of its path.

    Args:
        images: float32 ``[N, 1 or 3, H, W]`` in [-1, 1]; those of one path in the order of the path.
        paths: int64 ``[N]``, which path an image belongs to; all paths have equally many images, three or more.
        trunk: from :func:`retable.benchmarks.metrics.networks.trunks.get_trunk`.

    Returns:
        float64 ``[paths, n]``, where n is one less than the images of a path.

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
    between = steps(images[torch.argsort(paths, stable=True)], trunk)
    # What lies between the end of one path and the beginning of the next is no step.
    return np.append(between, 0.0).reshape(len(names), points)[:, :-1]


def steps(images: Tensor, trunk: Trunk) -> NDArray[np.float64]:
    """LPIPS of every image to the one after it, float64 ``[N - 1]``; every image is embedded once."""
    found, last = [], None
    for batch in trunk.batches(images):
        row = batch if last is None else torch.cat([last, batch])
        found.append((row[1:] - row[:-1]).double().square().sum(dim=1).cpu().numpy())
        last = batch[-1:]
    return np.concatenate(found)


def evenness(whole: NDArray[np.float64]) -> tuple[float, float, float]:
    """How even paths are, from their steps float64 ``[paths, n]``, all >= 0.

    Returns:
        Means over paths: the largest step's share of the path, times n: 1 (even) to n (one jump); the standard
        deviation of the steps over their mean: 0 (even) to sqrt(n - 1); the path's length, the sum of its steps.
    """
    moved = np.where(whole > EQUAL, whole, 0.0)
    lengths = moved.sum(axis=1)
    still = lengths == 0
    shares = np.where(still[:, None], 1 / moved.shape[1], moved / np.where(still, 1.0, lengths)[:, None])
    relative = shares * moved.shape[1]
    return float(relative.max(axis=1).mean()), float(relative.std(axis=1).mean()), float(lengths.mean())


def uniformity(whole: NDArray[np.float64]) -> float:
    """The mean over paths of the deviation of n^2 d_i, from steps float64 ``[paths, n]``; >= 0, 0 is uniform."""
    n = whole.shape[1]
    return float((n**2 * whole).std(axis=1, ddof=1).mean())


def score_staircase(question: Question) -> Iterator[Score]:
    """``largest_jump.TRUNK``, ``path_spread.TRUNK`` and ``uniformity.TRUNK``, lower is smoother; ``path_length.TRUNK``.

    The label says which path an image belongs to; the answers of a path stand in its order.
    """
    images, paths = question.answer.images, question.labels(question.label)
    names = ("largest_jump", "path_spread", "path_length", "uniformity")
    directions: tuple[Direction, ...] = ("lower", "lower", "none", "lower")
    for trunk in trunks_of(question):
        whole = steps_of_paths(images, paths, trunk)
        detail, values = f"paths={whole.shape[0]}x{whole.shape[1]} steps", (*evenness(whole), uniformity(whole))
        for name, value, direction in zip(names, values, directions, strict=True):
            yield question.score(name, value, question.whole, direction, trunk, n_fake=len(images), detail=detail)
