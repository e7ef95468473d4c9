"""Two photographs of one person: what a face recogniser learns from, and the pairs that check it.

The real source has one photograph per person. There two views of it take their place: another crop, mirrored
or not, in other light.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from retable.datasets.sampling import epoch_order, step_indices
from retable.datasets.seeding import torch_generator

SMALLEST_CROP = 0.75
"""Side of the smallest crop, as a share of the image's."""
LIGHT, TINT = 0.25, 0.08
"""Largest change of all channels and of one channel, as a share."""


def people_at(n: int, step: int, size: int, *key: str | int) -> Tensor:
    """Which of ``n`` people a step sees, int64 ``[size]``, all different as long as ``size <= n``.

    An epoch's last people are left out where they would not fill a batch.
    """
    if size > n:
        return step_indices(n, step, size, *key)
    epoch, place = divmod(step, n // size)
    return epoch_order(n, epoch, *key)[place * size : (place + 1) * size].clone()


def two_of(shots: int, size: int, *key: str | int) -> tuple[Tensor, Tensor]:
    """Two different shots of each of ``size`` people, int64 ``[size]`` each, in ``range(shots)``."""
    generator = torch_generator("shots", *key)
    first = torch.randint(shots, (size,), generator=generator)
    second = (first + torch.randint(1, shots, (size,), generator=generator)) % shots
    return first, second


def views(images: Tensor, *key: str | int) -> Tensor:
    """One random view of every image: cropped, mirrored or not, in other light; a pure function.

    Args:
        images: float32 ``[N, 3, S, S]`` in [-1, 1].
        key: another key, other views.

    Returns:
        float32 ``[N, 3, S, S]`` in [-1, 1].
    """
    n = len(images)
    generator = torch_generator("views", *key)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    scale = SMALLEST_CROP + (1 - SMALLEST_CROP) * uniform(n)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = scale * (uniform(n) < 0.5).float().mul(2).sub(1)
    theta[:, 1, 1] = scale
    theta[:, :, 2] = (1 - scale)[:, None] * (2 * uniform(n, 2) - 1)
    grid = affine_grid(theta, list(images.shape), align_corners=False)
    seen = grid_sample(images, grid, padding_mode="border", align_corners=False)
    gain = (1 + LIGHT * (2 * uniform(n, 1) - 1)) * (1 + TINT * (2 * uniform(n, 3) - 1))
    return ((seen + 1) * gain[:, :, None, None] - 1).clamp(-1, 1)


def pairs(first: Sequence[Tensor], second: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of one person and of two: everybody with herself, and with the next of the same group.

    The strangers are of one group because a recogniser that only knows groups should fail.

    Args:
        first: one photograph of everybody by group, ``[N_g, ...]`` each.
        second: another photograph of the same people.

    Returns:
        Both sides ``[P, ...]`` and int64 ``[P]``: 1 where they show one person. A group of one person has no strangers.
    """
    several = [(a, b) for a, b in zip(first, second, strict=True) if len(a) > 1]
    one = torch.cat([*first, *(a for a, _ in several)])
    other = torch.cat([*second, *(b.roll(-1, 0) for _, b in several)])
    same = sum(len(a) for a in first)
    return one, other, (torch.arange(len(one)) < same).long()
