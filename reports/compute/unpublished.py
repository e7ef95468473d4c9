"""Tables for methods that no published table names, so that nothing that was run is missing from a report."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from retable.reports import text
from retable.reports.compute.runs import Bundle
from retable.reports.published.papers import PublishedPaper
from retable.reports.published.table_schema import Column, PublishedTable, Row

Layout = tuple[PublishedPaper, PublishedTable]


def uncovered_tables(bundle: Bundle, layouts: Sequence[Layout]) -> list[Layout]:
    """One table a paper and task with every method that no layout shows: its scores over whole requests."""
    covered = {row.method for _, table in layouts for row in table.rows}
    frame = bundle.cells[~bundle.cells["method"].isin(covered)]
    tables: list[Layout] = []
    for (paper, task), cells in frame.groupby(["paper", "task"], sort=True):
        scores = bundle.scores[bundle.scores["cell"].isin(set(cells["cell"]))]
        rows = cells.drop_duplicates(["method", "variant"]).to_dict("records")
        layout = PublishedTable(
            id=text.slug(f"{paper}-{task}-others"),
            title=f"Scores of {paper} on {task}",
            origin="added",
            task=str(task),
            note="No published table names these methods.",
            columns=_columns(scores),
            rows=[
                Row(
                    id=text.slug(f"{row['method']}-{row['variant']}"),
                    title=text.row_name(row["title"], row["variant"]),
                    method=row["method"],
                    variant=row["variant"],
                )
                for row in rows
            ],
        )
        known = PublishedPaper(
            paper=text.slug(str(paper)),
            title=str(paper),
            authors="",
            venue="",
            year=0,
            reference="",
            tables=[layout],
        )
        tables.append((known, layout))
    return tables


def _columns(scores: pd.DataFrame) -> list[Column]:
    columns: dict[str, Column] = {}
    for score in scores.sort_values(["name", "slice"]).to_dict("records"):
        name = text.slug(f"{score['name']}-{score['slice']}")
        if name not in columns and set(score["slices"]) <= {"request"}:
            request = score["slices"].get("request", "")
            columns[name] = Column(
                id=name,
                title=f"{score['name']}, {request}" if request else score["name"],
                score=score["name"],
                slice=score["slices"],
                unit=score["unit"],
                direction=score["direction"],
                decimals=0 if abs(score["value"]) >= 10_000 else 2 if abs(score["value"]) >= 1 else 4,
            )
    return list(columns.values())
