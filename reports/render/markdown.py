"""Tables as Markdown: readable as plain text, and hostile text stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from retable.reports.compute.claim_model import HEADINGS, OVERVIEW, Claims
from retable.reports.compute.table_model import Entry, Table

_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def escape(text: str) -> str:
    """Text that no Markdown reader takes for markup or for the end of a table's cell."""
    flat = " ".join(text.split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = re.sub(r"([\\`*\[\]|~$])", r"\\\1", flat)
    # An underscore between letters is text to every reader; only at a word's edge it opens emphasis.
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", flat)


def marks(notes: tuple[int, ...]) -> str:
    """Footnote numbers as superscript digits."""
    return "⁽" + "⁾⁽".join(str(note).translate(_SUPERSCRIPT) for note in notes) + "⁾" if notes else ""


def render(table: Table, level: int = 3) -> str:
    """The table with its heading, the lines under it and its footnotes."""
    lines = [f"{'#' * level} {escape(table.name)}", ""]
    for said in (table.made, table.note):
        lines += [escape(said), ""] if said else []
    if table.headings:
        lines += [rows(table), ""]
    lines += [f"- {escape(line)}" for line in table.under()]
    if table.orderings is not None:
        lines += [f"  - {escape(other)}" for other in table.orderings.others]
    lines += [f"- {marks((number,))} {escape(note)}" for number, note in enumerate(table.footnotes, start=1)]
    return "\n".join(lines) + "\n"


def rows(table: Table, *, notes: bool = True) -> str:
    """Only the table, with or without the numbers of its footnotes."""
    flat = zip(table.flat_headings(), table.headings, strict=True)
    header = ["", *(escape(title) + (marks(heading.notes) if notes else "") for title, heading in flat)]
    titles = [escape(line.title) + (" *(published only)*" if line.published_only else "") for line in table.lines]
    entries = [[_entry(entry, notes) for entry in line.entries] for line in table.lines]
    body = [[title, *line] for title, line in zip(titles, entries, strict=True)]
    return grid(header, "l" + "r" * len(table.headings), body)


def grid(header: Sequence[str], aligned: str, body: Iterable[Sequence[str]]) -> str:
    """A table of escaped cells; ``aligned`` has ``l`` or ``r`` for each column."""
    rule = [{"l": "---", "r": "---:"}[side] for side in aligned]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *body))


def _entry(entry: Entry, notes: bool) -> str:
    printed = escape(entry.text)
    printed = f"**{printed}**" if entry.best else printed
    return f"{printed} {escape(entry.spread)}".strip() + (marks(entry.notes) if notes else "")


def verdict_rows(claims: Claims) -> str:
    """The claims of one paper, one row each, with the numbers of the contrast that speaks for it."""
    body = [[escape(word) for word in (*line.overview, line.place)] for line in claims.lines]
    return grid([*OVERVIEW, "Where"], "lllrrrrrlllrl", body)


def render_claims(claims: Claims, level: int = 3) -> str:
    """The claims of one paper with their verdicts, then sources and what is to be said about each contrast."""
    lines = [f"{'#' * level} Claims: {escape(claims.title)}", "", escape(f"{claims.counts}."), "", claim_rows(claims)]
    for line in claims.lines:
        lines += ["", f"- {escape(line.sentence)} {escape(f'[{line.place}]')} Source: {escape(line.source)}."]
        lines += [f"  - {escape(f'{one.says}: {note}')}" for one in line.contrasts for note in one.notes]
    return "\n".join(lines) + "\n"


def claim_rows(claims: Claims) -> str:
    """Only the table: a row with the verdict and the sentence, then one row per contrast."""
    body = []
    for line in claims.lines:
        body.append([f"**{escape(line.word)}**", f"**{escape(line.sentence)}**", *[""] * (len(HEADINGS) - 1)])
        body += [[one.verdict, *map(escape, one.cells)] for one in line.contrasts]
    return grid(["Verdict", "Claim and contrasts", *HEADINGS[1:]], "llrrrrrllll", body)
