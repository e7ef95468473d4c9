"""Markdown, LaTeX and HTML print the same tables and claims, and hostile text stays text in each."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from retable.reports.compute.claim_model import Claims
from retable.reports.compute.decide_claims import build_claims
from retable.reports.compute.runs import Runs
from retable.reports.compute.tables import build_tables
from retable.reports.published.papers import load_paper, load_papers
from retable.reports.render import html_page, latex, markdown
from retable.reports.render.pictures import compose, side_by_side
from retable.reports.render.results_page import results_page
from retable.reports.render.summary import LIMIT, markdown_summary
from retable.reports.write import write_report
from tests.reports.cartoon_factory import cartoon_suite
from tests.reports.outputs import (
    HOSTILE,
    ClaimPage,
    Page,
    check_all_outputs_agree,
    check_latex,
    latex_rows,
    markdown_rows,
    page_of,
    wanted,
)
from tests.reports.report_factory import Cells, accuracy, dtn_suite
from tests.reports.test_claims import CLAIM, fill


@pytest.mark.parametrize("seeds", [3, 6])
def test_all_outputs_print_the_same_points_and_intervals(cells: Cells, seeds: int) -> None:
    check_all_outputs_agree(dtn_suite(cells, seeds=range(seeds)).bundle())


def test_all_outputs_print_the_same_differences(cells: Cells) -> None:
    for name, value in (("dtn", 91.0), ("no-tid", 80.0)):
        cells.add(f"dtn/{name}", [accuracy(value, n=26032, source="real")], source="real")
    table = build_tables(cells.bundle())[0]
    assert {"+0.34", "\u22128.40"} <= {entry.text for line in table.lines for entry in line.entries}
    check_all_outputs_agree(cells.bundle())


@pytest.fixture
def hostile(cells: Cells) -> Runs:
    """A reason, a log, a suite name and a method's name that no output may take at their word."""
    cells.add("dtn/dtn", status="failed", reason=HOSTILE, log=f"Traceback\n{HOSTILE}\n")
    cells.add("evil/<b>|$x$", [accuracy(1.0)], variant="&lt;_")
    return cells.bundle(suite=HOSTILE)


def test_hostile_text_never_becomes_part_of_the_page(hostile: Runs) -> None:
    text = page_of(hostile)
    page = Page(text)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert sum(tag == "b" and not keys for tag, keys in page.tags) == 0
    assert html.escape("<script>alert('x')</script>", quote=False).replace("'", "&#39;") in text


def test_hostile_text_never_ends_a_markdown_cell(hostile: Runs) -> None:
    for table in build_tables(hostile):
        rows = markdown.rows(table).splitlines()
        assert len({len(re.split(r"(?<!\\)\|", row)) for row in rows}) == 1
        assert "<" not in markdown.render(table)


def test_latex_is_well_formed_whatever_the_text(hostile: Runs, suite_bundle: Runs) -> None:
    for bundle in (hostile, suite_bundle):
        for table in build_tables(bundle):
            check_latex(latex.render(table))


