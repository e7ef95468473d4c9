"""Spatial Fréchet distance, sFID: Nash et al. 2021 (arXiv 2103.03841): where things are, beside what they are.
Reference: the evaluator of guided diffusion (Dhariwal & Nichol 2021, arXiv 2105.05233), which reports it beside FID.

The Fréchet distance of FID, on a feature map instead of pooled features: the first seven channels of a map in the
middle of the network, flattened. Inception's is Mixed_6e, 17 x 17, as MixDL's evaluation (arXiv 2111.11672) reads it:
2,023 numbers, about as many as FID's 2,048. The same idea on `lite0` is the first seven of the 112 channels of its last
map at stride 16 (the output of its eleventh block, `blocks.10`), which is 6 x 6 at 96 px: 252 numbers.

A score's protocol names the map. What biases a Fréchet distance biases this one; see docs/tolerances.md.
"""

from __future__ import annotations

from torch import Tensor

from retable.benchmarks.metrics.frechet import Features, frechet_distance

CHANNELS = 7


def spatial(found: Tensor) -> Tensor:
    """A feature map ``[N, C, H, W]`` with C >= 7 -> its first seven channels, flattened: ``[N, 7 * H * W]``."""
    return found[:, :CHANNELS].flatten(1)


def sfid(a: Features, b: Features) -> float:
    """Fréchet distance between two sets of spatial features ``[n, d]`` and ``[m, d]``; lower is closer.

    Raises:
        UserError: as :func:`retable.benchmarks.metrics.frechet.frechet_distance`.
    """
    return frechet_distance(a, b)
