"""The report as one page that needs nothing else: no network, no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from retable.reports import text
from retable.reports.compute.claim_model import (
    HEADINGS,
    HOW_TO_READ,
    OVERVIEW,
    VERDICTS,
    Claims,
    count_ours,
    count_verdicts,
)
from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Heading, Table
from retable.reports.published.papers import PublishedPaper
from retable.reports.render.curves import CurveFigure, inline_svg
from retable.reports.render.page_parts import DIGEST, failures, matrix, origin, samples, tiles
from retable.reports.render.pictures import WHOLE, Embedded, PageSize, SideBySide, embed, read
from retable.reports.render.plots import PlotFigure

TEMPLATES = Path(__file__).parent / "templates"
WIDE, WIDEST = 9, 16
"""Tables of more columns are printed on a sheet that lies on its side, and then in smaller print."""


@dataclass(frozen=True)
class _Figure:
    caption: str
    rows: tuple[tuple[str, str, Embedded], ...]
    """Title, words for who cannot see it, picture."""
    left_out: tuple[str, ...]


def render(
    runs: Runs,
    tables: Sequence[Table],
    papers: Sequence[PublishedPaper],
    curves: Sequence[CurveFigure],
    figures: Mapping[str, SideBySide],
    claims: Sequence[Claims] = (),
    plots: Mapping[str, PlotFigure] | None = None,
    size: PageSize = WHOLE,
    left_out: str = "",
) -> str:
    """The page.

    Args:
        runs: what the tables were made from.
        tables: in the order in which they are shown.
        papers: for their titles and references.
        curves: one figure per paper.
        figures: table anchor -> side-by-side picture.
        claims: what the page opens with, one entry per paper.
        plots: table anchor -> its numbers as a drawing.
        size: how much it spends on its pictures.
        left_out: what the page says it leaves out, above everything else.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": text.moment, "duration": text.duration, "status": text.status_word}
    known = {paper.paper: paper for paper in papers}
    decided = {paper.paper: paper for paper in claims}
    names = list(dict.fromkeys([*(table.paper for table in tables), *decided, *(curve.paper for curve in curves)]))
    grids = samples(runs, size)
    drawn = plots or {}
    sections = [
        {
            "anchor": f"paper-{name}",
            "name": name,
            "paper": known.get(name),
            "claims": decided.get(name),
            "tables": [
                _table(table, figures.get(table.anchor), drawn.get(table.anchor), size)
                for table in tables
                if table.paper == name
            ],
            "curves": [(curve, inline_svg(curve)) for curve in curves if curve.paper == name],
            "samples": grids.get(name, []),
            "translates": any(row.inputs for row in grids.get(name, [])),
        }
        for name in names
    ]
    template = environment.get_template("report.html.j2")
    return template.render(
        suite=runs.suite,
        warnings=[*([left_out] if left_out else []), *runs.warnings],
        sections=sections,
        claims=claims,
        claim_counts=count_verdicts(claims).partition(";")[0],
        our_counts={verdict: count_ours(claims, verdict) for verdict in VERDICTS},
        claim_headings=HEADINGS,
        overview_headings=OVERVIEW,
        verdict_words=VERDICTS,
        how_claims=HOW_TO_READ,
        pictured=set(figures),
        tiles=tiles(runs, claims),
        origin=origin(runs.provenance),
        facts=[(key, value) for key, value in runs.provenance.items() if not key.startswith(DIGEST)],
        digests=[(key.removeprefix(DIGEST), value) for key, value in runs.provenance.items() if key.startswith(DIGEST)],
        seeds=matrix(runs)[0],
        matrix=matrix(runs)[1],
        failures=failures(runs),
        statuses=text.STATUS_WORDS,
        standin=any(record.source == "standin" for record in runs.records),
        not_comparable=text.NOT_COMPARABLE,
        people=any(heading.kind == "votes" for table in tables for heading in table.headings),
    )


def _table(table: Table, figure: SideBySide | None, plot: PlotFigure | None, size: PageSize) -> dict[str, Any]:
    return {
        "model": table,
        "groups": _spans(table.headings) if _any_group(table) else [],
        "titles": _title_cells(table),
        "plain": all(heading.kind == "ours" for heading in table.headings),
        "sheet": " wide widest" if len(table.headings) > WIDEST else " wide" if len(table.headings) > WIDE else "",
        "charts": _charts(table),
        "figure": _figure(table, figure, size) if figure is not None else None,
        "plot": plot,
    }


def _any_group(table: Table) -> bool:
    return any(heading.group for heading in table.headings)


def _spans(headings: Sequence[Heading]) -> list[tuple[str, int, str]]:
    """Groups of columns with their numbers of sub-columns; ``votes`` marks a group of nothing but votes."""
    groups = [(word, list(members)) for word, members in groupby(headings, key=lambda heading: heading.group)]
    return [
        (word, len(members), "votes" if all(heading.kind == "votes" for heading in members) else "")
        for word, members in groups
    ]


def _title_cells(table: Table) -> list[tuple[Heading, int]]:
    """First heading of every column with the number of its sub-columns."""
    cells = []
    for _, members in groupby(table.headings, key=lambda heading: heading.column):
        listed = list(members)
        cells.append((listed[0], len(listed)))
    return cells


def _charts(table: Table) -> list[tuple[float | None, float | None]] | None:
    """Per row, ours and published as parts of the axis in percent: only for tables of one column with both."""
    kinds = [heading.kind for heading in table.headings]
    if kinds.count("ours") != 1 or kinds.count("published") != 1:
        return None
    ours, published = kinds.index("ours"), kinds.index("published")
    pairs = [(line.entries[ours].value, line.entries[published].value) for line in table.lines]
    values = [value for pair in pairs for value in pair if value is not None]
    if not values:
        return None
    percent = table.headings[ours].title.endswith("(%)")
    low, high = (0.0, 100.0) if percent else (min(0.0, *values), max(values))
    width = (high - low) or 1.0

    def place(value: float | None) -> float | None:
        return None if value is None else round(100 * (value - low) / width, 2)

    return [(place(mine), place(theirs)) for mine, theirs in pairs]


def _figure(table: Table, figure: SideBySide, size: PageSize) -> _Figure | None:
    rows = []
    translates = any(strip.title == "Input" for strip in figure.rows)
    for strip in figure.rows:
        picture = read(strip.path)
        if picture is not None:
            made = f"what {strip.title} makes of the inputs" if translates else f"samples of {strip.title}"
            what = _GIVEN.get(strip.title, made)
            rows.append((strip.title, f"{table.name}: {what}, from {strip.address}", embed(picture, size)))
    return _Figure(table.figure_caption, tuple(rows), figure.left_out) if rows else None


_GIVEN = {"Input": "the inputs", "Truth": "the true answers", "Learned from": "the images that the rows learned from"}
"""Title of a strip that no row made -> what it shows."""
