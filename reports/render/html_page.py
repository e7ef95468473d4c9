"""The report as one page that needs nothing else: no network, no other file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retable.reports import text
from retable.reports.compute import claim_model
from retable.reports.compute.table_model import Table
from retable.reports.render.content import Content
from retable.reports.render.page_parts import DIGEST, failures, log_end, matrix, origin, samples, spans, tiles
from retable.reports.render.pictures import WHOLE, Embedded, PageSize, SideBySide, embed, read

TEMPLATES = Path(__file__).parent / "templates"
WIDE, WIDEST = 9, 16
"""Tables of more columns are printed on a sheet that lies on its side, and then in smaller print."""


def render(content: Content, size: PageSize = WHOLE, left_out: str = "") -> str:
    """The page.

    Args:
        content: what it prints.
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
    environment.filters |= {
        "duration": text.duration,
        "status": text.status_word,
        "log_end": log_end,
        "slug": text.slug,
    }
    runs, tables, claims = content.runs, content.all_tables, content.claims
    known = {paper.paper: paper for paper in content.papers}
    decided = {paper.paper: paper for paper in claims}
    grids = samples(runs, size)
    sections = [
        {
            "name": name,
            "paper": known.get(name),
            "claims": decided.get(name),
            "tables": [_table(content, table, size) for table in tables if table.paper == name],
            "curves": content.curves.get(name),
            "samples": grids.get(name, []),
        }
        for name in dict.fromkeys([*(table.paper for table in tables), *decided, *content.curves])
    ]
    seeds, rows = matrix(runs)
    provenance = runs.provenance
    return environment.get_template("report.html.j2").render(
        text=text,
        claim_model=claim_model,
        suite=runs.suite,
        warnings=[*([left_out] if left_out else []), *runs.warnings],
        sections=sections,
        claims=claims,
        pictured=set(content.figures),
        tiles=tiles(runs, claims),
        origin=origin(provenance),
        facts=[(key, value) for key, value in provenance.items() if not key.startswith(DIGEST)],
        digests=[(key.removeprefix(DIGEST), value) for key, value in provenance.items() if key.startswith(DIGEST)],
        seeds=seeds,
        matrix=rows,
        failures=failures(runs),
        standin=any(record.source == "standin" for record in runs.records),
        people=any(heading.kind == "votes" for table in tables for heading in table.headings),
    )


def _table(content: Content, table: Table, size: PageSize) -> dict[str, Any]:
    figure = content.figures.get(table.anchor)
    return {
        "model": table,
        "groups": spans(table.headings, "group") if any(heading.group for heading in table.headings) else [],
        "titles": spans(table.headings, "column"),
        "plain": all(heading.kind == "ours" for heading in table.headings),
        "sheet": " wide widest" if len(table.headings) > WIDEST else " wide" if len(table.headings) > WIDE else "",
        "charts": _charts(table),
        "figure": figure,
        "strips": _strips(table, figure, size) if figure is not None else [],
        "plot": content.plots.get(table.anchor),
    }


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


def _strips(table: Table, figure: SideBySide, size: PageSize) -> list[tuple[str, str, Embedded]]:
    """Title, words for who cannot see it, and picture of every strip that can be read."""
    rows = []
    translates = any(strip.title == "Input" for strip in figure.rows)
    for strip in figure.rows:
        if (picture := read(strip.path)) is not None:
            made = f"what {strip.title} makes of the inputs" if translates else f"samples of {strip.title}"
            what = _GIVEN.get(strip.title, made)
            rows.append((strip.title, f"{table.name}: {what}, from {strip.address}", embed(picture, size)))
    return rows


_GIVEN = {"Input": "the inputs", "Truth": "the true answers", "Learned from": "the images that the rows learned from"}
"""Title of a strip that no row made -> what it shows."""
