"""Images and grids of images, written as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate, pad

from retable.datasets.files import written_whole

COLUMNS = 12
GAP = 2
"""Pixels between the images of a grid."""
SHORTEST_SIDE = 64
"""Pixels; smaller images are enlarged by whole factors without smoothing, so that a pixel stays a pixel."""


def in_rows(images: Tensor, columns: int = COLUMNS) -> list[Tensor]:
    """Images ``[N, C, H, W]`` as the rows of a grid that shows all of them: ``columns`` each, the last maybe fewer."""
    return list(torch.split(images, columns))


def save_image(path: Path, image: Tensor) -> None:
    """Write one image ``[C, H, W]`` in [-1, 1], with 1 or 3 channels, pixel by pixel as a PNG file."""
    pixels = ((_rgb(image) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    # A picture that a power cut costs is drawn again; ten thousand syncs would take minutes.
    with written_whole(path, durable=False) as file:
        # PNG's "optimize" makes grids 1 % smaller in ten times the time, which a small cell would notice.
        Image.fromarray(pixels).save(file, format="PNG")


def save_grid(path: Path, rows: Sequence[Tensor], columns: int = COLUMNS) -> None:
    """Write images as a grid with one row per tensor.

    Args:
        path: PNG file to write; its folder is made.
        rows: tensors ``[N, C, H, W]`` in [-1, 1] with 1 or 3 channels; the first ``columns`` of each are shown.
        columns: images per row.
    """
    strips = []
    for images in rows:
        shown = _rgb(images[:columns])
        large = interpolate(shown, scale_factor=max(1, SHORTEST_SIDE // shown.shape[-1]), mode="nearest")
        strips.append(torch.cat(list(pad(large, (0, GAP, 0, GAP), value=1.0)), dim=2))
    width = max(strip.shape[2] for strip in strips)
    grid = torch.cat([pad(strip, (0, width - strip.shape[2]), value=1.0) for strip in strips], dim=1)
    save_image(path, pad(grid, (GAP, 0, GAP, 0), value=1.0))


def _rgb(images: Tensor) -> Tensor:
    images = images.detach().float().cpu().clamp(-1, 1)
    return images.expand(*images.shape[:-3], 3, -1, -1)
