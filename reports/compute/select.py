"""Which of our scores stand in a cell of a published table, and which of them may share a column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from retable.reports import text
from retable.reports.compute.runs import CellScore, Runs
from retable.reports.compute.statistics import summarise
from retable.reports.published.table_schema import Column, PublishedTable, Row
from retable.reports.records.folder import CellRecord
from retable.reports.records.score import Protocol

Comparability = tuple[tuple[str, str], ...]
"""What must be equal for two numbers to be compared: names and values, by name."""

_NAMES = {"n_real": "N real", "n_fake": "N"}


@dataclass(frozen=True)
class Measured:
    """What we have for one row and one column."""

    values: dict[int, float]
    """Seed -> value, scaled to the column's unit; empty when nothing was measured."""
    protocol: Protocol | None
    """``None`` when nothing was measured."""
    source: str
    unit: str
    comparability: Comparability
    text: str
    """What is printed when there is no value."""
    failed: bool
    notes: tuple[str, ...]
    apart: str = ""
    """Why the number cannot be compared with the rest of its column; empty when it can."""

    @property
    def mean(self) -> float:
        """Over the seeds, of which there must be some."""
        return summarise(list(self.values.values())).mean


class Selection:
    """The scores of finished cells, and all cells, found by what a table's cell or a claim's term names."""

    def __init__(self, runs: Runs) -> None:
        self._scores: dict[tuple[str, str, str], list[CellScore]] = {}
        self._records: dict[str, list[CellRecord]] = {}
        for one in sorted(runs.scores, key=lambda one: (one.cell.seed, one.slice)):
            if one.record.status == "ok":
                self._scores.setdefault((one.cell.method, one.cell.variant, one.score.name), []).append(one)
        self._half: dict[tuple[str, str, str], list[CellScore]] = {}
        for record in sorted(runs.records, key=lambda record: record.cell.seed):
            for score in record.half_way if record.status == "ok" else ():
                key = (record.cell.method, record.cell.variant, score.name)
                self._half.setdefault(key, []).append(CellScore(record, score))
        for record in runs.records:
            self._records.setdefault(record.cell.method, []).append(record)

    def records(self, table: PublishedTable, row: Row, column: Column | None) -> list[CellRecord]:
        """The cells behind a row, or behind a row and a column where the column names the variant."""
        variant = _variant(row, column)
        return [record for record in self.all_variants(table, row) if record.cell.variant == variant]

    def all_variants(self, table: PublishedTable, row: Row) -> list[CellRecord]:
        """The cells of a row's method on the table's task."""
        found = self._records.get(row.method or "", [])
        return [record for record in found if table.task in (None, record.cell.task)]

    def statuses(self, method: str, variant: str, task: str) -> dict[int, str]:
        """Seed -> status of a method's cells."""
        found = self._records.get(method, [])
        return {one.cell.seed: one.status for one in found if (one.cell.task, one.cell.variant) == (task, variant)}

    def variants(self, method: str, task: str) -> list[str]:
        """The variants of a task that a method has cells of, in order."""
        return sorted({one.cell.variant for one in self._records.get(method, []) if one.cell.task == task})

    def by_seed(
        self, method: str, variant: str, task: str, name: str, wanted: Mapping[str, str], *, half_way: bool = False
    ) -> dict[int, CellScore]:
        """Seed -> score of this name and slice, of trained rows or of rows half way.

        Where a ``*`` meets several slices, the first in order counts.
        """
        found: dict[int, CellScore] = {}
        for one in (self._half if half_way else self._scores).get((method, variant, name), []):
            if one.cell.task == task and _slice_fits(one.score.slice, wanted):
                found.setdefault(one.cell.seed, one)
        return found

    def scores(self, table: PublishedTable, row: Row, column: Column) -> list[CellScore]:
        """The scores for a row and a column, by seed, then by slice."""
        if (asked := _asked(row, column)) is None:
            return []
        name, wanted = asked
        return [
            one
            for one in self._scores.get((row.method or "", _variant(row, column), name), [])
            if table.task in (None, one.cell.task)
            and _slice_fits(one.score.slice, wanted)
            and _detail_fits(one.score.protocol, column.require)
        ]


