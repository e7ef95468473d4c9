"""Grids of images as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

COLUMNS = 12
SHORTEST_SIDE = 64
"""Pixels; smaller images are enlarged by whole factors without smoothing, so that a pixel stays a pixel."""


def save_image(path: Path, image: Tensor) -> None:
    """Write one image ``[C, H, W]`` in [-1, 1], with 1 or 3 channels, pixel by pixel as a PNG file."""
    _save(path, image.detach().float().cpu().clamp(-1, 1).expand(3, -1, -1))


def in_rows(images: Tensor, columns: int = COLUMNS) -> list[Tensor]:
    """Images ``[N, C, H, W]`` as the rows of a grid that shows all of them: ``columns`` each, the last maybe fewer."""
    return [images[start : start + columns] for start in range(0, len(images), columns)]


def save_grid(path: Path, rows: Sequence[Tensor], columns: int = COLUMNS) -> None:
    """Write images as a grid with one row per tensor.

    Args:
        path: PNG file to write; its folder is made.
        rows: tensors ``[N, C, H, W]`` in [-1, 1] with 1 or 3 channels; the first ``columns`` of each are shown.
        columns: images per row.
    """
    strips = []
    for images in rows:
        shown = images[:columns].detach().float().cpu().clamp(-1, 1)
        shown = shown.expand(-1, 3, -1, -1) if shown.shape[1] == 1 else shown
        factor = max(1, SHORTEST_SIDE // shown.shape[-1])
        strips.append(interpolate(shown, scale_factor=factor, mode="nearest"))
    gap = 2
    height = sum(strip.shape[2] + gap for strip in strips) + gap
    width = max(strip.shape[0] * (strip.shape[3] + gap) for strip in strips) + gap
    canvas = torch.ones(3, height, width)
    top = gap
    for strip in strips:
        for column, image in enumerate(strip):
            left = gap + column * (strip.shape[3] + gap)
            canvas[:, top : top + strip.shape[2], left : left + strip.shape[3]] = image
        top += strip.shape[2] + gap
    _save(path, canvas)


def _save(path: Path, image: Tensor) -> None:
    from PIL import Image

    pixels = ((image + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    # PNG's "optimize" makes grids 1 % smaller in ten times the time, which a small cell would notice.
    Image.fromarray(pixels).save(temporary, format="PNG")
    temporary.replace(path)
