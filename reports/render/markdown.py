"""Tables as Markdown: readable as plain text, and hostile text stays text."""

from __future__ import annotations

import re

from retable.reports.compute.claim_model import HEADINGS, OVERVIEW, Claims
from retable.reports.compute.table_model import Entry, Table

_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def escape(text: str) -> str:
    """Text that no Markdown reader takes for markup or for the end of a table's cell."""
    flat = " ".join(text.split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = re.sub(r"([\\`*\[\]|~])", r"\\\1", flat)
    # An underscore between letters is text to every reader; only at a word's edge it opens emphasis.
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", flat)


def marks(notes: tuple[int, ...]) -> str:
    """Footnote numbers as superscript digits."""
    return "⁽" + "⁾⁽".join(str(note).translate(_SUPERSCRIPT) for note in notes) + "⁾" if notes else ""


def render(table: Table, level: int = 3) -> str:
    """The table with its heading, the lines under it and its footnotes."""
    lines = [f"{'#' * level} {escape(table.name)}", ""]
    if table.note:
        lines += [escape(table.note), ""]
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
    lines = [row(header), row(["---", *("---:" for _ in table.headings)])]
    for line in table.lines:
        title = escape(line.title) + (" *(published only)*" if line.published_only else "")
        lines.append(row([title, *(_entry(entry, notes) for entry in line.entries)]))
    return "\n".join(lines)


def row(cells: list[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(cells) + " |"


def _entry(entry: Entry, notes: bool) -> str:
    printed = escape(entry.text)
    printed = f"**{printed}**" if entry.best else printed
    return f"{printed} {escape(entry.spread)}".strip() + (marks(entry.notes) if notes else "")


def verdict_rows(claims: Claims) -> str:
    """The claims of one paper, one row each, with the numbers of the contrast that speaks for it."""
    lines = [row([*OVERVIEW, "Where"]), row(["---", "---", "---", *["---:"] * (len(OVERVIEW) - 3), "---"])]
    lines += [row([escape(word) for word in (*line.overview, line.place)]) for line in claims.lines]
    return "\n".join(lines)


def render_claims(claims: Claims, level: int = 3) -> str:
    """The claims of one paper with their verdicts, then sources and what is to be said about each contrast."""
    lines = [f"{'#' * level} Claims: {escape(claims.title)}", "", escape(f"{claims.counts}."), "", claim_rows(claims)]
    for line in claims.lines:
        lines += ["", f"- {escape(line.sentence)} {escape(f'[{line.place}]')} Source: {escape(line.source)}."]
        lines += [f"  - {escape(f'{one.says}: {note}')}" for one in line.contrasts for note in one.notes]
    return "\n".join(lines) + "\n"


def claim_rows(claims: Claims) -> str:
    """Only the table: a row with the verdict and the sentence, then one row for each contrast."""
    header = ["Verdict", "Claim and contrasts", *HEADINGS[1:]]
    lines = [row(header), row(["---", "---", "---:", "---:", "---:", "---:", "---:", "---"])]
    for line in claims.lines:
        lines.append(row([f"**{escape(line.word)}**", f"**{escape(line.sentence)}**", *[""] * (len(HEADINGS) - 1)]))
        lines += [row([one.verdict, *(escape(cell) for cell in one.cells)]) for one in line.contrasts]
    return "\n".join(lines)
