"""What the tests read back from a report's outputs: the same tables and claims from Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

from retable.reports.compute.claim_model import Claims
from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Table
from retable.reports.render import html_page, latex, markdown
from retable.reports.render.content import Content

HOSTILE = "<script>alert('x')</script> | 100% of $HOME & \\input{x} [a](b) `c` #d ~e ^f {g} \"h\" *i* _j_ é"
Grid = list[list[str]]
SIGNS = {
    "$-$": "\u2212", "$\\rightarrow$": "→", "$\\times$": "×", "--": "–", "\\textgreater{}": ">", "\\textless{}": "<",
    "{[}": "[", "{]}": "]",
}  # fmt: skip


class Page(HTMLParser):
    """A page's tags in order, and the rows of the tables in every article, or below ``""`` outside of articles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.tables: dict[str, Grid] = {}
        self._article = ""
        self._cells: list[str] = []
        self._inside = False
        self._silent = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        keys = {key: value or "" for key, value in attrs}
        names = keys.get("class", "").split()
        self.tags.append((tag, keys))
        if tag == "article":
            self._article = keys.get("id", "")
        elif tag == "tr":
            self._cells = []
            self.tables.setdefault(self._article, []).append(self._cells)
        elif tag in ("td", "th") and "chart" not in names:
            self._inside = True
            self._cells.append("")
        elif tag in ("sup", "small") or "self" in names:
            self._silent = self._silent or tag
        elif "mark" in names:
            self._cells[-1] += f"{keys['aria-label']} "

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""
        elif tag in ("td", "th"):
            self._inside = False
            self._cells[-1:] = [" ".join(cell.split()) for cell in self._cells[-1:]]
        elif tag == "article":
            self._article = ""

    def handle_data(self, data: str) -> None:
        if self._inside and not self._silent:
            self._cells[-1] += data


def page_of(runs: Runs) -> str:
    """The page without training curves, which would take most of the time."""
    return html_page.render(Content(runs, points=0))


def markdown_grid(text: str) -> Grid:
    return [[markdown_text(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines()[2:]]


def markdown_text(cell: str) -> str:
    bare = re.sub(r"⁽[⁰¹²³⁴⁵⁶⁷⁸⁹]+⁾|(?<!\\)\*", "", cell)
    return html.unescape(re.sub(r"\\([\\`*\[\]|~_$])", r"\1", bare)).strip()


def latex_grid(source: str) -> Grid:
    bodies = re.findall(r"\\toprule\n.*?\\midrule\n(.*?)\\bottomrule", source, re.DOTALL)
    rows = [line.removesuffix(r" \\") for body in bodies for line in body.splitlines() if line != "\\midrule"]
    return [[latex_text(cell) for cell in row.split(" & ")] for row in rows]


def latex_text(cell: str) -> str:
    bare = re.sub(r"\\textsuperscript\{[^}]*\}", "", cell)
    bare = re.sub(r"\\multicolumn\{10\}\{p\{92em\}\}\{(.*)\}", r"\1", bare)
    bare = re.sub(r"\\(?:textbf|emph)\{([^}]*)\}", r"\1", bare)
    for sign, printed in SIGNS.items():
        bare = bare.replace(sign, printed)
    return re.sub(r"\\([_&%#$])", r"\1", bare).strip()


def table_grid(table: Table) -> Grid:
    titles = [line.title + (" (published only)" if line.published_only else "") for line in table.lines]
    return [[title, *(one.full for one in line.entries)] for title, line in zip(titles, table.lines, strict=True)]


def claim_grid(claims: Claims) -> Grid:
    """A row with verdict and sentence per claim, then one per contrast."""
    rows = []
    for line in claims.lines:
        rows += [[line.word, line.sentence], *([one.verdict, *one.cells] for one in line.contrasts)]
    return rows


def words(grid: Grid) -> list[str]:
    """Rows as running text: outputs break a claim's row into cells, and mark words, each in its own way."""
    return [" ".join(re.sub(r"\((standin|real|published only)\)", r"\1", " ".join(row)).split()) for row in grid]


def check_all_outputs_agree(content: Content) -> None:
    """Markdown, LaTeX and HTML print the texts of the model, cell by cell."""
    page = Page(html_page.render(content))
    for table in content.tables:
        if table.headings:
            wanted = table_grid(table)
            assert markdown_grid(markdown.rows(table)) == latex_grid(latex.render(table)) == wanted
            assert words(page.tables[table.anchor][-len(wanted) :]) == words(wanted)
        check_latex(latex.render(table))
    for claims in content.claims:
        wanted = words(claim_grid(claims))
        assert words(markdown_grid(markdown.claim_rows(claims))) == wanted
        assert words(latex_grid(latex.render_claims(claims))) == wanted
        assert words(page.tables[claims.anchor][1:]) == wanted
        check_latex(latex.render_claims(claims))


def check_latex(source: str) -> None:
    """Braces, dollars and environments are balanced, and nothing is commented out."""
    bare = re.sub(r"\\[{}\\$%&#_]", "", re.sub(r"^%.*$", "", source, flags=re.MULTILINE))
    depth = 0
    for sign in bare:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    assert bare.count("$") % 2 == 0
    assert "%" not in re.sub(r"\{!\}\{%$", "", bare, flags=re.MULTILINE)
    assert source.isascii()
    assert sorted(re.findall(r"\\begin\{(\w+)\}", source)) == sorted(re.findall(r"\\end\{(\w+)\}", source))