# Claims


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Two papers, three seeds, some cells failed, pictures for the cartoon rows."""
    cells = Cells(tmp_path_factory.mktemp("claims") / "runs" / "cells")
    dtn_suite(cartoon_suite(cells, pictures=True), seeds=(0, 1, 2))
    return cells.bundle()


@pytest.fixture(scope="module")
def claims(bundle: Runs) -> list[Claims]:
    return decided(bundle)


def decided(bundle: Runs) -> list[Claims]:
    papers = load_papers()
    return build_claims(bundle, papers, build_tables(bundle, papers))


@pytest.fixture(scope="module")
def page(bundle: Runs, claims: list[Claims]) -> str:
    """The page without training curves, which would take most of the time."""
    tables = build_tables(bundle)
    pairs = {table.anchor: side_by_side(bundle, table) for table in tables if table.figure_caption}
    shown = {anchor: figure for anchor, figure in pairs.items() if figure is not None}
    return html_page.render(bundle, tables, load_papers(), [], shown, claims)


@pytest.mark.parametrize("seeds", [1, 6])
def test_all_outputs_print_the_same_claims_whatever_the_seeds(cells: Cells, seeds: int) -> None:
    bundle = cartoon_suite(cells, range(seeds)).bundle()
    (paper,) = decided(bundle)
    page = html_page.render(bundle, build_tables(bundle), [], [], {}, [paper])
    assert ClaimPage(page).of(paper) == markdown_rows(paper) == latex_rows(paper) == wanted(paper)
    assert {line.verdict for line in paper.lines} == ({"undecided"} if seeds == 1 else {"reproduced"})


def test_the_page_opens_with_the_claims_and_every_link_leads_somewhere(claims: list[Claims], page: str) -> None:
    places = [page.index(f'id="{name}"') for name in ("claims", "how-to-read", "table-dtn-table-1")]
    assert places == sorted(places)
    read = Page(page)
    ids = [keys["id"] for _, keys in read.tags if keys.get("id")]
    links = {keys["href"].removeprefix("#") for tag, keys in read.tags if tag == "a"}
    assert len(ids) == len(set(ids))
    assert links <= set(ids)
    assert {line.anchor for paper in claims for line in paper.lines} <= links
    assert {"table-cartoon-fig-5", "table-cartoon-fig-5-pictures"} <= links


def test_the_summary_has_one_line_a_claim(bundle: Runs, claims: list[Claims]) -> None:
    summary = markdown_summary(bundle)
    assert len(summary) <= LIMIT
    assert "**Claims**: 10 reproduced, 0 contradicted, 2 undecided" in summary.split("\n\n")[1]
    for paper in claims:
        for line in paper.lines:
            assert f"- {line.verdict} (standin): {line.sentence}" in summary


def test_a_suite_without_claims_has_no_empty_section(cells: Cells, tmp_path: Path) -> None:
    cells.add("dummy/dummy")
    assert 'id="claims"' not in write_report(cells.bundle(), tmp_path / "out").index.read_text(encoding="utf-8")
    assert "reproduced" not in results_page(cells.bundle())


def test_hostile_words_in_a_claim_stay_text(cells: Cells, tmp_path: Path) -> None:
    fill(cells, [0.1, 0.2])
    path = tmp_path / "made-up.toml"
    # A TOML literal string takes everything but its own quotes as it stands.
    path.write_text(
        CLAIM.replace('"New is better than old."', f"'''{HOSTILE}'''").replace('"KID is', f"'''{HOSTILE}''' #")
    )
    paper = load_paper(path)
    bundle = cells.bundle()
    tables = build_tables(bundle, [paper])
    (claims,) = build_claims(bundle, [paper], tables)
    page = Page(html_page.render(bundle, tables, [paper], [], {}, [claims]))
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert len({len(re.split(r"(?<!\\)\|", row)) for row in markdown.claim_rows(claims).splitlines()}) == 1
    check_latex(latex.render_claims(claims))


def test_faces_of_48_pixels_are_doubled_beside_titles_of_two_lines(bundle: Runs) -> None:
    table = next(table for table in build_tables(bundle) if table.anchor == "table-cartoon-fig-6-kid-lite0")
    figure = side_by_side(bundle, table)
    assert figure is not None
    assert [strip.title for strip in figure.rows][0::3] == ["Input", "Truth"]
    picture = compose(figure.rows)
    assert picture is not None
    with Image.open(figure.rows[0].path) as strip:
        assert strip.width == 12 * 50 + 2
        assert 2 * strip.width < picture.width < 2 * strip.width + 260
        assert picture.height == 4 * 2 * strip.height + 24


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_every_table_and_claim_compiles(hostile: Runs, bundle: Runs, claims: list[Claims], tmp_path: Path) -> None:
    tables = [latex.render(table) for runs in (hostile, bundle) for table in build_tables(runs)]
    body = "\n\\clearpage\n".join([*tables, *(latex.render_claims(paper) for paper in claims)])
    document = f"{latex.PREAMBLE}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "all.tex").write_text(document, encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    printed = done.stdout.decode("latin-1")
    assert done.returncode == 0, printed[-2000:]
    assert "too large for page" not in printed
