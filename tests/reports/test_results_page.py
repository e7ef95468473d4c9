"""RESULTS.md: short, with every claim and main table, and what the recorded results make of it today."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from retable.benchmarks.run.report import recordings_alone
from retable.reports.compute.decide_claims import build_claims
from retable.reports.compute.runs import Runs
from retable.reports.compute.tables import build_tables
from retable.reports.published.papers import load_papers
from retable.reports.render.results_page import pictures_beside, results_page
from tests.reports.report_factory import Cells, suite
from tests.reports.test_papers import PAPERS

ROOT = Path(__file__).parents[2]
RECORDED = sorted((ROOT / "reports" / "recorded").glob("*.jsonl.gz"))
MOST_LINES = 110
"""Two screens."""


@pytest.fixture(scope="module")
def committed() -> str:
    return (ROOT / "RESULTS.md").read_text(encoding="utf-8")


def test_results_md_is_what_the_recorded_results_make(committed: str) -> None:
    assert RECORDED
    assert results_page(recordings_alone(RECORDED), pictures_beside(ROOT / "RESULTS.md")) == committed, (
        "run the second command under 'How RESULTS.md is made' in CONTRIBUTING.md"
    )


def test_contributing_shows_the_command_for_the_recorded_files() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## How RESULTS.md is made\n")[1]
    (command,) = re.findall(r"^retable report (.*--results RESULTS\.md.*)$", section, re.MULTILINE)
    named = re.findall(r"--runs (\S+)", command)
    assert [ROOT / name for name in named] == RECORDED
    for name in named:
        assert f"--record {name}" in section


def test_no_path_of_a_machine_is_committed(committed: str) -> None:
    assert not re.findall(r"(?<![\w.])/(?:tmp|home|root|work|Users)/[\w./-]+", committed)


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_has_its_claims_and_main_tables_on_two_screens(cells: Cells, name: str) -> None:
    runs = suite(name, cells, range(4)).bundle()
    (paper,) = (paper for paper in load_papers() if paper.paper == name)
    tables = build_tables(runs, [paper])
    (claims,) = build_claims(runs, [paper], tables)
    page = results_page(runs)
    assert page.count("\n## ") == 1
    section = html.unescape(page.split("\n## ")[1])
    assert section.count("\n") <= MOST_LINES
    for line in claims.lines:
        assert f"| {line.word} | {line.sentence} | {line.deciding.says} | {line.deciding.effect} |" in section
    shown = re.findall(r"^### (.+)$", section, re.MULTILINE)
    assert shown == [table.name for table in tables if table.number]
    for table in tables:
        for line in table.lines if table.number else ():
            assert all(entry.text in section for entry in line.entries)


def test_it_opens_with_provenance_and_how_many_claims_came_out_how(suite_bundle: Runs) -> None:
    page = results_page(suite_bundle)
    head = page.split("\n## ")[0]
    assert "Commit 0123456; CPU Made-up CPU 2.0 GHz" in head
    assert "- cells: 12 of 16 ok" in head
    assert "| dtn | 0 | 3 | 0 | 0 | 2 |" in head
    assert "stand-in data, not from the papers' data sets" in head


def test_a_table_has_the_picture_that_is_named_after_it(suite_bundle: Runs, tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "img"
    folder.mkdir(parents=True)
    for name in ("dtn-table-1", "other"):
        (folder / f"{name}.png").touch()
    page = results_page(suite_bundle, pictures_beside(tmp_path / "RESULTS.md"))
    assert re.findall(r"\]\((.*?)\)", page) == ["docs/img/dtn-table-1.png"]


def test_the_page_tells_nothing_about_the_machines_folders(suite_bundle: Runs) -> None:
    folders = {str(record.directory.parent) for record in suite_bundle.records if record.directory is not None}
    assert folders
    assert not any(folder in results_page(suite_bundle) for folder in folders)