def expand_rows(selection: Selection, table: PublishedTable) -> list[Row]:
    """The table's rows, with ``variant = "*"`` and ``expand`` written out for what was run."""
    rows: list[Row] = []
    for row in table.rows:
        variants: Sequence[str | None] = [row.variant]
        if row.variant == "*":
            variants = sorted({record.cell.variant for record in selection.all_variants(table, row)}) or [""]
        for variant in variants:
            title = text.row_name(row.title, variant or "") if row.variant == "*" else row.title
            concrete = row.model_copy(update={"variant": variant, "title": title})
            rows.extend(_expand_slices(selection, table, concrete))
    return rows


def _expand_slices(selection: Selection, table: PublishedTable, row: Row) -> list[Row]:
    column = next((column for column in table.columns if column.score), None)
    if table.expand is None or column is None:
        return [row]
    wild = row.model_copy(update={"slice": {**row.slice, table.expand: "*"}})
    found = [one.score.slice for one in selection.scores(table, wild, column)]
    values = sorted({slices[table.expand] for slices in found if table.expand in slices})
    return [
        row.model_copy(
            update={"slice": {**row.slice, table.expand: value}, "title": f"{row.title}, {table.expand} {value}"}
        )
        for value in values
    ] or [row]


def _asked(row: Row, column: Column) -> tuple[str, dict[str, str]] | None:
    """Name and slice of the score in a cell of the table; ``None`` where none of ours belongs there."""
    if row.method is None or column.score is None:
        return None
    if row.measures:
        own = row.measures.get(column.id)
        return None if own is None else (own.score or column.score, own.slice or column.slice)
    # A column that takes any value says so for every row: an expanded row must not narrow its parameters.
    any_value = {key: value for key, value in column.slice.items() if value == "*"}
    return column.score, {**column.slice, **row.slice, **any_value}


def _variant(row: Row, column: Column | None) -> str:
    return row.variant or (column.variant if column is not None else None) or ""


