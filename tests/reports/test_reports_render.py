"""Markdown, LaTeX and HTML print the same table, and hostile text stays text in each."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Table
from retable.reports.compute.tables import build_tables
from retable.reports.render import html_page, latex, markdown
from tests.reports.report_factory import Cells, accuracy, dtn_suite

HOSTILE = "<script>alert('x')</script> | 100% of $HOME & \\input{x} [a](b) `c` #d ~e ^f {g} \"h\" *i* _j_ é"
Grid = list[list[str]]


def model_grid(table: Table) -> Grid:
    return [[line.title, *(entry.full for entry in line.entries)] for line in table.lines]


def markdown_grid(table: Table) -> Grid:
    lines = markdown.rows(table).splitlines()[2:]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    return [[markdown_text(cell) for cell in row] for row in rows]


def markdown_text(cell: str) -> str:
    bare = re.sub(r"⁽[⁰¹²³⁴⁵⁶⁷⁸⁹]+⁾", "", cell).replace("*(published only)*", "").replace("**", "")
    return html.unescape(re.sub(r"\\([\\`*\[\]|~_])", r"\1", bare)).strip()


def latex_grid(table: Table) -> Grid:
    body = latex.render(table).split("\\midrule\n")[1].split("\\bottomrule")[0]
    rows = [line.removesuffix(" \\\\").split(" & ") for line in body.strip().splitlines()]
    return [[latex_text(cell) for cell in row] for row in rows]


def latex_text(cell: str) -> str:
    bare = re.sub(r"\\textsuperscript\{[^}]*\}", "", cell).replace("\\emph{(published only)}", "")
    bare = re.sub(r"\\textbf\{([^}]*)\}", r"\1", bare)
    for sign, printed in (
        ("$-$", "\u2212"),
        ("$\\rightarrow$", "→"),
        ("$\\times$", "×"),
        ("--", "–"),
        ("\\textgreater{}", ">"),
        ("\\textless{}", "<"),
    ):
        bare = bare.replace(sign, printed)
    bare = bare.replace("{[}", "[").replace("{]}", "]")
    return re.sub(r"\\([_&%#$])", r"\1", bare).strip()


class Page(HTMLParser):
    """What the tests need of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, Grid] = {}
        self._article = ""
        self._row: list[str] | None = None
        self._skip = 0
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        keys = {key: value or "" for key, value in attrs}
        self.tags.append((tag, keys))
        if tag == "article":
            self._article = keys.get("id", "")
        elif tag == "tr":
            self._row = []
        elif tag in ("td", "th") and self._row is not None and "chart" not in keys.get("class", ""):
            self._in_cell = True
            self._row.append("")
        elif tag in ("sup", "small") or (tag == "span" and "badge" in keys.get("class", "")):
            self._skip += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr" and self._row is not None:
            self.tables.setdefault(self._article, []).append([" ".join(cell.split()) for cell in self._row])
            self._row = None
        elif tag in ("td", "th"):
            self._in_cell = False
        elif tag == "article":
            self._article = ""
        elif self._skip and tag in ("sup", "small", "span"):
            self._skip -= 1

    def handle_data(self, data: str) -> None:
        if self._in_cell and self._row and not self._skip:
            self._row[-1] += data

    def body_of(self, table: Table) -> Grid:
        return self.tables[table.anchor][-len(table.lines) :]


def page_of(bundle: Runs) -> str:
    return html_page.render(bundle, build_tables(bundle), [], [], {})


def check_all_outputs_agree(bundle: Runs) -> None:
    tables = build_tables(bundle)
    page = Page(page_of(bundle))
    for table in tables:
        wanted = model_grid(table)
        assert markdown_grid(table) == wanted
        assert latex_grid(table) == wanted
        assert page.body_of(table) == wanted


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


def check_latex(source: str) -> None:
    bare = re.sub(r"\\[{}\\$%&#_]", "", re.sub(r"^%.*$", "", source, flags=re.MULTILINE))
    depth = 0
    for sign in bare:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert "%" not in re.sub(r"\{!\}\{%$", "", bare, flags=re.MULTILINE)
    assert source.isascii()
    assert re.findall(r"\\begin\{(\w+)\}", source) == re.findall(r"\\end\{(\w+)\}", source)[::-1] or (
        sorted(re.findall(r"\\begin\{(\w+)\}", source)) == sorted(re.findall(r"\\end\{(\w+)\}", source))
    )


def test_latex_is_well_formed_whatever_the_text(hostile: Runs, suite_bundle: Runs) -> None:
    for bundle in (hostile, suite_bundle):
        for table in build_tables(bundle):
            check_latex(latex.render(table))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_every_table_compiles(hostile: Runs, suite_bundle: Runs, tmp_path: Path) -> None:
    tables = [*build_tables(hostile), *build_tables(suite_bundle)]
    names = []
    for index, table in enumerate(tables):
        (tmp_path / f"t{index}.tex").write_text(latex.render(table), encoding="ascii")
        names.append(f"\\input{{t{index}.tex}}\n\\clearpage")
    body = "\n".join(names)
    (tmp_path / "all.tex").write_text(f"{latex.PREAMBLE}\\begin{{document}}\n{body}\n\\end{{document}}\n")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode("latin-1")[-2000:]
