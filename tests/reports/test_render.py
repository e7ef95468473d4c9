"""Markdown, LaTeX and HTML print the same tables and claims, and hostile text stays text in each."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from retable.reports.published.papers import load_paper
from retable.reports.render import html_page, latex, markdown
from retable.reports.render.content import Content
from retable.reports.render.results_page import results_page
from retable.reports.render.summary import LIMIT, markdown_summary
from tests.reports.outputs import HOSTILE, Page, check_all_outputs_agree, check_latex, page_of
from tests.reports.report_factory import Cells, accuracy, score, suite
from tests.reports.test_claims import CLAIM, fill


@pytest.mark.parametrize(("paper", "seeds"), [("dtn", 3), ("dtn", 6), ("cartoon", 1), ("cartoon", 6)])
def test_all_outputs_print_the_same_whatever_the_seeds(cells: Cells, paper: str, seeds: int) -> None:
    check_all_outputs_agree(Content(suite(paper, cells, range(seeds)).bundle(), points=0))


def test_all_outputs_print_the_same_differences(cells: Cells) -> None:
    for name, value in (("dtn", 91.0), ("no-tid", 80.0)):
        cells.add(f"dtn/{name}", [accuracy(value, n=26032, source="real")], source="real")
    content = Content(cells.bundle())
    assert {"+0.34", "\u22128.40"} <= {entry.text for line in content.tables[0].lines for entry in line.entries}
    check_all_outputs_agree(content)


@pytest.fixture
def hostile(cells: Cells, tmp_path: Path) -> Content:
    """A reason, a log, a suite's, a method's and a claim's words that no output may take at their word."""
    cells.add("dtn/dtn", status="failed", reason=HOSTILE, log=f"Traceback\n</pre>{HOSTILE}\n")
    cells.add("evil/x", [accuracy(1.0), score(HOSTILE, 1.0, unit=HOSTILE, data=HOSTILE)])
    fill(cells, [0.1, 0.2])
    path = tmp_path / "made-up.toml"
    # A TOML literal string takes everything but its own quotes as it stands.
    path.write_text(
        CLAIM.replace('"New is better than old."', f"'''{HOSTILE}'''").replace('"KID is', f"'''{HOSTILE}''' #")
    )
    runs = cells.bundle(suite=HOSTILE)
    return Content(replace(runs, titles={**runs.titles, "evil/x": HOSTILE}), [load_paper(path)])


def test_hostile_text_never_becomes_part_of_the_page(hostile: Content) -> None:
    text = html_page.render(hostile)
    page = Page(text)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert sum(tag == "b" and not keys for tag, keys in page.tags) == 0
    for printed in (f"<h1>{html.escape(HOSTILE)}", f"&lt;/pre&gt;{html.escape(HOSTILE)}"):
        assert printed.replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text


def test_hostile_text_never_ends_a_markdown_cell(hostile: Content) -> None:
    (claims,) = hostile.claims
    for rows in [*map(markdown.rows, hostile.tables), markdown.claim_rows(claims)]:
        assert len({len(re.split(r"(?<!\\)\|", row)) for row in rows.splitlines()}) == 1
    assert "<" not in "".join([*map(markdown.render, hostile.tables), markdown.render_claims(claims)])


def test_latex_is_well_formed_whatever_the_text(hostile: Content) -> None:
    for source in [*map(latex.render, hostile.tables), *map(latex.render_claims, hostile.claims)]:
        check_latex(source)


def test_the_page_opens_with_the_claims_and_every_link_leads_somewhere(four_papers: Content, whole_page: str) -> None:
    places = [whole_page.index(f'id="{name}"') for name in ("claims", "how-to-read", "table-dtn-table-1")]
    assert places == sorted(places)
    page = Page(whole_page)
    ids = [keys["id"] for _, keys in page.tags if keys.get("id")]
    links = {keys["href"].removeprefix("#") for tag, keys in page.tags if tag == "a"}
    assert len(ids) == len(set(ids))
    assert links <= set(ids)
    assert {line.anchor for paper in four_papers.claims for line in paper.lines} <= links
    assert {table.anchor for table in four_papers.tables} | {"table-cartoon-fig-5-pictures"} <= links
    own = {keys["href"] for tag, keys in page.tags if tag == "a" and keys.get("class") == "self"}
    assert {f"#{keys['id']}" for tag, keys in page.tags if tag == "article"} <= own


def test_no_level_of_headings_is_left_out(whole_page: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(whole_page).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_verdicts_on_top_are_those_of_the_claims(four_papers: Content, whole_page: str) -> None:
    rows = [row for row in Page(whole_page).tables[""] if len(row) == 11][1:]
    lines = [line for paper in four_papers.claims for line in paper.lines]
    assert len(rows) == len(lines) > 30
    for row, line in zip(rows, lines, strict=True):
        _, sentence, contrast, *numbers = line.overview
        assert row == [f"{line.verdict} {line.data}".strip(), sentence, *numbers]
        assert (contrast, numbers[0]) == (line.deciding.says, line.deciding.effect)


def test_the_summary_is_short_and_says_every_claim_and_status(cells: Cells) -> None:
    content = Content(suite("dtn", suite("cartoon", cells)).bundle())
    summary = markdown_summary(content.runs)
    assert (
        "**Claims**: 10 reproduced, 2 undecided, 0 not reproduced, 0 contradicted, 0 not testable"
        in summary.split("\n\n")[1]
    )
    for line in (line for paper in content.claims for line in paper.lines):
        assert f"- {line.verdict} (standin): {line.sentence}" in summary
    assert f"{len(content.runs.records) - 4} of {len(content.runs.records)} cells ok" in summary
    assert all(said in summary for said in ("x oom", "x failed", "x timeout", "| DTN |", "source=standin"))
    assert "In the report: " in summary
    assert len(summary) <= LIMIT
    cells.add("dtn/dtn", seed=77, status="failed", reason="x" * 50_000)
    assert len(markdown_summary(cells.bundle())) <= LIMIT


def test_a_suite_without_claims_has_no_empty_section(cells: Cells) -> None:
    cells.add("dummy/dummy")
    assert 'id="claims"' not in page_of(cells.bundle())
    assert "reproduced" not in results_page(cells.bundle())


PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{booktabs}
\usepackage{graphicx}
"""


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_every_table_and_claim_compiles(hostile: Content, four_papers: Content, tmp_path: Path) -> None:
    parts = [latex.render(table) for content in (hostile, four_papers) for table in content.tables]
    parts += [latex.render_claims(paper) for content in (hostile, four_papers) for paper in content.claims]
    body = "\n\\clearpage\n".join(parts)
    (tmp_path / "all.tex").write_text(f"{PREAMBLE}\\begin{{document}}\n{body}\n\\end{{document}}\n", encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    printed = done.stdout.decode("latin-1")
    assert done.returncode == 0, printed[-2000:]
    assert "too large for page" not in printed
