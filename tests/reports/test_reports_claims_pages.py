"""The report opens with its claims, and every output prints the same verdicts and numbers."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
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
from tests.reports.report_factory import Cells, dtn_suite
from tests.reports.test_reports_claims import CLAIM, fill
from tests.reports.test_reports_render import HOSTILE, Page, check_latex, latex_text, markdown_text

Row = tuple[str, ...]


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


def wanted(claims: Claims) -> list[Row]:
    rows: list[Row] = []
    for line in claims.lines:
        rows.append((line.verdict, line.data, line.sentence))
        rows += [tuple(" ".join(cell.split()) for cell in (one.verdict, *one.cells)) for one in line.contrasts]
    return rows


def split_word(word: str, sentence: str) -> Row:
    verdict, _, data = word.partition(" (")
    return verdict, data.removesuffix(")"), sentence


def markdown_rows(claims: Claims) -> list[Row]:
    rows = []
    for line in markdown.claim_rows(claims).splitlines()[2:]:
        cells = [markdown_text(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        rows.append(tuple(cells) if cells[2] else split_word(*cells[:2]))
    return rows


def latex_rows(claims: Claims) -> list[Row]:
    parts = latex.render_claims(claims).split("\\toprule")[1:]
    body = "".join(part.split("\\midrule\n", 1)[1].split("\\bottomrule")[0] for part in parts)
    rows: list[Row] = []
    for line in body.replace("\\midrule\n", "").strip().splitlines():
        cells = [latex_text(cell) for cell in line.removesuffix(" \\\\").split(" & ")]
        if len(cells) == 2:
            bold = re.fullmatch(r"\\multicolumn\{7\}\{p\{62em\}\}\{(.*)\}", cells[1])
            assert bold
            rows.append(split_word(cells[0], bold.group(1)))
        else:
            rows.append(tuple(cells))
    return rows


class ClaimPage(HTMLParser):
    """The rows of the claims' tables as a reader of the page meets them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self._article = ""
        self._place = ""
        self._small = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        keys = {key: value or "" for key, value in attrs}
        names = keys.get("class", "").split()
        if tag == "article":
            self._article = keys.get("id", "")
        elif tag == "tr" and names and names[0] in ("claim", "contrast"):
            self.rows.setdefault(self._article, []).append([])
            self._place = names[0]
        elif tag in ("small", "a"):
            self._small += 1
        elif self._place == "contrast" and "mark" in names:
            self.rows[self._article][-1].append(keys["aria-label"])
        elif self._place == "contrast" and tag in ("th", "td"):
            self._open(tag == "th")
        elif self._place == "claim" and tag == "span":
            self._open(False)

    def _open(self, before_mark: bool) -> None:
        if not before_mark:
            self.rows[self._article][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("small", "a"):
            self._small -= 1
        elif tag == "tr":
            self._place = ""
        elif self._place == "contrast" and tag == "span":
            self.rows[self._article][-1].append("")

    def handle_data(self, data: str) -> None:
        if self._place and not self._small and data.strip():
            self.rows[self._article][-1][-1] += data

    def of(self, claims: Claims) -> list[Row]:
        return [tuple(" ".join(cell.split()) for cell in row) for row in self.rows[claims.anchor]]


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


def test_the_report_holds_the_claims_as_page_markdown_and_latex(cells: Cells, tmp_path: Path) -> None:
    bundle = cartoon_suite(cells, (0,)).bundle()
    files = write_report(bundle, tmp_path)
    (paper,) = decided(bundle)
    markdown = (tmp_path / "tables" / "cartoon-claims.md").read_text(encoding="utf-8")
    assert paper.counts in markdown
    assert all(line.source in html.unescape(markdown) for line in paper.lines)
    check_latex((tmp_path / "tables" / "cartoon-claims.tex").read_text(encoding="utf-8"))
    assert ClaimPage(files.index.read_text(encoding="utf-8")).of(paper) == wanted(paper)


def test_the_results_page_tells_the_claims_between_provenance_and_tables(bundle: Runs, claims: list[Claims]) -> None:
    text = results_page(bundle)
    places = [text.index(title) for title in ("# Results", "## Unsupervised Cross", "Table 1. Accuracy")]
    assert places == sorted(places)
    for paper in claims:
        for line in paper.lines:
            row = " | ".join(markdown.escape(word) for word in (*line.overview, line.place))
            assert f"| {row} |" in text


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


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_the_claims_compile(claims: list[Claims], tmp_path: Path) -> None:
    body = "\n\\clearpage\n".join(latex.render_claims(paper) for paper in claims)
    (tmp_path / "all.tex").write_text(
        f"{latex.PREAMBLE}\\begin{{document}}\n{body}\n\\end{{document}}\n", encoding="ascii"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    printed = done.stdout.decode("latin-1")
    assert done.returncode == 0, printed[-2000:]
    assert "too large for page" not in printed


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
