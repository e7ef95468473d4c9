"""Images before a network looks at them: checks of type, shape and range, quantisation, and two ways of resizing.
Reference: clean-fid (Parmar et al. 2022, arXiv 2104.11222), which shows how quantisation and resizing move numbers.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from retable.benchmarks.errors import UserError

SLACK = 1e-3
"""Pixels this far outside [-1, 1] count as rounding errors and are clipped."""


def check_images(images: Tensor, what: str = "images") -> Tensor:
    """The same images, clipped to [-1, 1], after checking what the metrics expect.

    Args:
        images: float32 ``[N, C, H, W]`` in [-1, 1] with N >= 1, C = 1 or 3.
        what: what errors call them.

    Raises:
        UserError: wrong type, shape or range, or a value that is not finite.
    """
    if images.dtype != torch.float32:
        raise UserError(f"{what}: expected float32, got {images.dtype}; scale to [-1, 1] and convert with .float()")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise UserError(f"{what}: expected shape [N, 1 or 3, H, W] with N >= 1, got {list(images.shape)}")
    low, high = (float(v) for v in torch.aminmax(images))
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = (~torch.isfinite(images)).flatten(1).any(1).nonzero().flatten()
        raise UserError(
            f"{what}: {len(bad)} of {len(images)} hold values that are not finite, the first is number {bad[0]}"
        )
    if low < -1 - SLACK or high > 1 + SLACK:
        raise UserError(f"{what}: values must lie in [-1, 1], found [{low:.4g}, {high:.4g}]")
    return images.clamp(-1, 1)


def quantise(images: Tensor) -> Tensor:
    """[-1, 1] -> the 256 levels of a PNG, as float32 in 0..255: an image scores the same in memory and from disk."""
    return ((images + 1) * 127.5).round().clamp(0, 255)


def to_rgb(images: Tensor) -> Tensor:
    """``[N, 1 or 3, H, W]`` -> ``[N, 3, H, W]``; one channel is repeated."""
    return images.expand(-1, 3, -1, -1)


def resize_bicubic(images: Tensor, side: int) -> Tensor:
    """``[N, C, H, W]`` -> ``[N, C, side, side]`` by torch's antialiased bicubic filter, without clipping overshoot."""
    return functional.interpolate(images, size=(side, side), mode="bicubic", antialias=True, align_corners=False)


def resize_pil(images: Tensor, side: int) -> Tensor:
    """clean-fid's resizer: PIL's bicubic on each channel as 32-bit floats in 0..255, clipped, never quantised again."""
    out = np.empty((*images.shape[:2], side, side), dtype=np.float32)
    for n, image in enumerate(images.cpu().numpy()):
        for c, channel in enumerate(image):
            resized = Image.fromarray(np.ascontiguousarray(channel)).resize((side, side), Image.Resampling.BICUBIC)
            out[n, c] = np.asarray(resized).clip(0, 255)
    return torch.from_numpy(out)
