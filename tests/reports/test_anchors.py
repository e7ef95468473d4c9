"""Reference rows stand in the tables of every paper, and compete with nobody."""

from __future__ import annotations

import pytest

from retable.methods.rows import ROWS
from retable.reports.compute.tables import build_tables
from retable.reports.published.papers import load_papers
from retable.reports.render.markdown import render
from tests.reports.report_factory import Cells, paper_of, score, suite

ANCHORS = {name for name in ROWS if name.startswith("anchor/")}


def test_every_reference_row_is_in_a_table_without_rank_and_called_a_reference() -> None:
    shown = [row for paper in load_papers() for table in paper.tables for row in table.rows if row.method in ANCHORS]
    assert {row.method for row in shown} == ANCHORS
    assert all(row.reference and row.title.startswith("Reference: ") for row in shown)


@pytest.mark.parametrize("name", ["cartoon", "dtn", "mixdl", "stargan"])
@pytest.mark.parametrize("value", [-1e6, 1e6])
def test_a_reference_row_has_numbers_and_is_neither_best_nor_ranked(cells: Cells, name: str, value: float) -> None:
    tables = build_tables(suite(name, cells, seeds=(0,), values={"anchor/*": value}).bundle(), [paper_of(name)])
    found = 0
    for table in tables:
        for line in (line for line in table.lines if line.title.startswith("Reference: ")):
            for heading, entry in zip(table.headings, line.entries, strict=True):
                found += entry.value is not None
                assert not entry.best
                assert heading.kind != "rank" or entry.value is None
    assert found > 1
    assert any(entry.best for table in tables for line in table.lines for entry in line.entries)


def test_reference_rows_alone_are_shown_in_the_tables_of_their_task(cells: Cells) -> None:
    cells.add("anchor/mean", [score("fid.lite0", 42.5, extractor="lite0")])
    tables = build_tables(cells.bundle())
    assert {table.paper for table in tables} == {"dtn"}
    (table,) = (table for table in tables if table.layout == "dtn-more-scores")
    assert "42.5" in next(line for line in render(table).splitlines() if "Reference: mean" in line)


@pytest.mark.parametrize("others", [["acme/blur"], []])
def test_on_a_task_of_which_no_table_tells_they_stand_below_its_rows(cells: Cells, others: list[str]) -> None:
    for method, value in (("anchor/mean", 1.0), *((other, 2.0) for other in others)):
        cells.add(method, [score("fid.lite0", value, extractor="lite0")], task="acme")
    (table,) = build_tables(cells.bundle())
    assert len(table.lines) == len(others) + 1
    (entry,) = table.lines[-1].entries
    assert entry.value == 1.0
    assert not entry.best
    assert table.paper == (others or ["anchor"])[0].partition("/")[0]
