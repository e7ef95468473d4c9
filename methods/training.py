"""Small pieces that several methods train with: augmentation, frozen and held networks, channels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional


def random_affine(images: Tensor, shift: float, rotate: float, scale: float) -> Tensor:
    """Move every image of a batch by its own random affine map; bilinear, the border repeated outside.

    Args:
        images: float32 ``[N, C, H, W]``.
        shift: largest shift in pixels, horizontally and vertically.
        rotate: largest rotation in degrees, either way.
        scale: largest relative change of size, e.g. 0.1 for 0.9 to 1.1, each axis its own.

    Returns:
        Images of the same shape. The random numbers come from torch's global state of the images' device.
    """
    if shift == rotate == scale == 0:
        return images
    n, _, height, width = images.shape
    u = 2 * torch.rand(5, n, device=images.device) - 1
    angle = u[0] * math.radians(rotate)
    sx, sy = 1 + u[1] * scale, 1 + u[2] * scale
    # affine_grid's translations are in units of half an image
    dx, dy = u[3] * 2 * shift / width, u[4] * 2 * shift / height
    cos, sin = angle.cos(), angle.sin()
    theta = torch.stack([torch.stack([sx * cos, -sy * sin, dx], 1), torch.stack([sx * sin, sy * cos, dy], 1)], 1)
    grid = functional.affine_grid(theta, [n, 1, height, width], align_corners=False)
    return functional.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)


class Frozen(nn.Module):
    """A trained network that only looks: no gradients for its weights, batch-norm statistics that never move.

    Gradients still flow *through* it to its input. ``train()`` has no effect on what it holds.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode, whatever ``mode`` says."""
        return super().train(False)

    def forward(self, x: Tensor) -> Tensor:
        """What the network gives for ``x``."""
        out: Tensor = self.network(x)
        return out


@contextmanager
def held(network: nn.Module) -> Iterator[None]:
    """Within this block the network's weights ask for no gradients, which saves their part of the backward pass."""
    asking = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in asking:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)


def grey(images: Tensor) -> Tensor:
    """``[N, 3, H, W]`` -> ``[N, 1, H, W]`` by the luma weights of ITU-R BT.601; one-channel images pass through."""
    if images.shape[1] == 1:
        return images
    weights = images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Images with this many channels: one channel is replicated; anything else must already fit.

    Raises:
        ValueError: the images have neither one nor ``channels`` channels.
    """
    if images.shape[1] == channels:
        return images
    if images.shape[1] != 1:
        raise ValueError(f"images have {images.shape[1]} channels where {channels} (or 1, to be replicated) are needed")
    return images.expand(-1, channels, -1, -1)


def mirror_and_crop(images: Tensor, enlarge: float) -> Tensor:
    """Mirror every image with probability 1/2, enlarge the batch, and crop every image back at a random place.

    Args:
        images: float32 ``[N, C, S, S]``.
        enlarge: at least 1; at 1 images are only mirrored.

    Returns:
        Images of the same shape. The random numbers come from torch's global state of the images' device.
    """
    n, _, size, _ = images.shape
    mirrored = torch.rand(n, 1, 1, 1, device=images.device) < 0.5
    images = torch.where(mirrored, images.flip(3), images)
    large = round(size * enlarge)
    if large <= size:
        return images
    images = functional.interpolate(images, (large, large), mode="bilinear", align_corners=False)
    top, left = torch.randint(large - size + 1, (2, n), device=images.device).tolist()
    return torch.stack([x[:, t : t + size, i : i + size] for x, t, i in zip(images, top, left, strict=True)])
