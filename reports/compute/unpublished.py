"""Tables for methods that no published table names, so that nothing that was run is missing from a report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from retable.reports import text
from retable.reports.compute.runs import CellScore, Runs
from retable.reports.published.papers import PublishedPaper
from retable.reports.published.table_schema import Column, PublishedTable, Row
from retable.reports.records.cell import Cell

ANCHORS = "anchor/"
"""What the ids of reference rows begin with."""
Layout = tuple[PublishedPaper, PublishedTable]


def uncovered_tables(runs: Runs, layouts: Sequence[Layout]) -> list[Layout]:
    """One table per paper and task with every method that no layout shows: its scores over whole requests."""
    places = _places(runs, {(row.method, table.task) for _, table in layouts for row in table.rows})
    tables: list[Layout] = []
    ids = _ids(f"{paper}-{task}-others" for paper, task in sorted(places))
    for (paper, task), cells in sorted(places.items()):
        hashes = {cell.hash for cell in cells}
        rows = {(cell.method, cell.variant): runs.title(cell) for cell in cells}
        row_ids = _ids(f"{method}-{variant}" for method, variant in rows)
        layout = PublishedTable(
            id=ids[f"{paper}-{task}-others"],
            title=f"Scores of {paper} on {task}",
            origin="added",
            task=task,
            note="No published table names these methods.",
            columns=_columns([one for one in runs.scores if one.cell.hash in hashes]),
            rows=[
                Row(
                    id=row_ids[f"{method}-{variant}"],
                    title=text.row_name(title, variant),
                    method=method,
                    variant=variant,
                    reference=method.startswith(ANCHORS),
                )
                for (method, variant), title in rows.items()
            ],
        )
        known = PublishedPaper(
            paper=text.slug(paper), title=paper, authors="", venue="", year=0, reference="", tables=[layout]
        )
        tables.append((known, layout))
    return tables


def _places(runs: Runs, covered: set[tuple[str | None, str | None]]) -> dict[tuple[str, str], list[Cell]]:
    """Paper and task -> the cells that no layout shows; reference rows stand below every paper's on their task."""
    places: dict[tuple[str, str], list[Cell]] = {}
    anchors = []
    for cell in (record.cell for record in runs.records):
        if not covered & {(cell.method, cell.task), (cell.method, None)}:
            if cell.method.startswith(ANCHORS):
                anchors.append(cell)
            else:
                places.setdefault((cell.paper, cell.task), []).append(cell)
    for cell in anchors:
        for place in [known for known in places if known[1] == cell.task] or [(cell.paper, cell.task)]:
            places.setdefault(place, []).append(cell)
    return places


def _ids(names: Iterable[str]) -> dict[str, str]:
    """Name -> its slug; of names with the same slug all but the first get a number."""
    ids: dict[str, str] = {}
    for name in dict.fromkeys(names):
        slug = text.slug(name)
        taken = sum(re.fullmatch(rf"{slug}(-n\d+)?", other) is not None for other in ids.values())
        ids[name] = f"{slug}-n{taken + 1}" if taken else slug
    return ids


def _columns(scores: Sequence[CellScore]) -> list[Column]:
    columns: dict[str, Column] = {}
    ordered = sorted(scores, key=lambda one: (one.score.name, one.slice))
    ids = _ids(f"{one.score.name}-{one.slice}" for one in ordered)
    for one in ordered:
        score = one.score
        name = ids[f"{score.name}-{one.slice}"]
        if name not in columns and set(score.slice) <= {"request"}:
            request = score.slice.get("request", "")
            columns[name] = Column(
                id=name,
                title=f"{score.name}, {request}" if request else score.name,
                score=score.name,
                slice=score.slice,
                unit=score.unit,
                direction=score.direction,
                decimals=0 if abs(score.value) >= 10_000 else 2 if abs(score.value) >= 1 else 4,
            )
    return list(columns.values())
