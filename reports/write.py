"""Writes a report: one page, tables for papers and for Markdown, figures, and every score as CSV."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retable.reports import text
from retable.reports.compute.claim_model import Claims
from retable.reports.compute.decide_claims import build_claims
from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Table
from retable.reports.compute.tables import build_tables
from retable.reports.compute.time_budget import budget_table
from retable.reports.errors import ReportError
from retable.reports.published.papers import PublishedPaper, load_papers
from retable.reports.records.files import write_atomically
from retable.reports.render import html_page, latex, markdown
from retable.reports.render.curves import MOST_POINTS as MOST_CURVE_POINTS
from retable.reports.render.curves import CurveFigure, curve_figures
from retable.reports.render.pictures import WHOLE, PageSize, SideBySide, compose, side_by_side
from retable.reports.render.plots import PlotFigure, plot_figures
from retable.reports.render.results_csv import results_csv

LARGEST = 4_500_000
"""Bytes of the small page."""
POINTS = 60
"""Points of a training curve on the small page."""
SIZES = (PageSize(75, 0, (2,)), PageSize(60, 0, (1,)), PageSize(40, 0, (1,)), PageSize(20, 0, (1,)))
"""Tried in turn until the small page is small enough."""


@dataclass(frozen=True)
class ReportFiles:
    """What was written."""

    index: Path
    tables: tuple[Path, ...]
    """Markdown and LaTeX, two files per table."""
    figures: tuple[Path, ...]
    results: Path


@dataclass(frozen=True)
class _Content:
    """Everything that a report prints."""

    papers: Sequence[PublishedPaper]
    tables: Sequence[Table]
    claims: Sequence[Claims]
    curves: Sequence[CurveFigure]
    plots: dict[str, PlotFigure]
    figures: dict[str, SideBySide]
    """Anchor of a table -> its rows' answers side by side."""

    @classmethod
    def of(cls, runs: Runs, points: int) -> _Content:
        papers = load_papers()
        tables = build_tables(runs, papers)
        claims = build_claims(runs, papers, tables)
        pairs = [(table, side_by_side(runs, table) if table.figure_caption else None) for table in tables]
        figures = {table.anchor: figure for table, figure in pairs if figure is not None}
        plots = plot_figures(tables)
        if (budget := budget_table(runs)) is not None:
            tables = [*tables, budget]
        return cls(papers, tables, claims, curve_figures(runs, points), plots, figures)

    def page(self, runs: Runs, size: PageSize, left_out: str) -> bytes:
        return html_page.render(
            runs, self.tables, self.papers, self.curves, self.figures, self.claims, self.plots, size, left_out
        ).encode()


def write_report(runs: Runs, out: Path) -> ReportFiles:
    """Write ``index.html``, ``tables/*.md``, ``tables/*.tex``, ``figures/*`` and ``results.csv`` below ``out``.

    Every file is replaced in one step, the page last, so that a reader never meets half a report.

    Raises:
        ReportError: the folder cannot be written, or a file of published tables is bad.
    """
    _make_folder(out)
    content = _Content.of(runs, MOST_CURVE_POINTS)
    tables: dict[Path, str] = {}
    for table in content.tables:
        name = table.anchor.removeprefix("table-")
        tables[out / "tables" / f"{name}.md"] = markdown.render(table, level=1)
        tables[out / "tables" / f"{name}.tex"] = latex.render(table)
    for paper in content.claims:
        tables[out / "tables" / f"{paper.paper}-claims.md"] = markdown.render_claims(paper, level=1)
        tables[out / "tables" / f"{paper.paper}-claims.tex"] = latex.render_claims(paper)
    drawn: list[tuple[str, CurveFigure | PlotFigure]] = [(f"curves-{curve.paper}", curve) for curve in content.curves]
    drawn += [(plot.file, plot) for plot in content.plots.values()]
    figures: dict[Path, bytes] = {}
    for name, figure in drawn:
        figures[out / "figures" / f"{name}.svg"] = figure.svg
        figures[out / "figures" / f"{name}.png"] = figure.png
    for anchor, shown in content.figures.items():
        if (picture := compose(shown.rows)) is not None:
            buffer = io.BytesIO()
            picture.save(buffer, format="PNG", compress_level=6)
            figures[out / "figures" / f"{anchor.removeprefix('table-')}-outputs.png"] = buffer.getvalue()
    results, index = out / "results.csv", out / "index.html"
    page = content.page(runs, WHOLE, "")
    texts = {**tables, results: results_csv(runs)}
    for path, data in {**{path: said.encode() for path, said in texts.items()}, **figures, index: page}.items():
        write(path, data)
    return ReportFiles(index, tuple(tables), tuple(figures), results)


def write_small_report(runs: Runs, out: Path) -> Path:
    """Write ``index.html`` alone, at most :data:`LARGEST` bytes, and say at its top what it leaves out.

    Raises:
        ReportError: the page is larger even with the worst pictures, or cannot be written; see also
            :func:`write_report`.
    """
    content = _Content.of(runs, POINTS)
    content = replace(content, curves=[replace(curve, svg=_short_numbers(curve.svg)) for curve in content.curves])
    page = b""
    for size in SIZES:
        page = content.page(runs, size, _left_out(size, curves=bool(content.curves)))
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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def write(path: Path, content: bytes) -> None:
    """Replace a file in one step, and make its folder.

    Raises:
        ReportError: that is not possible.
    """
    _make_folder(path.parent)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ReportError:
    why = error.strerror or str(error)
    return ReportError(f"{path}: cannot be written ({why}); choose another folder or mend its permissions")
