"""DiffAugment: whatever D looks at, real or made, is changed at random first, and differentiably.

Paper: Zhao, Liu, Lin, Zhu & Han, "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020, arXiv
2006.10738; rows "+ DA" of MixDL's tables (arXiv 2111.11672). With T the policy, every call with new random
numbers for every image:

    L_D = E f_D(-D(T(x))) + E f_D(D(T(G(z))))          L_G = E f_G(-D(T(G(z))))

    color         x + b, b ~ U(-0.5, 0.5); then m + s (x - m), s ~ U(0, 2), m a pixel's mean over its channels; then
                  M + c (x - M), c ~ U(0.5, 1.5), M the image's mean
    translation   by whole pixels, up to an eighth of the side either way, zeros from outside
    cutout        a square of half the side is zero; its centre is anywhere in the image

Nothing is clamped: values leave [-1, 1], as in the paper.

Where the operations come from: brightness and translation are kornia's. Saturation and contrast are three lines here,
because kornia's clamp to [0, 1] and weigh the channels by luma, and torchvision's take one number for a whole batch; so
is cutout, because kornia's squares never reach over the border and torchvision's lie at one place for all images.

Differences from the paper: none here; where it is used, R1 is on plain images, as in MixDL's released code
(:mod:`retable.methods.mixdl.stylegan2`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

Change = Literal["color", "translation", "cutout"]
SHIFT = 1 / 8
"""Largest translation, as a share of the side (Zhao et al. 2020)."""
HOLE = 1 / 2
"""Side of the square that is cut out, as a share of the image's."""


def color(images: Tensor) -> Tensor:
    """Brightness, saturation and contrast of every image ``[N, C, H, W]``."""
    from kornia.enhance import adjust_brightness

    u = torch.rand(3, len(images), 1, 1, 1, device=images.device)
    images = adjust_brightness(images, u[0].flatten() - 0.5, clip_output=False)
    grey = images.mean(1, keepdim=True)
    images = grey + 2 * u[1] * (images - grey)
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (u[2] + 0.5) * (images - mean)


def translation(images: Tensor) -> Tensor:
    """Move every image ``[N, C, H, W]`` by whole pixels; what comes in is zero."""
    from kornia.geometry.transform import translate

    n, _, height, width = images.shape
    by = [torch.randint(-most, most + 1, (n,), device=images.device) for most in (shift(width), shift(height))]
    # the nearest pixel is the very pixel, where bilinear weights would be off by rounding
    moved: Tensor = translate(images, torch.stack(by, 1).to(images.dtype), mode="nearest", padding_mode="zeros")
    return moved


def shift(side: int) -> int:
    """The largest translation of a side in pixels: 32 -> 4."""
    return int(side * SHIFT + 0.5)


def cutout(images: Tensor) -> Tensor:
    """Set a square of every image ``[N, C, H, W]`` to zero, or what of it lies inside."""
    n, _, *sides = images.shape
    within = []
    for side in sides:
        hole = int(side * HOLE + 0.5)
        start = torch.randint(side + 1 - hole % 2, (n, 1), device=images.device) - hole // 2
        place = torch.arange(side, device=images.device)
        within.append((place >= start) & (place < start + hole))
    hidden = within[0][:, None, :, None] & within[1][:, None, None, :]
    return images.masked_fill(hidden, 0.0)


CHANGES: Mapping[Change, Callable[[Tensor], Tensor]] = {"color": color, "translation": translation, "cutout": cutout}


def diff_augment(images: Tensor, policy: Sequence[Change]) -> Tensor:
    """T: the changes of a policy in their order, each image with random numbers of its own.

    Args:
        images: ``[N, C, H, W]`` in [-1, 1].
        policy: which changes; with none the images come back as they are.

    Returns:
        float32 of the same shape, not clamped; gradients flow to ``images``. The random numbers come from torch's
        global state of the images' device.
    """
    # Autocast would round coordinates and colours to a few hundred steps.
    with torch.autocast(images.device.type, enabled=False):
        images = images.float()
        for name in policy:
            images = CHANGES[name](images)
    return images
