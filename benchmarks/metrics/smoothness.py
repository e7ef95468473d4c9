"""Perceptual path length: Karras et al. 2019 (StyleGAN, arXiv 1812.04948), Eq. 2, along latent interpolations.
Reference: `ppl2_wend` of NVlabs' metrics: epsilon 1e-4, distances outside the 1st to 99th percentile left out.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.lpips import lpips_pair
from retable.benchmarks.metrics.trunks import Trunk

EPSILON = 1e-4
TRIM = (1.0, 99.0)


def smoothness(at_t: Tensor, at_t_plus: Tensor, trunk: Trunk, epsilon: float = EPSILON) -> float:
    """Mean perceptual distance per squared step, E[d(G(z(t)), G(z(t + epsilon))) / epsilon^2]; lower is smoother.

    Args:
        at_t: float32 ``[N, 1 or 3, H, W]`` in [-1, 1]: images at random points t of random interpolations.
        at_t_plus: the images a step further, at t + epsilon, in the same order and not quantised.
        trunk: from :func:`retable.benchmarks.metrics.trunks.get_trunk`.
        epsilon: the step, > 0.

    Raises:
        UserError: the step is not positive, or the images do not fit together.
    """
    if not epsilon > 0:
        raise UserError(f"smoothness: epsilon must be positive, got {epsilon}")
    lengths = lpips_pair(at_t, at_t_plus, trunk) / epsilon**2
    low = np.percentile(lengths, TRIM[0], method="lower")
    high = np.percentile(lengths, TRIM[1], method="higher")
    return float(lengths[(lengths >= low) & (lengths <= high)].mean())
