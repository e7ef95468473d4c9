"""The committed RESULTS.md and docs/report, read back into tables, and what they say otherwise than a layout does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from itertools import groupby

from retable.reports.compute.runs import Bundle
from retable.reports.compute.table_model import Table
from retable.reports.compute.tables import build_tables
from retable.reports.published.papers import PublishedPaper
from retable.reports.published.table_schema import PublishedTable
from retable.reports.render.markdown import escape

RENEW = "run the command under 'How RESULTS.md and docs/report are made' in CONTRIBUTING.md"


@dataclass
class Seen:
    """A table as it was read from a file."""

    columns: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    title: str = ""
    over: list[str] = field(default_factory=list)
    """Headings above several columns, which only pages have."""


@dataclass(frozen=True)
class Layout:
    """A table as it has to be."""

    table: Table
    paper: PublishedPaper
    needed: tuple[bool, ...]
    """Of every heading, whether it is there even without numbers."""
    repeated: str
    """Slice key by which a row may stand several times; empty for none."""


def layouts(bundle: Bundle, papers: Sequence[PublishedPaper]) -> list[Layout]:
    """What ``reports.tables`` lays out for these cells, with every optional column."""
    published = {table.id: table for paper in papers for table in paper.tables}
    full = [paper.model_copy(update={"tables": [_full(table) for table in paper.tables]}) for paper in papers]
    by_name = {paper.paper: paper for paper in papers}
    found = []
    for table in build_tables(bundle, full):
        if table.layout in published:
            origin = published[table.layout]
            optional = {column.id for column in origin.columns if column.optional}
            needed = tuple(heading.column not in optional for heading in table.headings)
            found.append(Layout(table, by_name[table.paper], needed, origin.expand or ""))
    return found


def _full(table: PublishedTable) -> PublishedTable:
    columns = [column.model_copy(update={"optional": False}) for column in table.columns]
    return table.model_copy(update={"columns": columns})


def markdown_problems(page: str, wanted: Sequence[Layout]) -> list[str]:
    """Every table that the Markdown page lacks, has too many, or lays out otherwise."""
    seen = dict(_markdown_tables(page))
    problems = []
    cites = {
        paper.paper: escape(
            f"{paper.title} ({paper.authors}, {paper.venue} {paper.year}, {paper.reference})",
        )
        for paper in (layout.paper for layout in wanted)
    }
    for layout in wanted:
        table = seen.pop((cites[layout.table.paper], escape(layout.table.name)), None)
        where = f"{layout.table.paper}, {layout.table.name}"
        if table is None:
            problems.append(f"{where}: no such table")
            continue
        headings = [escape(title) for title in layout.table.flat_headings()]
        problems += _columns(where, table.columns, headings, layout)
        problems += _rows(where, table.rows, [escape(line.title) for line in layout.table.lines], layout)
    return problems + [f"{paper}, {name}: no published table" for paper, name in seen if paper in cites.values()]


def page_problems(page: str, wanted: Sequence[Layout]) -> list[str]:
    """Every table that the page lacks, has too many, or lays out otherwise."""
    seen = dict(_read(page).tables)
    problems = []
    for layout in wanted:
        where = f"{layout.table.paper}, {layout.table.name}"
        table = seen.pop(layout.table.anchor, None)
        if table is None:
            problems.append(f"{where}: no such table")
            continue
        if table.title != layout.table.title:
            problems.append(f"{where}: the title is {table.title!r}")
        plain = all(heading.kind == "ours" for heading in layout.table.headings)
        headings = [heading.title if plain else heading.kind for heading in layout.table.headings]
        problems += _columns(where, table.columns, headings, layout)
        needed = [heading.title for heading, need in zip(layout.table.headings, layout.needed, strict=True) if need]
        problems += [f"{where}: no column {title!r}" for title in needed if title not in (*table.over, *table.columns)]
        problems += _rows(where, table.rows, [line.title for line in layout.table.lines], layout)
    others = {"table-budget"}
    return problems + [f"{anchor}: no published table" for anchor in seen if anchor not in others]


def claim_problems(said: set[str], papers: Sequence[PublishedPaper], *, escaped: bool) -> list[str]:
    """Sentences of claims that are missing, or that no published file holds."""
    wanted = {
        escape(claim.sentence) if escaped else " ".join(claim.sentence.split())
        for paper in papers
        for claim in paper.claims
    }
    missing = [f"no claim {sentence!r}" for sentence in sorted(wanted - said)]
    return missing + [f"a claim of no published file: {sentence!r}" for sentence in sorted(said - wanted)]


def markdown_claims(page: str) -> set[str]:
    """Sentences of all claims of the Markdown page, as they stand there."""
    return {sentence for _, sentence in re.findall(r"^\| \*\*(.+?)\*\* \| \*\*(.+?)\*\* \|", page, re.MULTILINE)}


def page_claims(page: str) -> set[str]:
    """Sentences of all claims of the page."""
    return {" ".join(sentence.split()) for sentence in _read(page).sentences}


@lru_cache(maxsize=2)
def _read(page: str) -> _Page:
    reader = _Page()
    # Pictures and drawings are nearly all of a page and hold no word of a table.
    reader.feed(re.sub(r'"data:[^"]*"|<svg\b.*?</svg>', '""', page, flags=re.DOTALL))
    return reader


def _columns(where: str, seen: Sequence[str], headings: Sequence[str], layout: Layout) -> Iterator[str]:
    """The needed headings, in order, with nothing between them but optional ones."""
    left = list(seen)
    for heading, needed in zip(headings, layout.needed, strict=True):
        if left and left[0] == heading:
            left.pop(0)
        elif needed:
            yield f"{where}: no column {heading!r} at its place; there are {list(seen)}"
            return
    if left:
        yield f"{where}: columns of no published table: {left}"


def _rows(where: str, seen: Sequence[str], titles: Sequence[str], layout: Layout) -> Iterator[str]:
    mark = f", {layout.repeated} "
    bases = [title.partition(mark)[0] if layout.repeated else title for title in seen]
    found = [title for title, _ in groupby(bases)]
    if found != list(titles):
        yield f"{where}: its rows are {found}, and have to be {list(titles)}"


def _markdown_tables(page: str) -> Iterator[tuple[tuple[str, str], Seen]]:
    """``(heading of the paper, heading of the table)`` and the table that follows, in order."""
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        paper = section.partition("\n")[0].strip()
        for part in re.split(r"^### ", section, flags=re.MULTILINE)[1:]:
            name, _, body = part.partition("\n")
            lines = [line for line in body.splitlines() if line.startswith("|")]
            cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
            header = [re.sub(r"⁽[^⁾]*⁾", "", cell) for cell in cells[0][1:]] if cells else []
            rows = [row[0].removesuffix(" *(published only)*") for row in cells[2:]]
            yield (paper, name.strip()), Seen(header, rows)


class _Page(HTMLParser):
    """Tables by anchor, and the sentences of claims."""

    VOID = frozenset(("meta", "link", "img", "br", "hr", "input", "source"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, Seen] = {}
        self.sentences: list[str] = []
        self._table: Seen | None = None
        self._into: list[str] | None = None
        self._ends = ""
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        keys = {key: value or "" for key, value in attrs}
        if tag == "article":
            self._table = (
                self.tables.setdefault(keys["id"], Seen()) if keys.get("id", "").startswith("table-") else None
            )
        if self._into is not None:
            # Badges, notes, footnote marks and links stand beside the words, and are none of them.
            if (self._silent or tag in ("small", "sup", "a", "span")) and tag not in self.VOID:
                self._silent.append(tag)
        elif tag == "span" and keys.get("class") == "sentence":
            self._begin(self.sentences, tag)
        elif self._table is not None and tag == "h3":
            self._begin([], tag)
        elif self._table is not None and tag == "th" and keys.get("class") != "row-title":
            self._begin(self._place(keys), tag)

    def _place(self, keys: Mapping[str, str]) -> list[str]:
        assert self._table is not None
        table = self._table
        return {"row": table.rows, "col": table.columns}.get(keys.get("scope", ""), table.over)

    def _begin(self, into: list[str], tag: str) -> None:
        into.append("")
        self._into, self._ends = into, tag

    def handle_data(self, data: str) -> None:
        if self._into is not None and not self._silent:
            self._into[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if self._silent and tag == self._silent[-1]:
            self._silent.pop()
        elif self._into is not None and tag == self._ends and not self._silent:
            self._into[-1] = " ".join(self._into[-1].split())
            if tag == "h3" and self._table is not None:
                self._table.title = self._into[-1]
            self._into = None
