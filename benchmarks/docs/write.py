"""Writes the pages: with recordings their numbers are renewed, without them the pages keep those that they have."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from retable.benchmarks.docs.family import Family, families
from retable.benchmarks.docs.pages import pages
from retable.benchmarks.docs.results import BEGIN, Recorded, kept
from retable.benchmarks.errors import UserError
from retable.benchmarks.run.old_journal import write_atomically
from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Table
from retable.reports.published.papers import load_papers
from retable.reports.render.pictures import compose, side_by_side

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGES = "img"
PICTURE_BYTES = 60_000
"""A page's picture is made smaller until it needs no more."""
MOST_ROWS = 6
"""Rows of a picture, inputs and truth left aside."""


@dataclass(frozen=True)
class Written:
    """What changed."""

    changed: tuple[Path, ...]
    unchanged: int


def write(to: Path, bundle: Runs | None) -> Written:
    """Write every page and its picture below ``to``.

    Args:
        to: folder of the pages.
        bundle: recordings; ``None`` keeps the numbers and pictures of pages whose settings are as they were.

    Raises:
        UserError: the folder cannot be written.
        ReportError: a file of published tables is bad.
    """
    recorded = Recorded.of(bundle if bundle is not None else Runs(), load_papers())
    made = pages(to, recorded)
    content: dict[Path, bytes] = {}
    for family in families() if bundle is not None else []:
        if (picture := _picture(family, recorded)) is not None:
            caption, data = picture
            name = f"{IMAGES}/{Path(family.file).stem}.webp"
            content[to / name] = data
            made[family.file] = made[family.file].replace(BEGIN, f"{BEGIN}\n\n![{caption}]({name})")
    for name, page in made.items():
        path = to / name
        old = path.read_text(encoding="utf-8") if bundle is None and path.is_file() else ""
        content[path] = (kept(page, old) if _settings(old) == _settings(page) else page).encode()
    written = _replace(to, content)
    for name in made:
        image = f"{IMAGES}/{Path(name).stem}.webp"
        if f"({image})".encode() not in content[to / name]:
            (to / image).unlink(missing_ok=True)
    return written


def _settings(page: str) -> list[str]:
    """Names, defaults and values in the quick profile: numbers that were recorded with others are not kept."""
    return re.findall(r"^\| `\w+` \| .*? \| .*? \|", page, flags=re.MULTILINE)


def _replace(to: Path, content: dict[Path, bytes]) -> Written:
    changed = [path for path, data in content.items() if not (path.is_file() and path.read_bytes() == data)]
    try:
        (to / IMAGES).mkdir(parents=True, exist_ok=True)
        for path in changed:
            write_atomically(path, content[path])
    except OSError as error:
        raise UserError(f"{to} cannot be written ({error.strerror}); choose another folder with --to") from error
    return Written(tuple(changed), len(content) - len(changed))


def _picture(family: Family, recorded: Recorded) -> tuple[str, bytes] | None:
    """Caption and WebP of the first table that shows outputs of the family; ``None`` where nothing was recorded."""
    for paper in recorded.papers:
        for layout in paper.tables:
            rows = [row.title for row in layout.rows if row.method in family.names]
            for table in recorded.tables:
                if rows and table.layout == layout.id and table.figure_caption:
                    shown = side_by_side(recorded.bundle, _part(table, rows))
                    if shown is not None and (image := compose(shown.rows)) is not None:
                        caption = f"{layout.number or layout.title}: {', '.join(strip.title for strip in shown.rows)}"
                        return caption.replace("[", "(").replace("]", ")"), _small(image)
    return None


def _part(table: Table, titles: list[str]) -> Table:
    """The table with the rows of one page alone."""
    lines = [one for one in table.lines if one.title in titles]
    return replace(table, lines=tuple(lines[:MOST_ROWS]))


def _small(image: Image) -> bytes:
    """WebP of at most :data:`PICTURE_BYTES`, or as near as shrinking comes."""
    data = b""
    for width in (1000, 800, 640, 480):
        smaller = image.copy()
        smaller.thumbnail((width, 10 * width))
        for quality in (85, 70, 55):
            buffer = io.BytesIO()
            smaller.save(buffer, format="WEBP", quality=quality, method=6)
            data = buffer.getvalue()
            if len(data) <= PICTURE_BYTES:
                return data
    return data
