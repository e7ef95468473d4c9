"""Pictures for reports: kept small enough to be carried inside one page, and rows of answers under their inputs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Line, Table
from retable.reports.records.files import open_file

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_SIDE = 1600
"""Pixels; larger pictures are scaled down before they are embedded."""
MOST_PIXELS = 64_000_000
MOST_SIDE = 16_000
NARROW = 720
"""Pixels; strips up to this width are doubled in a composed picture, so that faces of 48 pixels can be seen."""
TITLE_LETTERS = 26
"""Longer titles beside a strip are broken into lines."""


@dataclass(frozen=True)
class PageSize:
    """How much a page spends on its pictures."""

    quality: int = 85
    """Of WebP with loss, 0 to 100."""
    lossless_up_to: int = 20_000
    """Bytes up to which pictures are stored without loss; 0 stores all with loss."""
    grids: tuple[int, ...] = (6, 3, 1)
    """Sample grids of a row; the next number is taken when all grids together need too much."""


WHOLE = PageSize()


@dataclass(frozen=True)
class Embedded:
    """A picture as a ``data:`` address with its size in pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Strip:
    """One row of a side-by-side picture."""

    title: str
    path: Path
    address: str


@dataclass(frozen=True)
class SideBySide:
    """The same inputs through every row of a table."""

    rows: tuple[Strip, ...]
    left_out: tuple[str, ...]
    """Titles of rows whose answers are to other inputs."""


def side_by_side(runs: Runs, table: Table) -> SideBySide | None:
    """Inputs on top, then the answers of the first finished cell of every row, the truth last where it is known.

    What rows learned from stands on top where all that say so learned from the same images.

    Rows that answered other inputs are left out by name; ``None`` when no row has a picture.
    """
    inputs: Strip | None = None
    learnt: list[Strip] = []
    truth: Strip | None = None
    rows: list[Strip] = []
    left_out: list[str] = []
    for line in table.lines:
        address, pictures = _first_pictures(runs, line)
        if not pictures:
            continue
        if "inputs" in pictures:
            own = Strip("Input", pictures["inputs"], address)
            if inputs is None:
                inputs = own
            elif not _same_pixels(inputs.path, own.path):
                left_out.append(line.title)
                continue
        if truth is None and "truth" in pictures:
            truth = Strip("Truth", pictures["truth"], address)
        if "learnt" in pictures:
            learnt.append(Strip("Learned from", pictures["learnt"], address))
        rows.append(Strip(line.title, pictures["outputs"], address))
    if not rows:
        return None
    if not all(_same_pixels(learnt[0].path, strip.path) for strip in learnt[1:]):
        learnt = []
    return SideBySide(
        tuple(strip for strip in (inputs, *learnt[:1], *rows, truth) if strip is not None), tuple(left_out)
    )


def _first_pictures(runs: Runs, line: Line) -> tuple[str, dict[str, Path]]:
    """``inputs``, ``learnt``, ``outputs`` and ``truth``, as far as there are any, of the preview that the row shows."""
    preview = f"final {line.picture}." if line.picture else "final "
    for address in line.addresses:
        record = runs.by_address[address]
        parts = ("inputs", "learnt", "outputs", "truth")
        pictures = {part: record.pictures[preview + part] for part in parts if preview + part in record.pictures}
        if record.status == "ok" and "outputs" in pictures:
            return address, pictures
    return "", {}


def _same_pixels(first: Path, second: Path) -> bool:
    one, other = read(first), read(second)
    return one is not None and other is not None and one.size == other.size and one.tobytes() == other.tobytes()


def read(path: Path) -> Image | None:
    """The picture in RGB, or ``None`` when the file is not a readable picture of sensible size."""
    from PIL import Image

    try:
        # Pillow knows formats by their content, and has other programs read some of them.
        with open_file(path) as file, Image.open(file, formats=["PNG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS or max(picture.size) > MOST_SIDE:
                return None
            return picture.convert("RGB")
    # A damaged file makes Pillow raise nearly anything, SyntaxError and struct.error among others.
    except Exception:
        return None


def shrink(picture: Image) -> Image:
    """Undo whole-factor enlargement where that loses nothing, then fit into :data:`LONGEST_SIDE`."""
    from PIL import Image

    pixels = np.asarray(picture)
    while min(pixels.shape[:2]) >= 2 and pixels.shape[0] % 2 == 0 == pixels.shape[1] % 2:
        half = pixels[::2, ::2]
        if not np.array_equal(half.repeat(2, axis=0).repeat(2, axis=1), pixels):
            break
        pixels = half
    small = Image.fromarray(pixels)
    small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return small


def embed(picture: Image, size: PageSize) -> Embedded:
    """The picture as WebP inside a ``data:`` address; without loss where that is small."""
    small = shrink(picture)
    # The least effort: on grids of samples more of it took thirty times as long, and files in all were no smaller.
    data = _webp(small, lossless=True, quality=0, method=0) if size.lossless_up_to else b""
    if not 0 < len(data) <= size.lossless_up_to:
        lossy = _webp(small, quality=size.quality, method=4)
        data = min(data or lossy, lossy, key=len)
    return Embedded(f"data:image/webp;base64,{base64.b64encode(data).decode()}", small.width, small.height)


def _webp(picture: Image, **how: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", **how)
    return buffer.getvalue()


def compose(rows: Sequence[Strip]) -> Image | None:
    """Strips below each other with their titles at the left, as papers print them; ``None`` without readable strips."""
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    strips = [
        ("\n".join(wrap(strip.title, TITLE_LETTERS)), picture)
        for strip in rows
        if (picture := read(strip.path)) is not None
    ]
    if not strips:
        return None
    if max(picture.width for _, picture in strips) <= NARROW:
        # Neighbouring pixels are repeated, never blurred: what is shown is what the row made.
        strips = [(title, ImageOps.scale(picture, 2, Image.Resampling.NEAREST)) for title, picture in strips]
    font = ImageFont.load_default(size=15)
    margin = 12
    left = int(max(font.getlength(line) for title, _ in strips for line in title.split("\n"))) + 2 * margin
    width = left + max(picture.width for _, picture in strips) + margin
    height = sum(picture.height for _, picture in strips) + 2 * margin
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    top = margin
    for title, picture in strips:
        middle = (left - margin, top + picture.height / 2)
        draw.multiline_text(middle, title, fill="#1d2430", font=font, anchor="rm", align="right")
        canvas.paste(picture, (left, top))
        top += picture.height
    return canvas


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` of ``range(count)``, evenly spaced, with the first and the last; a single one is the last."""
    places: list[int] = np.unique(np.linspace(count - 1, 0, min(count, most)).round().astype(int)).tolist()
    return places
