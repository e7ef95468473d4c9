"""The committed RESULTS.md and docs/report hold the published tables as they are laid out today."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from retable.benchmarks.run.results import planned_cells
from retable.reports.compute.runs import Bundle, load
from retable.reports.compute.tables import build_tables
from retable.reports.published.papers import PublishedPaper, load_papers
from retable.reports.published.table_schema import PublishedTable
from retable.reports.write import results_page
from tests.reports.committed import (
    RENEW,
    Layout,
    claim_problems,
    layouts,
    markdown_claims,
    markdown_problems,
    page_claims,
    page_problems,
)
from tests.reports.report_factory import Cells, score

ROOT = Path(__file__).parents[2]
SUITES = ("quick", "mixdl")
"""The suites whose recordings are committed; CONTRIBUTING.md names the same."""
MOST_BYTES = 5_000_000
TIMED = ("step_time", "throughput", "answer_time")

Change = Callable[[PublishedTable], PublishedTable]


@pytest.fixture(scope="module")
def planned() -> Bundle:
    """Every cell of the recorded suites, none of them run."""
    from retable.benchmarks.plan.registry import get_title

    cells = planned_cells(SUITES, [0])
    titles = {cell.method: get_title(cell.method) for cell in cells}
    return load([], [cell.to_json() for cell in cells], "all", titles)


@pytest.fixture(scope="module")
def wanted(planned: Bundle) -> list[Layout]:
    return layouts(planned, load_papers())


@pytest.fixture(scope="module")
def results() -> str:
    return (ROOT / "RESULTS.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "report" / "index.html").read_text(encoding="utf-8")


def test_every_published_table_is_laid_out(wanted: list[Layout]) -> None:
    """The two tests below would hold for nothing at all."""
    assert {layout.table.layout for layout in wanted} == {t.id for paper in load_papers() for t in paper.tables}


def test_results_have_every_table_with_its_columns_and_rows(results: str, wanted: list[Layout]) -> None:
    assert not markdown_problems(results, wanted), RENEW


def test_the_report_has_every_table_with_its_columns_and_rows(page: str, wanted: list[Layout]) -> None:
    assert not page_problems(page, wanted), RENEW


def test_both_have_the_sentence_of_every_claim_and_no_other(results: str, page: str) -> None:
    papers = load_papers()
    assert not claim_problems(markdown_claims(results), papers, escaped=True), RENEW
    assert not claim_problems(page_claims(page), papers, escaped=False), RENEW


def test_both_name_commits_device_seeds_and_times(results: str, page: str) -> None:
    assert re.search(r"^\| commit \| [0-9a-f]{40}", results, re.MULTILINE), RENEW
    assert re.search(r"<dt>commit</dt>\s*<dd>[0-9a-f]{40}", page), RENEW
    for fact in ("device", "seeds", "torch", "tree had uncommitted changes", "first start", "last end"):
        assert re.search(rf"^\| {fact} \| .+ \|$", results, re.MULTILINE), f"{fact}: {RENEW}"
        assert f"<dt>{fact}</dt>" in page, f"{fact}: {RENEW}"


def test_both_are_made_from_the_same_runs(results: str, page: str) -> None:
    for fact in ("commit", "cells", "seeds", "first start", "last end", "time of all cells, added up"):
        (said,) = re.findall(rf"^\| {fact} \| (.+) \|$", results, re.MULTILINE)
        assert re.search(rf"<dt>{fact}</dt>\s*<dd>{re.escape(said)}</dd>", page), f"{fact}: {RENEW}"


def test_the_committed_report_is_one_small_page(page: str) -> None:
    files = [path for path in (ROOT / "docs" / "report").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    assert "A small copy" in page
    assert "Left out" in page


def test_no_path_of_a_machine_is_committed(results: str, page: str) -> None:
    for text in (results, re.sub(r'"data:[^"]*"', "", page)):
        assert not re.findall(r"(?<![\w.])/(?:tmp|home|root|work|Users)/[\w./-]+", text)


def test_contributing_shows_the_command_for_these_suites() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = contributing.split("\n## How RESULTS.md and docs/report are made\n")[1].split("\n## ")[0]
    joining = [line for line in section.replace("\\\n", " ").splitlines() if "--suite" in line]
    assert [line.split()[1] for line in joining] == ["report", "docs", "report"]
    assert {tuple(re.findall(r"--suite (\w+)", line)) for line in joining[:2]} == {SUITES}
    for words in ("--results RESULTS.md", "--to docs/report", "--compact", "--budget docs/budget.md"):
        assert words in section


def renamed_row(table: PublishedTable) -> PublishedTable:
    rows = [table.rows[0].model_copy(update={"title": "Another name"}), *table.rows[1:]]
    return table.model_copy(update={"rows": rows})


def without_a_row(table: PublishedTable) -> PublishedTable:
    return table.model_copy(update={"rows": table.rows[:-1]})


def without_a_column(table: PublishedTable) -> PublishedTable:
    return table.model_copy(update={"columns": table.columns[:-1]})


def one_more_column(table: PublishedTable) -> PublishedTable:
    more = table.columns[0].model_copy(update={"id": "one-more", "title": "One more", "optional": False})
    return table.model_copy(update={"columns": [*table.columns, more]})


def retitled(table: PublishedTable) -> PublishedTable:
    return table.model_copy(update={"title": "Another title"})


@pytest.mark.parametrize("change", [renamed_row, without_a_row, without_a_column, one_more_column, retitled])
@pytest.mark.parametrize("paper", ["dtn", "cartoon", "stargan", "mixdl"])
def test_a_changed_published_table_is_noticed(
    change: Change, paper: str, results: str, page: str, planned: Bundle
) -> None:
    part = replace(planned, cells=planned.cells[planned.cells["paper"] == paper])
    changed = layouts(part, [_changed(one, change) for one in load_papers() if one.paper == paper])
    assert any(line.startswith(paper) for line in markdown_problems(results, changed))
    assert any(line.startswith(paper) for line in page_problems(page, changed))


def _changed(paper: PublishedPaper, change: Change) -> PublishedPaper:
    return paper.model_copy(update={"tables": [change(paper.tables[0]), *paper.tables[1:]]})


def test_a_table_more_or_less_and_a_changed_claim_are_noticed(results: str, page: str, planned: Bundle) -> None:
    papers = load_papers()
    fewer = [papers[0].model_copy(update={"tables": papers[0].tables[1:]}), *papers[1:]]
    for problems in (markdown_problems(results, layouts(planned, fewer)), page_problems(page, layouts(planned, fewer))):
        assert len(problems) == 1
        assert "no published table" in problems[0]
    claim = papers[0].claims[0].model_copy(update={"sentence": "Pigs fly."})
    other = [papers[0].model_copy(update={"claims": [claim, *papers[0].claims[1:]]}), *papers[1:]]
    assert len(claim_problems(markdown_claims(results), other, escaped=True)) == 2
    assert len(claim_problems(page_claims(page), other, escaped=False)) == 2


def test_a_fresh_page_of_results_holds_what_is_asked_of_the_committed_one(
    planned: Bundle, wanted: list[Layout]
) -> None:
    fresh = results_page(planned)
    assert markdown_problems(fresh, wanted) == []
    assert claim_problems(markdown_claims(fresh), load_papers(), escaped=True) == []


def test_every_published_column_of_times_names_its_timer() -> None:
    """A column without one would hold seconds of a CPU and of a GPU under one heading."""
    columns = [
        (table.id, column)
        for paper in load_papers()
        for table in paper.tables
        for column in table.columns
        if (column.score or "").startswith(TIMED)
    ]
    assert len(columns) > 10
    for table, column in columns:
        assert column.require.get("timer") in ("cpu", "cuda"), f"{table}, {column.id}: require = {{ timer = ... }}"
        assert ("GPU" in column.title) == (column.require["timer"] == "cuda"), f"{table}, {column.id}: {column.title}"


def test_times_of_a_gpu_and_of_a_cpu_never_share_a_column(cells: Cells) -> None:
    def times(timer: str, seconds: float) -> dict[str, object]:
        detail = f"timer={timer}, steps=50"
        return score("step_time.p50", seconds, unit="s", direction="lower", detail=detail)

    cells.add("dtn/dtn", [times("cpu", 0.25), times("cuda", 0.002)])
    cells.add("dtn/no-tid", [times("cpu", 0.5)])
    cells.add("dtn/no-const", [times("cuda", 0.004)], device="Made-up GPU")
    (table,) = [one for one in build_tables(cells.bundle()) if any("GPU" in h.title for h in one.headings)]
    places = {h.column: index for index, h in enumerate(table.headings) if h.column in ("cpu-step", "gpu-step")}
    shown = {
        name: [line.entries[place].value for line in table.lines if line.entries[place].value is not None]
        for name, place in places.items()
    }
    assert shown == {"cpu-step": [250.0, 500.0], "gpu-step": [2.0, 4.0]}