def _slice_fits(slices: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    exact = {key: value for key, value in wanted.items() if value != "*"}
    wild = set(wanted) - set(exact)
    return {key: value for key, value in slices.items() if key not in wild} == exact


def _detail_fits(protocol: Protocol, require: Mapping[str, str]) -> bool:
    held = text.detail_values(protocol.detail)
    return all(held.get(key) == value for key, value in require.items())


def measure(selection: Selection, table: PublishedTable, rows: Sequence[Row], column: Column) -> list[Measured | None]:
    """One entry per row, ``None`` where no number of ours belongs.

    Numbers that were measured differently from most of the column are set apart: other N, other extractor weights,
    other timer or device. Keys in ``table.varies`` do not count.
    """
    samples = [None if _asked(row, column) is None else _samples(selection, table, row, column) for row in rows]
    ways = Counter(
        way
        for row, sample in zip(rows, samples, strict=True)
        if sample and not row.reference
        for way, _ in sample.values()
    )
    main = ways.most_common(1)[0][0] if ways else ()
    measured = [
        None if sample is None else _one_row(selection, table, row, column, sample, main)
        for row, sample in zip(rows, samples, strict=True)
    ]
    if column.against is None:
        return measured
    base = next(entry for row, entry in zip(rows, measured, strict=True) if row.id == column.against)
    return [
        entry
        if entry is None
        else replace(entry, values={}, text=text.NOTHING, notes=(), apart="", failed=False)
        if entry is base and entry.values
        else _against(row, entry, base, column)
        for row, entry in zip(rows, measured, strict=True)
    ]


_Samples = dict[int, tuple[Comparability, CellScore]]


def _samples(selection: Selection, table: PublishedTable, row: Row, column: Column) -> _Samples:
    """Seed -> score and what it can be compared with. Of several slices the first in alphabetical order counts."""
    samples: _Samples = {}
    for one in selection.scores(table, row, column):
        samples.setdefault(one.cell.seed, (comparability(one, table.varies), one))
    return samples


def comparability(one: CellScore, varies: Sequence[str] = ()) -> Comparability:
    """What must be equal for two scores to be compared: protocol, source, unit, and the device of timings."""
    facts = {name: str(value) for name, value in one.score.protocol.model_dump().items() if name not in varies}
    facts |= {"source": one.record.source, "unit": one.score.unit}
    if one.timer:
        facts |= {"device": one.record.environment.get("device", ""), "timer": one.timer}
    return tuple(sorted(facts.items()))


def _one_row(
    selection: Selection, table: PublishedTable, row: Row, column: Column, samples: _Samples, main: Comparability
) -> Measured:
    notes: list[str] = []
    records = selection.records(table, row, column)
    for record in [record for record in records if record.status != "ok"]:
        reason = f": {text.one_line(record.reason)}" if record.reason else ""
        # Without numbers the cell itself already says what the status is.
        if reason or samples:
            notes.append(f"{row.title}, seed {record.cell.seed}: {text.status_word(record.status)}{reason}")
    if not samples:
        if any(record.status == "ok" for record in records):
            words = [column.missing]
        else:
            words = sorted({text.status_word(record.status) for record in records})
        printed = ", ".join(words) or text.status_word("not-run")
        return Measured({}, None, "", "", (), printed, any(word.startswith("x ") for word in words), tuple(notes))
    own = Counter(way for way, _ in samples.values())
    way = main if main in own else own.most_common(1)[0][0]
    alike = {seed: one for seed, (other, one) in samples.items() if other == way}
    if left_out := sorted(set(samples) - set(alike)):
        seeds = ", ".join(str(seed) for seed in left_out)
        notes.append(f"{row.title}: measured differently and left out of the mean: seed {seeds}")
    first = next(iter(alike.values()))
    apart = ""
    if way != main and column.direction != "none" and not row.reference:
        apart = f"{row.title}: not compared with the rest of the column ({difference(way, main)})"
    return Measured(
        values={seed: one.score.value * column.scale for seed, one in alike.items()},
        protocol=first.score.protocol,
        source=first.record.source,
        unit=first.score.unit,
        comparability=way,
        text="",
        failed=False,
        notes=tuple(notes),
        apart=apart,
    )


def difference(one: Comparability, other: Comparability) -> str:
    """In what two scores were measured differently: ``N 50 instead of 1000``; empty when in nothing."""
    ours, theirs = dict(one), dict(other)
    return "; ".join(
        f"{_NAMES.get(name, name)} {ours.get(name) or 'none'} instead of {theirs.get(name) or 'none'}"
        for name in sorted(set(ours) | set(theirs))
        if ours.get(name) != theirs.get(name)
    )


def _against(row: Row, ours: Measured, base: Measured | None, column: Column) -> Measured:
    """``ours`` minus ``base``, seed by seed; without a number where they share no seed or were measured differently."""
    if not ours.values:
        return ours
    if base is None or not base.values:
        return replace(ours, values={}, text=column.missing, apart="")
    if why := difference(ours.comparability, base.comparability):
        reason = f"{row.title}: no difference, measured unlike {column.against} ({why})"
        return replace(ours, values={}, text=text.NOT_COMPARABLE, notes=(*ours.notes, reason), apart="")
    shared = sorted(set(ours.values) & set(base.values))
    notes = ours.notes
    if alone := sorted(set(ours.values) - set(shared)):
        listed = ", ".join(str(seed) for seed in alone)
        notes = (*notes, f"{row.title}: no difference at seed {listed}, which {column.against} does not have")
    values = {seed: ours.values[seed] - base.values[seed] for seed in shared}
    return replace(ours, values=values, text="" if values else column.missing, notes=notes, apart="")
