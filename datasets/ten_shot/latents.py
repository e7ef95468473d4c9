"""Latents that generators are asked for: standard normal rows, and spherical interpolations between two of them.

A method uses the first columns, as many as its latent has. Interpolations follow Shoemake (SIGGRAPH 1985) in direction,
as StyleGAN's perceptual path length does (Karras et al., CVPR 2019, Section 4.1); the length goes from one end's to the
other's in equal steps, so that both ends are what was drawn, and a point between them is as long as a normal row is.
Constant speed and that length hold for all 512 columns together: the first 16 or 64, which is what some methods use,
turn by another angle than the whole and are only about as long, so their steps are not quite even.
"""

from __future__ import annotations

import torch
from torch import Tensor

from retable.datasets.seeding import torch_generator

DIMENSIONS = 512
"""Columns of every latent, as many as StyleGAN2's has."""
EPSILON = 1e-4
"""Distance in t of the two ends of the perceptual path length (Karras et al., CVPR 2019, Section 4.1)."""


def normal(count: int, *key: str | int) -> Tensor:
    """Standard normal float32 ``[count, 512]``; more rows of a key start with the fewer ones."""
    return torch.randn(count, DIMENSIONS, generator=torch_generator("latents", "normal", *key))


def neighbours(count: int, *key: str | int) -> Tensor:
    """Interpolations at a uniform t and at t + :data:`EPSILON`: float32 ``[2 * count, 512]``, rows 2i and 2i + 1."""
    t = torch.rand(count, 1, generator=torch_generator("latents", "t", *key), dtype=torch.float64)
    return _paths(count, torch.cat([t, t + EPSILON], 1), *key)


def strips(count: int, points: int, *key: str | int) -> Tensor:
    """Interpolations from end to end in equal steps: float32 ``[count * points, 512]``, one path after the other."""
    return _paths(count, torch.linspace(0, 1, points, dtype=torch.float64).expand(count, -1), *key)


def path_of_row(count: int, points: int) -> Tensor:
    """The path that every row of :func:`strips` is on, int64 ``[count * points]``."""
    return torch.arange(count).repeat_interleave(points)


def slerp(first: Tensor, last: Tensor, t: Tensor) -> Tensor:
    """Along the arc between two directions, the length in proportion.

    Args:
        first, last: float ``[N, 1, D]``, neither zero nor opposite.
        t: ``[N, P, 1]``; 0 is ``first``, 1 is ``last``.

    Returns:
        ``[N, P, D]``.
    """
    one, other = (end.norm(dim=-1, keepdim=True) for end in (first, last))
    cos = ((first / one) * (last / other)).sum(-1, keepdim=True).clamp(-1, 1)
    angle = cos.acos()
    # The limit of sin(t angle) / sin(angle) is t where the directions agree.
    near = angle < 1e-6
    safe = torch.where(near, torch.ones_like(angle), angle)
    a = torch.where(near, 1 - t, ((1 - t) * safe).sin() / safe.sin())
    b = torch.where(near, t, (t * safe).sin() / safe.sin())
    direction: Tensor = a * first / one + b * last / other
    return direction * torch.lerp(one, other, t)


def _paths(count: int, t: Tensor, *key: str | int) -> Tensor:
    # In double precision: two points 1e-4 apart would lose three of seven digits of their difference.
    ends = normal(2 * count, *key).double().view(count, 2, DIMENSIONS)
    return slerp(ends[:, :1], ends[:, 1:], t[..., None]).float().flatten(0, 1)
