"""A page's results beside the paper: which lines there are follows from the published tables, numbers from recordings.

So the lines of two pages can be compared without their numbers (:func:`skeleton`), and a page that is written without
recordings keeps the numbers that it has (:func:`kept`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from retable.benchmarks.docs.docstrings import line
from retable.reports import text
from retable.reports.compute.claim_model import Claims
from retable.reports.compute.decide_claims import build_claims
from retable.reports.compute.runs import Runs
from retable.reports.compute.select import Selection, expand_rows
from retable.reports.compute.table_model import Table
from retable.reports.compute.tables import build_tables
from retable.reports.published.papers import PublishedPaper
from retable.reports.published.table_schema import Column, PublishedTable, PublishedValue, Row
from retable.reports.render.markdown import escape

NOT_MEASURED = "not measured"
BEGIN = "<!-- results: numbers are renewed by `retable docs` alone -->"
END = "<!-- end of results -->"
RECORDED = "Recorded: "
"""How a line begins that says where the numbers come from."""


@dataclass(frozen=True)
class Recorded:
    """Tables and claims of some recordings, beside the papers they belong to."""

    bundle: Runs
    papers: Sequence[PublishedPaper]
    tables: Sequence[Table]
    claims: Sequence[Claims]

    @classmethod
    def of(cls, bundle: Runs, papers: Sequence[PublishedPaper]) -> Recorded:
        """Lay the bundle out as every report does."""
        tables = build_tables(bundle, papers)
        return cls(bundle, papers, tables, build_claims(bundle, papers, tables))


def results(names: Collection[str], recorded: Recorded) -> str:
    """The section for the methods of one page, between :data:`BEGIN` and :data:`END`."""
    layouts = [
        (paper, table)
        for paper in recorded.papers
        for table in paper.tables
        if any(row.method in names for row in table.rows)
    ]
    several = len({paper.paper for paper, _ in layouts}) > 1
    of = {paper.paper: f", {paper.venue} {paper.year}" if several else "" for paper, _ in layouts}
    parts = [_table(names, recorded, table, of[paper.paper]) for paper, table in layouts]
    if claims := _claims(names, recorded):
        parts.append(claims)
    if not parts:
        parts = ["No published table has a row of it."]
    return "\n\n".join([BEGIN, *parts, END])


def _table(names: Collection[str], recorded: Recorded, table: PublishedTable, of: str) -> str:
    index = Selection(recorded.bundle)
    built = [one for one in recorded.tables if one.layout == table.id]
    concrete = expand_rows(index, table)
    lines = ["| row | score | published | reproduced |", "|---|---|---:|---|"]
    for row in table.rows:
        if row.method not in names:
            continue
        places = [place for place, one in enumerate(concrete) if one.id == row.id]
        for column in table.columns:
            asked = column.score is not None and (not row.measures or column.id in row.measures)
            if asked or column.id in row.published:
                ours = _ours(row, column, concrete, places, built) if asked else "–"
                cells = [line(escape(row.title)), line(escape(_score_name(column))), _published(row, column), ours]
                lines.append(f"| {' | '.join(cells)} |")
    title = escape(table.caption + of) + (" (added by this project)" if table.origin == "added" else "")
    note = f"{escape(table.note)}\n\n" if table.note else ""
    measured = any(not one.endswith((f"| {NOT_MEASURED} |", "| – |")) for one in lines[2:])
    data = f"\n\n{RECORDED}{escape(f'{built[0].data} {built[0].seeds}'.strip())}" if built and measured else ""
    if len(lines) == 2:
        return f"### {title}\n\n{note}Its rows are shown as pictures, without numbers."
    return f"### {title}\n\n{note}" + "\n".join(lines) + data


def _score_name(column: Column) -> str:
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.direction, "")
    unit = f" ({column.unit})" if column.unit else ""
    return f"{column.group + ': ' if column.group else ''}{column.title}{arrow}{unit}"


def _published(row: Row, column: Column) -> str:
    said = row.published.get(column.id)
    if said is None:
        return "–"
    value = said.value if isinstance(said, PublishedValue) else said
    decimals = column.decimals if row.decimals is None else row.decimals
    return f"{value:,.{decimals}f}"


def _ours(row: Row, column: Column, concrete: Sequence[Row], places: Sequence[int], built: Sequence[Table]) -> str:
    """Our number, or the numbers of everything that the row stands for, as the report prints them."""
    found = []
    for table in built:
        headings = [place for place, one in enumerate(table.headings) if (one.column, one.kind) == (column.id, "ours")]
        for heading in headings:
            for place in places:
                entry = table.lines[place].entries[heading]
                if entry.state in ("number", "status", "n/c") and entry.text:
                    title = concrete[place].title.removeprefix(row.title).strip(" ,")
                    found.append(f"{escape(title)}: {escape(entry.full)}" if title else escape(entry.full))
    return line("; ".join(found).replace("\\|", "|")) or NOT_MEASURED


def _claims(names: Collection[str], recorded: Recorded) -> str:
    decided = {one.anchor: one for claims in recorded.claims for one in claims.lines}
    lines = ["| claim | in our scores | verdict, by seeds |", "|---|---|---|"]
    for paper in recorded.papers:
        for claim in paper.claims:
            for contrast in claim.contrasts:
                if not any(term.method in names for term in (*contrast.plus, *contrast.minus)):
                    continue
                verdict = NOT_MEASURED
                if (found := decided.get(f"claim-{claim.id}")) is not None:
                    said = next(one for one in found.contrasts if one.says == contrast.says)
                    if said.seeds != "0":
                        interval = f" {said.interval}" if said.interval != text.NOTHING else ""
                        verdict = f"**{said.verdict}**, {said.effect}{interval}, n = {said.seeds}"
                cells = (escape(claim.sentence), escape(contrast.says), escape(verdict).replace("\\*", "*"))
                lines.append(f"| {' | '.join(cells)} |")
    if len(lines) == 2:
        return ""
    how = "An effect above 0 is what the claim says; in brackets its interval over the seeds; n counts the seeds."
    return f"### Claims\n\n{how}\n\n" + "\n".join(lines)


def skeleton(page: str) -> str:
    """The page without what recordings decide: no numbers of ours, no pictures, no line that begins with "Recorded"."""
    before, block, after = _cut(page)
    return before + "\n".join(fixed for one in block if (fixed := _fixed(one))) + after


def kept(new: str, old: str) -> str:
    """``new``, written without recordings, with the numbers and pictures of ``old`` where the lines are the same."""
    before, block, after = _cut(new)
    numbers, extras = _by_place(_cut(old)[1])
    out: list[str] = []
    heading = ""
    for one in block:
        if one.startswith(("### ", END)):
            out += extras.pop(heading, [])
            heading = one
        out.append(numbers.get((heading, _fixed(one)), one))
    return before + "\n".join(out) + after


def _cut(page: str) -> tuple[str, list[str], str]:
    """What stands before the block of results, its lines, and what stands after it."""
    before, begin, rest = page.partition(BEGIN)
    block, end, after = rest.partition(END)
    return before, f"{begin}{block}{end}".split("\n"), after


def _by_place(block: Sequence[str]) -> tuple[dict[tuple[str, str], str], dict[str, list[str]]]:
    """``(heading, line without its number)`` -> line, and heading -> the lines that only recordings bring."""
    numbers: dict[tuple[str, str], str] = {}
    extras: dict[str, list[str]] = {}
    heading = ""
    for one in block:
        heading = one if one.startswith("### ") else heading
        if fixed := _fixed(one):
            numbers[heading, fixed] = one
        elif one:
            extras.setdefault(heading, []).extend([one, ""])
    return numbers, extras


def _fixed(one: str) -> str:
    """A line of the block without its number of ours; empty for a line that only recordings bring."""
    if one.startswith((RECORDED, "![")):
        return ""
    if one.startswith("| ") and not one.startswith(("| row |", "| claim |")):
        return f"{one[: one.removesuffix(' |').rindex(' | ')]} |"
    return one
