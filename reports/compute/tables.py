"""Lays our scores out beside the published numbers: one model that every renderer prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from retable.reports import text
from retable.reports.compute import captions
from retable.reports.compute.comparison import disagreement, orderings, published_value, ranks
from retable.reports.compute.plot_data import plot_of
from retable.reports.compute.runs import Runs
from retable.reports.compute.select import Measured, Selection, expand_rows, measure
from retable.reports.compute.statistics import summarise
from retable.reports.compute.table_model import Entry, Heading, Kind, Line, Table
from retable.reports.compute.unpublished import ANCHORS, uncovered_tables
from retable.reports.published.papers import PublishedPaper, load_papers
from retable.reports.published.table_schema import Column, PublishedTable, PublishedValue, Row

WIDE = 4
"""More columns than this are split by their group (the data set), one table each."""
VOTES = (
    "Votes of people in a published study, which no machine can repeat: shown as published, "
    "neither ranked nor set against numbers of ours."
)


def build_tables(runs: Runs, papers: Sequence[PublishedPaper] | None = None) -> list[Table]:
    """Every table of every paper that there are cells of; then one of our own for methods no table names.

    Raises:
        ReportError: a file of published tables is bad.
    """
    known = load_papers() if papers is None else papers
    layouts = [(paper, table) for paper in known if _concerns(runs, paper) for table in paper.tables]
    layouts += uncovered_tables(runs, layouts)
    selection = Selection(runs)
    return [_build(runs, selection, paper, table, part) for paper, table in layouts for part in _parts(table)]


def _concerns(runs: Runs, paper: PublishedPaper) -> bool:
    """Whether there are cells of a paper, or reference rows that its tables show."""
    cells = [record.cell for record in runs.records if record.cell.method.startswith(ANCHORS)]
    return paper.paper in runs.papers or any(table.shows(cell) for table in paper.tables for cell in cells)


def _parts(table: PublishedTable) -> list[PublishedTable]:
    groups = list(dict.fromkeys(column.group for column in table.columns))
    if len(table.columns) <= WIDE or len(groups) < 2 or table.together:
        return [table]
    return [
        table.model_copy(
            update={
                "id": f"{table.id}-{text.slug(group)}",
                "title": f"{table.title}: {group}" if group else table.title,
                "columns": [column for column in table.columns if column.group == group],
                "figure": table.figure if group == groups[0] else None,
            }
        )
        for group in groups
    ]


class _Footnotes:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, *notes: str) -> tuple[int, ...]:
        """The numbers of these notes; equal notes share one."""
        numbers = []
        for note in notes:
            if note and note not in self.texts:
                self.texts.append(note)
            if note:
                numbers.append(self.texts.index(note) + 1)
        return tuple(sorted(set(numbers)))


def _build(
    runs: Runs, selection: Selection, paper: PublishedPaper, whole: PublishedTable, table: PublishedTable
) -> Table:
    part = "" if table is whole else table.columns[0].group
    rows = expand_rows(selection, table)
    measured = {column.id: measure(selection, table, rows, column) for column in table.columns}
    unused = {column.id for column in table.columns if column.optional and not _any_number(rows, column, measured)}
    if unused != set(measured):
        table = table.model_copy(update={"columns": [column for column in table.columns if column.id not in unused]})
        measured = {name: entries for name, entries in measured.items() if name not in unused}
    notes = _Footnotes()
    headings: list[Heading] = []
    printed: list[list[Entry]] = [[] for _ in rows]
    for column in table.columns:
        kinds = _kinds(rows, column)
        title = _column_title(column)
        group = "" if part else column.group
        marks = notes.add(VOTES) if column.measured_by == "people" else ()
        headings += [Heading(kind, title, group, marks, column.id) for kind in kinds]
        for line, by_kind in zip(printed, _entries(rows, column, measured[column.id], notes), strict=True):
            line += [by_kind[kind] for kind in kinds]
    lines = []
    for row, entries in zip(rows, printed, strict=True):
        cells = _row_cells(selection, table, row)
        pictures = _picture(table, row)
        lines.append(Line(row.title, tuple(entries), row.method is None, row.note, cells, pictures))
    return Table(
        anchor=f"table-{table.id}",
        layout=whole.id,
        part=part,
        paper=paper.paper,
        number=table.number,
        title=table.title,
        added=table.origin == "added",
        note=table.note,
        headings=tuple(headings),
        lines=tuple(lines),
        made=captions.made_line(runs, lines),
        data=captions.data_line(runs, lines),
        protocols=tuple(captions.protocol_lines(table, measured)),
        seeds=captions.seeds_line(measured),
        judges=captions.judges_line(runs, lines, measured),
        orderings=orderings(table.columns, rows, measured),
        footnotes=tuple(notes.texts),
        source=captions.source_line(table),
        figure_caption=table.figure.caption if table.figure else "",
        plot=plot_of(table, rows, measured),
    )


def _any_number(rows: Sequence[Row], column: Column, measured: Mapping[str, Sequence[Measured | None]]) -> bool:
    ours = any(entry is not None and entry.values for entry in measured[column.id])
    return ours or any(column.id in row.published for row in rows)


def _picture(table: PublishedTable, row: Row) -> str:
    if table.figure is None:
        return ""
    return table.figure.picture if row.picture is None else row.picture


def _kinds(rows: Sequence[Row], column: Column) -> list[Kind]:
    """The sub-columns that have something to say."""
    if column.measured_by == "people":
        return ["votes"]
    published = any(column.id in row.published for row in rows)
    if column.score is None:
        return ["published"]
    if not published:
        return ["ours"]
    both = sum(row.method is not None and column.id in row.published and not row.reference for row in rows)
    kinds: list[Kind] = ["ours", "published", "difference"]
    return [*kinds, "rank"] if column.direction != "none" and both > 1 else kinds


def _column_title(column: Column) -> str:
    arrow = text.ARROWS[column.direction]
    unit = f"({column.unit})" if column.unit else ""
    return " ".join(part for part in (column.title, arrow, unit) if part)


def _entries(
    rows: Sequence[Row], column: Column, measured: Sequence[Measured | None], notes: _Footnotes
) -> list[dict[Kind, Entry]]:
    means = {index: ours.mean for index, ours in enumerate(measured) if ours is not None and ours.values}
    contenders = {index for index, row in enumerate(rows) if not row.reference}
    # As printed: a difference that nobody can see makes no row the best.
    comparable = {
        index: round(mean, _decimals(rows[index], column))
        for index, mean in means.items()
        if index in contenders and (ours := measured[index]) is not None and not ours.apart
    }
    printed = {index: published_value(row, column) for index, row in enumerate(rows) if column.id in row.published}
    shared = sorted(set(comparable) & set(printed))
    our_rank = ranks({index: comparable[index] for index in shared}, column.direction)
    their_rank = ranks({index: printed[index] for index in shared}, column.direction)
    best = _first(ranks(comparable, column.direction))
    ranked = {} if column.measured_by == "people" else {index: printed[index] for index in contenders & set(printed)}
    best_published = _first(ranks(ranked, column.direction))
    lines = []
    for index, (row, ours) in enumerate(zip(rows, measured, strict=True)):
        nothing = Entry(text.NOTHING)
        line: dict[Kind, Entry] = dict.fromkeys(get_args(Kind), nothing)
        own = column.model_copy(update={"decimals": _decimals(row, column)})
        if ours is not None:
            line["ours"] = _our_entry(ours, own, index in best, notes)
        if index in printed:
            said = _published_entry(row, own, printed[index], index in best_published, notes)
            line["votes" if column.measured_by == "people" else "published"] = said
        if index in means and index in printed and ours is not None:
            line["difference"] = _difference_entry(own, ours, means[index] - printed[index], notes)
        if index in our_rank:
            order = f"{our_rank[index]} → {their_rank[index]}"
            line["rank"] = Entry(order, value=float(our_rank[index]), state="number")
        lines.append(line)
    return lines


def _decimals(row: Row, column: Column) -> int:
    return column.decimals if row.decimals is None else row.decimals


def _first(ranked: Mapping[int, int]) -> set[int]:
    """Who is first; nobody where several rows are all alike."""
    first = {index for index, rank in ranked.items() if rank == 1}
    return set() if len(first) == len(ranked) > 1 else first


def _our_entry(ours: Measured, column: Column, best: bool, notes: _Footnotes) -> Entry:
    marks = notes.add(*ours.notes, ours.apart)
    written = text.signed if column.against else text.number
    if not ours.values:
        return Entry(ours.text, state="status" if ours.failed else "missing", notes=marks)
    summary = summarise([ours.values[seed] for seed in sorted(ours.values)])
    spread = ""
    if len(summary.points) > 1 and len(set(summary.points)) == 1:
        spread = f"(all {len(summary.points)} equal)"
    elif summary.interval is not None:
        spread = f"[{', '.join(written(end, column.decimals) for end in summary.interval)}]"
    elif len(summary.points) > 1:
        points = [written(point, column.decimals) for point in summary.points]
        spread = f"({', '.join(points)})" if len(set(points)) > 1 else f"(all {len(points)} the same when rounded)"
    printed = written(summary.mean, column.decimals)
    return Entry(printed, spread, summary.mean, best, "number", marks)


def _published_entry(row: Row, column: Column, value: float, best: bool, notes: _Footnotes) -> Entry:
    said = row.published[column.id]
    marks: tuple[int, ...] = ()
    if isinstance(said, PublishedValue):
        facts = [said.note, said.source or "", f"confidence: {said.confidence}" if said.confidence else ""]
        marks = notes.add(f"{row.title}: " + "; ".join(fact for fact in facts if fact) if any(facts) else "")
    return Entry(text.number(value, column.decimals), "", value, best, "number", marks)


def _difference_entry(column: Column, ours: Measured, difference: float, notes: _Footnotes) -> Entry:
    if reason := disagreement(column, ours):
        return Entry(
            text.NOT_COMPARABLE, state="n/c", notes=notes.add(f"{text.NOT_COMPARABLE} = not comparable: {reason}")
        )
    return Entry(text.signed(difference, column.decimals), "", difference, False, "number")


def _row_cells(selection: Selection, table: PublishedTable, row: Row) -> tuple[str, ...]:
    """Addresses behind a row, finished cells first, in order of seeds."""
    if row.method is None:
        return ()
    columns: list[Column | None] = [column for column in table.columns if column.score]
    found: dict[str, tuple[bool, int]] = {}
    for column in columns or [None]:
        for record in selection.records(table, row, column):
            found[record.cell.address] = (record.status != "ok", record.cell.seed)
    return tuple(sorted(found, key=lambda address: found[address]))
