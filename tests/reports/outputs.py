"""What the tests read back from a report's outputs: the same tables and claims from Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

from retable.reports.compute.claim_model import Claims
from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Table
from retable.reports.compute.tables import build_tables
from retable.reports.render import html_page, latex, markdown

HOSTILE = "<script>alert('x')</script> | 100% of $HOME & \\input{x} [a](b) `c` #d ~e ^f {g} \"h\" *i* _j_ é"
Grid = list[list[str]]
Row = tuple[str, ...]


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
