"""The shapes of digits, as signed distance fields: printed ones from matplotlib's fonts, written ones from strokes.

A field makes weight, softness and outlines a matter of arithmetic, and blends of two fields are new designs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from retable.datasets.standins.digits.strokes import SANS_ONE, VARIANTS, Stroke, distance, segments

FIELD = 48
"""Width and height of a field in samples."""
EXTENT = 0.75
"""A field covers [-EXTENT, EXTENT] in both directions, in units of the digit's height; the digit is centred."""

SANS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique", "cmss10")
SERIF = (
    "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic", "STIXGeneral",
    "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta", "cmr10", "cmb10", "cmtt10", "cmti10",
)  # fmt: skip
FONTS = SANS + SERIF
"""Fonts that matplotlib ships and whose digits stand on the line. Its monospaced sans has a dotted zero and is out."""
_SANS_ONES = {
    "DejaVuSans": 0.055,
    "DejaVuSans-Bold": 0.1,
    "DejaVuSans-Oblique": 0.06,
    "DejaVuSans-BoldOblique": 0.09,
    "cmss10": 0.045,
}
"""These fonts' 1 has a foot, which house numbers hardly ever have: a flagged stroke of this half width replaces it."""

PEN_VERSIONS = 16
"""How often every variant of a written digit is drawn, its points moved anew each time."""
PEN_JITTER = 0.035
"""Standard deviation of that movement, in digit heights."""


@dataclass(frozen=True)
class Glyphs:
    """The shapes of all digits, one after the other: for every digit first :data:`FONTS`, then its written forms."""

    field: Tensor
    """float32 ``[G, FIELD, FIELD]``, in units of the digit's height: printed, the signed distance to the outline,
    positive inside; written, minus the distance to the middle of the stroke."""
    half_width: Tensor
    """float32 ``[G]``: half the shape's width."""
    first: Tensor
    """int64 ``[10]``: where each digit's shapes begin."""
    written: Tensor
    """int64 ``[10]``: how many written forms each digit has."""


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
    grid = affine_grid(torch.tensor([[[zoom, 0.0, x], [0.0, zoom, y]]]), [1, 1, FIELD, FIELD], align_corners=False)
    return grid_sample(field, grid, padding_mode="border", align_corners=False)[0, 0], width / height / 2


def _written(
    seed: int, variants: list[list[Stroke]], versions: int, jitter: float, height: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Fields ``[G, FIELD, FIELD]`` and half widths ``[G]`` of strokes whose middle lines are ``height`` high."""
    axis = ((torch.arange(FIELD) + 0.5) / FIELD * 2 - 1) * EXTENT
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).view(-1, 2)
    generator = torch.Generator().manual_seed(seed)
    fields, widths = [], []
    for strokes in variants:
        count = sum(len(s) for s in strokes)
        start, end = segments(strokes, jitter * torch.randn(versions, count, 2, generator=generator))
        low, high = start.amin(1), start.amax(1)
        centre, scale = (low + high) / 2, height / (high - low)[:, 1, None].clamp_min(0.5)
        start, end = ((p - centre[:, None]) * scale[:, None] for p in (start, end))
        fields.append(-distance(start, end, points).view(-1, FIELD, FIELD))
        widths.append(((high - low) * scale)[:, 0] / 2)
    return torch.cat(fields), torch.cat(widths)


@lru_cache(maxsize=1)
def atlas() -> Glyphs:
    """The shapes of all ten digits. Takes a few seconds, once a process."""
    side = 192
    fonts = {name: ImageFont.truetype(_font_file(name), round(side / (2 * EXTENT) / 0.73)) for name in FONTS}
    fields: list[Tensor] = []
    widths: list[float] = []
    first, written = [], []
    for digit in range(10):
        first.append(len(fields))
        for name, font in fonts.items():
            if digit == 1 and name in _SANS_ONES:
                radius = _SANS_ONES[name]
                shape, width = _written(1, [SANS_ONE], 1, 0.0, height=1 - 2 * radius)
                field, half = shape[0] + radius, float(width[0]) + radius
            else:
                field, half = _printed(font, digit, side)
            fields.append(field)
            widths.append(half)
        shapes, halves = _written(digit, VARIANTS[digit], PEN_VERSIONS, PEN_JITTER)
        fields.extend(shapes)
        widths.extend(halves.tolist())
        written.append(len(shapes))
    return Glyphs(torch.stack(fields), torch.tensor(widths), torch.tensor(first), torch.tensor(written))
