"""Perceptual path length: Karras et al. 2019 (StyleGAN, arXiv 1812.04948), Eq. 2, along latent interpolations.
Reference: `ppl2_wend` of NVlabs' metrics: epsilon 1e-4, distances outside the 1st to 99th percentile left out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.features import trunks_of
from retable.benchmarks.metrics.lpips import lpips_pair
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.networks.trunks import Trunk
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("Eq. 2 over LPIPS pairs, the extremes sorted out", "float64 sums in another order", relative=1e-9)
EPSILON = 1e-4
TRIM = (1.0, 99.0)


def smoothness(at_t: Tensor, at_t_plus: Tensor, trunk: Trunk) -> float:
    """Mean perceptual distance per squared step, E[d(G(z(t)), G(z(t + epsilon))) / epsilon^2]; lower is smoother.

    Args:
        at_t: float32 ``[N, 1 or 3, H, W]`` in [-1, 1]: images at random points t of random interpolations.
        at_t_plus: the images a step further, at t + epsilon, in the same order and not quantised.
        trunk: from :func:`retable.benchmarks.metrics.networks.trunks.get_trunk`.

    Raises:
        UserError: the images do not fit together.
    """
    lengths = lpips_pair(at_t, at_t_plus, trunk) / EPSILON**2
    low = np.percentile(lengths, TRIM[0], method="lower")
    high = np.percentile(lengths, TRIM[1], method="higher")
    return float(lengths[(lengths >= low) & (lengths <= high)].mean())


def score_smoothness(question: Question) -> Iterator[Score]:
    """``smoothness.TRUNK``: perceptual path length over consecutive rows, lower is smoother."""
    images, request = question.answer.images, question.answer.request
    if len(images) % 2:
        raise UserError(f"metric 'smoothness' takes rows in pairs (t, t + epsilon); {request!r} has {len(images)}")
    n, detail = len(images) // 2, f"epsilon={EPSILON:g}"
    for trunk in trunks_of(question):
        value = smoothness(images[0::2], images[1::2], trunk)
        yield question.score("smoothness", value, question.whole, "lower", trunk, n_fake=n, detail=detail)
