"""Synthetic street digits: the stand-in for SVHN, 32 x 32 RGB crops around one labelled digit of a house number.

Image i of a split is a pure function of (seed, split, i): rendering more images never changes those that were there.
The steps are those of a photograph: shapes (:mod:`~datasets.digits.glyphs`) are placed with their neighbours, painted on
a wall, and seen through a camera (:mod:`~datasets.digits.camera`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets import cache
from datasets.digits import camera
from datasets.digits.counter import Draws
from datasets.digits.glyphs import EXTENT, FONTS, atlas
from datasets.digits.svhn import Street

VERSION = 1
"""Of the renderer: part of every cache key. Raise it whenever an image would come out differently."""
SIZE = 32
PEN_SHARE = 0.35
"""Share of numbers written with a pen or brush; the others are printed, cut or cast."""
_BLOCK = 256


def street(
    folder: Path, split: str, count: int, seed: int = 0, progress: Callable[[int], None] | None = None
) -> Street:
    """The first ``count`` images of a split, from the cache or rendered now.

    Args:
        folder: the cache's folder.
        split: any name; different names give different images.
        count: number of images.
        seed: seed of the whole set.
        progress: told the number of images done, while rendering.
    """
    key = {"renderer": VERSION, "size": SIZE, "split": split, "count": count, "seed": seed}
    entry = cache.cached(folder, f"street-{split}", key, lambda: _all(split, count, seed, progress))
    return Street(entry.tensors["images"], entry.tensors["labels"], entry.digest)


def _all(split: str, count: int, seed: int, progress: Callable[[int], None] | None) -> dict[str, Tensor]:
    images, labels = [], []
    for first in range(0, count, _BLOCK):
        block = torch.arange(first, min(first + _BLOCK, count))
        image, label = render(block, split, seed)
        images.append(image)
        labels.append(label)
        if progress is not None:
            progress(int(block[-1]) + 1)
    return {"images": torch.cat(images), "labels": torch.cat(labels)}


def render(indices: Tensor, split: str, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Render images by index.

    Args:
        indices: int64 ``[B]``.
        split: name of the split.
        seed: seed of the whole set.

    Returns:
        uint8 ``[B, 3, 32, 32]`` and labels int64 ``[B]``, uniform over the ten digits.
    """
    draws = Draws(indices, seed, split)
    shapes = _shapes(draws)
    scene = camera.paint(draws, _cover(draws, shapes))
    return camera.photograph(draws, scene), shapes.digits[:, 0]


@dataclass(frozen=True)
class _Shapes:
    """The digits of a number: the labelled one, its left and its right neighbour."""

    digits: Tensor
    """int64 ``[B, 3]``."""
    field: Tensor
    """float32 ``[B, 3, S, S]``, positive inside."""
    half_width: Tensor
    """float32 ``[B, 3]``."""


def _shapes(draws: Draws) -> _Shapes:
    digits = draws.integers(10, 3)
    pen = draws.chance(PEN_SHARE)
    choice, second, blend = draws.uniform(), draws.uniform(), draws.uniform() * draws.chance(0.5)
    variant = draws.uniform(3)
    glyphs = atlas()
    fields, widths = [], []
    for place in range(3):
        field, width = [], []
        for i, digit in enumerate(digits[:, place].tolist()):
            shapes = glyphs[digit]
            if pen[i]:
                n = len(FONTS) + int(variant[i, place] * (len(shapes.field) - len(FONTS)))
                field.append(shapes.field[n])
                width.append(shapes.half_width[n])
            else:
                a, b = int(choice[i] * len(FONTS)), int(second[i] * len(FONTS))
                field.append(torch.lerp(shapes.field[a], shapes.field[b], blend[i]))
                width.append(torch.lerp(shapes.half_width[a], shapes.half_width[b], blend[i]))
        fields.append(torch.stack(field))
        widths.append(torch.stack(width))
    # A font's own weight is varied a little, a pen's from hair-thin to brush-thick.
    weight = torch.where(pen.bool(), 0.02 + 0.07 * draws.uniform(), draws.normal(std=0.018) - 0.004)
    return _Shapes(digits, torch.stack(fields, 1) + weight[:, None, None, None], torch.stack(widths, 1))


def _cover(draws: Draws, shapes: _Shapes) -> Tensor:
    """How much of every pixel the number covers: float32 ``[B, 32, 32]`` in [0, 1]."""
    b = len(shapes.digits)
    height = 23.5 + draws.normal(std=3.0, limit=2.0)  # pixels
    centre = torch.stack([draws.normal(std=1.3), draws.normal(std=1.0)], -1)
    angle = draws.normal(std=0.09, limit=2.5)
    shear = draws.normal(std=0.12, limit=2.5)
    aspect = (draws.normal(std=0.14)).exp()
    tilt = draws.normal(2, std=0.08)
    gap = 0.07 + 0.18 * draws.uniform(2)
    rise = draws.normal(2, std=0.03)
    present = draws.chance(0.58, 2)

    axis = torch.arange(SIZE) + 0.5 - SIZE / 2
    pixels = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)[None] - centre[:, None, None]
    pixels = pixels / (1 + (pixels / SIZE * tilt[:, None, None]).sum(-1, keepdim=True))
    # Elastic deformation: a 5 x 5 grid of displacements, smoothly enlarged.
    bend = camera.enlarge(draws.normal(2, 5, 5, std=0.55), SIZE).permute(0, 2, 3, 1)
    pixels = pixels + bend
    cos, sin = angle.cos(), angle.sin()
    x = (pixels[..., 0] * cos[:, None, None] + pixels[..., 1] * sin[:, None, None]) / height[:, None, None]
    y = (pixels[..., 1] * cos[:, None, None] - pixels[..., 0] * sin[:, None, None]) / height[:, None, None]
    x = (x + shear[:, None, None] * y) / aspect[:, None, None]

    half = shapes.half_width
    left = -(half[:, 0] + gap[:, 0] + half[:, 1])
    right = half[:, 0] + gap[:, 1] + half[:, 2]
    offset_x = torch.stack([torch.zeros(b), left, right], 1)
    offset_y = torch.stack([torch.zeros(b), rise[:, 0], rise[:, 1]], 1)
    grid = torch.stack(
        [x[:, None] - offset_x[..., None, None], y[:, None] - offset_y[..., None, None]], -1
    )  # [B, 3, 32, 32, 2]
    sampled = F.grid_sample(
        shapes.field.flatten(0, 1)[:, None], grid.flatten(0, 1) / EXTENT, padding_mode="border", align_corners=False
    ).view(b, 3, SIZE, SIZE)
    absent = torch.cat([torch.zeros(b, 1), 1 - present], 1)
    depth = (sampled - 9 * absent[..., None, None]).amax(1) * height[:, None, None]
    return (depth + 0.5).clamp(0, 1)
