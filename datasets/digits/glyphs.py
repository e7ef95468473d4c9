"""The shapes of digits, as signed distance fields: printed ones from matplotlib's fonts, written ones from strokes.

A field makes weight, softness and outlines a matter of arithmetic, and blends of two fields are new designs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from datasets.digits.strokes import VARIANTS, distance, segments

FIELD = 48
"""Width and height of a field in samples."""
EXTENT = 0.75
"""A field covers [-EXTENT, EXTENT] in both directions, in units of the digit's height; the digit is centred."""

FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique", "DejaVuSansMono",
    "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic", "STIXGeneral", "STIXGeneralBol",
    "STIXGeneralItalic", "STIXGeneralBolIta", "cmr10", "cmb10", "cmss10", "cmtt10", "cmti10",
)  # fmt: skip
"""Fonts that matplotlib ships and that carry lining digits."""

PEN_VERSIONS = 12
"""How often every variant of a written digit is drawn, its points moved anew each time."""


@dataclass(frozen=True)
class Glyphs:
    """Fields of one digit's shapes: positive inside, in units of the digit's height."""

    field: Tensor
    """float32 ``[G, FIELD, FIELD]``."""
    half_width: Tensor
    """float32 ``[G]``: half the shape's width."""
    pen: Tensor
    """bool ``[G]``: a written shape, whose field is minus the distance to the middle of the stroke."""


def _font_file(name: str) -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"


def _printed(font: ImageFont.FreeTypeFont, digit: int, side: int) -> tuple[Tensor, float]:
    """Signed distance field of a printed digit and half its width, scaled to unit height and centred."""
    from scipy.ndimage import distance_transform_edt

    canvas = Image.new("L", (side, side))
    ImageDraw.Draw(canvas).text((side / 2, side / 2), str(digit), fill=255, font=font, anchor="mm")
    inside = np.asarray(canvas) > 127
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    height, width = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
    signed = distance_transform_edt(inside) - distance_transform_edt(~inside)
    field = torch.from_numpy(signed.astype(np.float32))[None, None] / height
    # The grid has its origin in the middle of the ink and EXTENT digit heights at its edges.
    zoom = 2 * EXTENT * height / side
    x, y = (float(p[0] + p[-1] + 1) / side - 1 for p in (columns, rows))
    grid = F.affine_grid(torch.tensor([[[zoom, 0.0, x], [0.0, zoom, y]]]), [1, 1, FIELD, FIELD], align_corners=False)
    return F.grid_sample(field, grid, padding_mode="border", align_corners=False)[0, 0], width / height / 2


def _written(digit: int) -> tuple[Tensor, Tensor]:
    """Fields ``[G, FIELD, FIELD]`` and half widths ``[G]`` of a digit's pen variants."""
    axis = ((torch.arange(FIELD) + 0.5) / FIELD * 2 - 1) * EXTENT
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).view(-1, 2)
    generator = torch.Generator().manual_seed(digit)
    fields, widths = [], []
    for strokes in VARIANTS[digit]:
        count = sum(len(s) for s in strokes)
        jitter = 0.028 * torch.randn(PEN_VERSIONS, count, 2, generator=generator)
        start, end = segments(strokes, jitter)
        low, high = start.amin(1), start.amax(1)
        centre, height = (low + high) / 2, (high - low)[:, 1, None].clamp_min(0.5)
        start, end = (((p - centre[:, None]) / height[:, None]) for p in (start, end))
        fields.append(-distance(start, end, points).view(-1, FIELD, FIELD))
        widths.append((high - low)[:, 0] / height[:, 0] / 2)
    return torch.cat(fields), torch.cat(widths)


@lru_cache(maxsize=1)
def atlas() -> tuple[Glyphs, ...]:
    """The shapes of all ten digits. Takes about two seconds, once a process."""
    side = 192
    printed: list[list[Tensor]] = [[] for _ in range(10)]
    widths: list[list[float]] = [[] for _ in range(10)]
    for name in FONTS:
        font = ImageFont.truetype(_font_file(name), round(side / (2 * EXTENT) / 0.73))
        for digit in range(10):
            field, half = _printed(font, digit, side)
            printed[digit].append(field)
            widths[digit].append(half)
    glyphs = []
    for digit in range(10):
        pen_field, pen_half = _written(digit)
        fields = torch.cat([torch.stack(printed[digit]), pen_field])
        half_width = torch.cat([torch.tensor(widths[digit]), pen_half])
        glyphs.append(Glyphs(fields, half_width, torch.arange(len(fields)) >= len(FONTS)))
    return tuple(glyphs)
