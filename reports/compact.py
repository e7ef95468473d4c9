"""A report small enough to be committed: one page, its pictures stored with more loss and fewer of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from retable.reports import text
from retable.reports.compute.decide_claims import build_claims
from retable.reports.compute.runs import Bundle
from retable.reports.compute.tables import build_tables
from retable.reports.errors import ReportError
from retable.reports.published.papers import load_papers
from retable.reports.render.curves import CurveFigure, curve_figures
from retable.reports.render.pictures import evenly, side_by_side, stored_as
from retable.reports.render.plots import plot_figures
from retable.reports.write import write

LARGEST = 4_500_000
"""Bytes of the page; with RESULTS.md and the rest of the folder it stays below 5 MB."""
POINTS = 60
"""Points of a training curve."""


@dataclass(frozen=True)
class _Level:
    """How much a page gives up."""

    quality: int
    grids: int


LEVELS = (_Level(75, 2), _Level(60, 1), _Level(40, 1), _Level(20, 1))
"""Tried in turn until the page is small enough."""


def build_compact(bundle: Bundle, out: Path) -> Path:
    """Write ``index.html`` alone, at most :data:`LARGEST` bytes, and say at its top what it leaves out.

    Raises:
        ReportError: the page is larger even with the worst pictures, or cannot be written; see also
            :func:`retable.reports.write.build`.
    """
    from retable.reports.compute.time_budget import budget_table
    from retable.reports.render import html_page as html_page

    papers = load_papers()
    tables = build_tables(bundle, papers)
    claims = build_claims(bundle, papers, tables)
    curves = [replace(curve, svg=_short_numbers(curve.svg)) for curve in curve_figures(bundle, POINTS)]
    plots = plot_figures(tables)
    pairs = [(table, side_by_side(bundle, table) if table.figure_caption else None) for table in tables]
    shown = {table.anchor: figure for table, figure in pairs if figure is not None}
    budget = budget_table(bundle)
    page = b""
    for level in LEVELS:
        with stored_as(level.quality, lossless_up_to=0):
            page = html_page.render(
                _thinned(bundle, level, curves),
                [*tables, budget] if budget else tables,
                papers,
                curves,
                shown,
                claims,
                plots,
            ).encode()
        if len(page) <= LARGEST:
            write(out / "index.html", page)
            return out / "index.html"
    raise ReportError(
        f"{out / 'index.html'}: {len(page):,} bytes even with the smallest pictures, more than {LARGEST:,}; "
        "report fewer suites, or without --compact"
    )


def _thinned(bundle: Bundle, level: _Level, curves: list[CurveFigure]) -> Bundle:
    """The bundle with few sample grids, and a line at the top about what is not there."""
    pictures = {}
    for address, labelled in bundle.pictures.items():
        steps = [pair for pair in labelled if pair[0].startswith("step ")]
        kept = [steps[index] for index in evenly(len(steps), level.grids)]
        pictures[address] = [*kept, *(pair for pair in labelled if not pair[0].startswith("step "))]
    grids = "the last sample grid" if level.grids == 1 else f"{level.grids} sample grids"
    said = (
        f"A small copy: pictures are WebP with loss (quality {level.quality}), every row shows {grids} of its first "
        f"seed, curves are thinned to {text.plural(POINTS, 'point')}. Left out: the list of every score (results.csv), "
        "and tables and figures as files of their own, which a report without --compact has."
    )
    if not curves:
        said = said.replace(f", curves are thinned to {text.plural(POINTS, 'point')}", "")
    return replace(bundle, pictures=pictures, warnings=[said, *bundle.warnings])


def _short_numbers(svg: bytes) -> bytes:
    """Coordinates to a hundredth of a point, which no screen shows."""

    def path(found: re.Match[str]) -> str:
        return re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), found[0])

    return re.sub(r'\bd="[^"]*"', path, svg.decode()).encode()
