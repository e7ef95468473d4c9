"""Synthetic street digits: the stand-in for SVHN, 32 x 32 RGB crops around one labelled digit of a house number.

Image i of a split is a pure function of (seed, split, i): rendering more images never changes those that were there.
The steps are those of a photograph: shapes (:mod:`~retable.datasets.standins.digits.glyphs`) are placed with their
neighbours, painted on a wall, and seen through a camera (:mod:`~retable.datasets.standins.digits.camera`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from retable.datasets import cache
from retable.datasets.sources import Count, LabelledImages
from retable.datasets.standins.digits import camera
from retable.datasets.standins.digits.glyphs import EXTENT, FONTS, SANS, atlas
from retable.datasets.standins.digits.random_numbers import Draws

VERSION = 3
"""Of the renderer: part of every cache key. Raise it whenever an image would come out differently."""
SIZE = 32
PEN_SHARE = 0.4
"""Share of numbers written with a pen or brush; the others are printed, cut or cast."""
_TYPEFACES = tuple(range(len(SANS))) * 3 + tuple(range(len(FONTS)))
"""Typefaces without serifs are the rule on houses: about two of three."""
SHARD = 5_000
"""Images in one file of the cache."""
_BLOCK = 256


def street(folder: Path, split: str, count: int, seed: int = 0, progress: Count | None = None) -> LabelledImages:
    """The first ``count`` images of a split, from the cache or rendered now.

    They are kept in shards of :data:`SHARD` images, so a larger set takes over what a smaller one has rendered.

    Args:
        folder: the cache's folder.
        split: any name; different names give different images.
        count: number of images, at least 1.
        seed: seed of the whole set.
        progress: told the number of images done after every shard.
    """
    entries = []
    for first in range(0, count, SHARD):
        last = min(first + SHARD, count)
        key = {"renderer": VERSION, "split": split, "first": first, "last": last, "seed": seed}
        entries.append(cache.cached(folder, f"street-{split}", key, partial(_shard, first, last, split, seed)))
        if progress is not None:
            progress(last)
    images, labels = (torch.cat([entry.tensors[name] for entry in entries]) for name in ("images", "labels"))
    return LabelledImages.of(images, labels)


def _shard(first: int, last: int, split: str, seed: int) -> dict[str, Tensor]:
    blocks = [
        render(torch.arange(start, min(start + _BLOCK, last)), split, seed) for start in range(first, last, _BLOCK)
    ]
    return {
        "images": torch.cat([images for images, _ in blocks]),
        "labels": torch.cat([labels for _, labels in blocks]),
    }


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
    pen: Tensor
    """float32 ``[B]``: 1 where the number is written, 0 where it is printed."""


def _shapes(draws: Draws) -> _Shapes:
    digits = draws.integers(10, 3)
    pen = draws.chance(PEN_SHARE)
    typefaces = torch.tensor(_TYPEFACES)[draws.integers(len(_TYPEFACES), 2)]
    blend = draws.uniform() * draws.chance(0.5)
    variant = draws.uniform(3)
    bank = atlas()
    # One number is printed in one typeface (or in a blend of two) but every written digit has its own form.
    printed_a, printed_b = (bank.first[digits] + typefaces[:, i, None] for i in (0, 1))
    written = bank.first[digits] + len(FONTS) + (variant * bank.written[digits]).long()
    first = torch.where(pen.bool()[:, None], written, printed_a)
    second = torch.where(pen.bool()[:, None], written, printed_b)
    field = torch.lerp(bank.field[first], bank.field[second], blend[:, None, None, None])
    half_width = torch.lerp(bank.half_width[first], bank.half_width[second], blend[:, None])
    # A typeface's own weight is varied a little, a pen's from thin to brush-thick.
    weight = torch.where(pen.bool(), 0.028 + 0.062 * draws.uniform(), draws.normal(std=0.018) - 0.004)
    return _Shapes(digits, field + weight[:, None, None, None], half_width, pen)


def _cover(draws: Draws, shapes: _Shapes) -> Tensor:
    """How much of every pixel the number covers: float32 ``[B, 32, 32]`` in [0, 1]."""
    b = len(shapes.digits)
    height = 23.0 + draws.normal(std=3.2, limit=2.0)  # pixels
    centre = torch.stack([draws.normal(std=1.3), draws.normal(std=1.0)], -1)
    angle = draws.normal(std=0.09, limit=2.5)
    # Hands slant and stretch their digits more than typefaces do.
    shear = draws.normal(std=0.12, limit=2.5) * (1 + 1.2 * shapes.pen)
    aspect = (draws.normal(std=0.14) * (1 + 0.6 * shapes.pen)).exp()
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
    sampled = grid_sample(
        shapes.field.flatten(0, 1)[:, None], grid.flatten(0, 1) / EXTENT, padding_mode="border", align_corners=False
    ).view(b, 3, SIZE, SIZE)
    absent = torch.cat([torch.zeros(b, 1), 1 - present], 1)
    depth = (sampled - 9 * absent[..., None, None]).amax(1) * height[:, None, None]
    return (depth + 0.5).clamp(0, 1)
