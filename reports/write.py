"""Writes a report: one page, tables for papers and for Markdown, figures, and every score as CSV."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from retable.reports import text
from retable.reports.compute.runs import Runs
from retable.reports.errors import ReportError
from retable.reports.records.files import write_atomically
from retable.reports.render import html_page, latex, markdown
from retable.reports.render.content import Content
from retable.reports.render.pictures import PageSize, compose
from retable.reports.render.results_csv import results_csv

LARGEST = 4_500_000
"""Bytes of the small page."""
POINTS = 60
"""Points of a training curve on the small page."""
SIZES = (PageSize(75, 0, (2,)), PageSize(60, 0, (1,)), PageSize(40, 0, (1,)), PageSize(20, 0, (1,)))
"""Tried in turn until the small page is small enough."""


def write_report(runs: Runs, out: Path) -> Path:
    """Write ``index.html``, ``tables/*.md``, ``tables/*.tex``, ``figures/*`` and ``results.csv`` below ``out``.

    Every file is replaced in one step, the page last, so that a reader never meets half a report.

    Returns:
        The path of the page.

    Raises:
        ReportError: the folder cannot be written, or a file of published tables is bad.
    """
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
    content = Content(runs)
    files: dict[str, str | bytes] = {}
    for table in content.all_tables:
        name = table.anchor.removeprefix("table-")
        files[f"tables/{name}.md"] = markdown.render(table, level=1)
        files[f"tables/{name}.tex"] = latex.render(table)
    for paper in content.claims:
        files[f"tables/{paper.paper}-claims.md"] = markdown.render_claims(paper, level=1)
        files[f"tables/{paper.paper}-claims.tex"] = latex.render_claims(paper)
    for drawing in (*content.curves.values(), *content.plots.values()):
        files[f"figures/{drawing.name}.svg"] = drawing.svg
        files[f"figures/{drawing.name}.png"] = drawing.png
    for anchor, shown in content.figures.items():
        if (picture := compose(shown.rows)) is not None:
            buffer = io.BytesIO()
            picture.save(buffer, format="PNG", compress_level=6)
            files[f"figures/{anchor.removeprefix('table-')}-outputs.png"] = buffer.getvalue()
    files["results.csv"] = results_csv(runs)
    files["index.html"] = html_page.render(content)
    for name, data in files.items():
        write(out / name, data)
    return out / "index.html"


def write_small_report(runs: Runs, out: Path) -> Path:
    """Write ``index.html`` alone, at most :data:`LARGEST` bytes, and say at its top what it leaves out.

    Raises:
        ReportError: the page is larger even with the worst pictures, or cannot be written; see also
            :func:`write_report`.
    """
    content = Content(runs, points=POINTS)
    for paper, drawing in content.curves.items():
        content.curves[paper] = replace(drawing, svg=_short_numbers(drawing.svg))
    page = b""
    for size in SIZES:
        page = html_page.render(content, size, _left_out(size, curves=bool(content.curves))).encode()
        if len(page) <= LARGEST:
            write(out / "index.html", page)
            return out / "index.html"
    raise ReportError(
        f"{out / 'index.html'}: {len(page):,} bytes even with the smallest pictures, more than {LARGEST:,}; "
        "report fewer suites, or without --compact"
    )


def _left_out(size: PageSize, *, curves: bool) -> str:
    shown = "the last sample grid" if size.grids == (1,) else f"{size.grids[0]} sample grids"
    thinned = f", curves are thinned to {text.plural(POINTS, 'point')}" if curves else ""
    return (
        f"A small copy: pictures are WebP with loss (quality {size.quality}), every row shows {shown} of its first "
        f"seed{thinned}. Left out: the list of every score (results.csv), "
        "and tables and figures as files of their own, which a report without --compact has."
    )


def _short_numbers(svg: bytes) -> bytes:
    """Coordinates to a hundredth of a point, which no screen shows."""

    def path(found: re.Match[str]) -> str:
        return re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), found[0])

    return re.sub(r'\bd="[^"]*"', path, svg.decode()).encode()


def write(path: Path, content: str | bytes) -> None:
    """Replace a file in one step, and make its folder.

    Raises:
        ReportError: that is not possible.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        problem = f"{path}: cannot be written ({why}); choose another folder or mend its permissions"
        raise ReportError(problem) from error
