"""From a layout to numbers: which scores stand in which cell of a table, and which of them may share a column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retable.reports import text
from retable.reports.compute.runs import Bundle
from retable.reports.published.table_schema import Column, PublishedTable, Row

Key = tuple[tuple[str, str], ...]

_KEY_NAMES = {"n_real": "N real", "n_fake": "N"}


@dataclass(frozen=True)
class Measured:
    """What we have for one row and one column."""

    values: dict[int, float]
    """Seed -> value, scaled to the column's unit; empty when nothing was measured."""
    protocol: Mapping[str, Any]
    source: str
    unit: str
    key: Key
    """What must be equal for two numbers to be compared."""
    text: str
    """What is printed when there is no value."""
    failed: bool
    notes: tuple[str, ...]
    apart: str = ""
    """Why the number cannot be compared with the rest of its column; empty when it can."""


class Index:
    """A bundle's finished scores and all its cells as plain records, found by what a table's cell names."""

    def __init__(self, bundle: Bundle) -> None:
        self._scores: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        self._cells: dict[str, list[dict[str, Any]]] = {}
        for score in bundle.scores.sort_values(["seed", "slice"]).to_dict("records"):
            if score["status"] == "ok":
                self._scores.setdefault((score["method"], score["variant"], score["name"]), []).append(score)
        for cell in bundle.cells.to_dict("records"):
            self._cells.setdefault(cell["method"], []).append(cell)

    def cells(self, table: PublishedTable, row: Row, column: Column | None) -> list[dict[str, Any]]:
        """The cells behind a row, or behind a row and a column where the column names the variant."""
        return [cell for cell in self.all_variants(table, row) if cell["variant"] == _variant(row, column)]

    def all_variants(self, table: PublishedTable, row: Row) -> list[dict[str, Any]]:
        """The cells of a row's method on the table's task."""
        return [cell for cell in self._cells.get(row.method or "", []) if table.task in (None, cell["task"])]

    def runs(self, method: str, variant: str, task: str) -> dict[int, str]:
        """Seed -> status of a method's cells."""
        cells = self._cells.get(method, [])
        return {cell["seed"]: cell["status"] for cell in cells if (cell["task"], cell["variant"]) == (task, variant)}

    def by_seed(
        self, method: str, variant: str, task: str, score: str, wanted: Mapping[str, str]
    ) -> dict[int, dict[str, Any]]:
        """Seed -> finished score of exactly this slice; where a ``*`` meets several, the first in order counts."""
        found: dict[int, dict[str, Any]] = {}
        for one in self._scores.get((method, variant, score), []):
            if one["task"] == task and _slice_fits(one["slices"], wanted):
                found.setdefault(one["seed"], one)
        return found

    def scores(self, table: PublishedTable, row: Row, column: Column) -> list[dict[str, Any]]:
        """Finished scores for a row and a column, by seed, then by slice."""
        if (asked := _asked(row, column)) is None:
            return []
        name, wanted = asked
        return [
            score
            for score in self._scores.get((row.method or "", _variant(row, column), name), [])
            if table.task in (None, score["task"])
            and _slice_fits(score["slices"], wanted)
            and _detail_fits(score["protocol"], column.require)
        ]


def expand_rows(index: Index, table: PublishedTable) -> list[Row]:
    """The table's rows, with ``variant = "*"`` and ``expand`` written out for what was run."""
    rows: list[Row] = []
    for row in table.rows:
        variants = [row.variant]
        if row.variant == "*":
            variants = sorted({cell["variant"] for cell in index.all_variants(table, row)}) or [""]
        for variant in variants:
            title = text.row_name(row.title, variant or "") if row.variant == "*" else row.title
            concrete = row.model_copy(update={"variant": variant, "title": title})
            rows.extend(_expand_slices(index, table, concrete))
    return rows


def _expand_slices(index: Index, table: PublishedTable, row: Row) -> list[Row]:
    column = next((column for column in table.columns if column.score), None)
    if table.expand is None or column is None:
        return [row]
    wild = row.model_copy(update={"slice": {**row.slice, table.expand: "*"}})
    found = [score["slices"] for score in index.scores(table, wild, column)]
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


def _detail_fits(protocol: Mapping[str, Any], require: Mapping[str, str]) -> bool:
    held = text.detail_values(str(protocol.get("detail", "")))
    return all(held.get(key) == value for key, value in require.items())


def measure(index: Index, table: PublishedTable, rows: Sequence[Row], column: Column) -> list[Measured | None]:
    """One entry a row, ``None`` where no number of ours belongs.

    Numbers that were measured differently from most of the column are set apart: other N, other extractor weights,
    other timer or device. Keys in ``table.varies`` do not count.
    """
    samples = [None if _asked(row, column) is None else _samples(index, table, row, column) for row in rows]
    compared = [sample for row, sample in zip(rows, samples, strict=True) if sample and not row.reference]
    keys = Counter(key for sample in compared for key, _ in sample.values())
    main = keys.most_common(1)[0][0] if keys else ()
    measured = [
        None if sample is None else _one_row(index, table, row, column, sample, main)
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


_Samples = dict[int, tuple[Key, Any]]


def _samples(index: Index, table: PublishedTable, row: Row, column: Column) -> _Samples:
    """Seed -> (key, score). Where a wildcard meets several slices, the first in alphabetical order counts."""
    samples: _Samples = {}
    for score in index.scores(table, row, column):
        samples.setdefault(score["seed"], (score_key(score, table.varies), score))
    return samples


def score_key(score: Mapping[str, Any], varies: Sequence[str] = ()) -> Key:
    """What must be equal for two scores to be compared: protocol, source, unit, and the device of timings."""
    key = {name: str(value) for name, value in score["protocol"].items() if name not in varies}
    key |= {"source": score["source"], "unit": score["unit"]}
    if score["timer"]:
        key |= {"device": score["device"], "timer": score["timer"]}
    return tuple(sorted(key.items()))


def _one_row(index: Index, table: PublishedTable, row: Row, column: Column, samples: _Samples, main: Key) -> Measured:
    notes: list[str] = []
    finite = {seed: sample for seed, sample in samples.items() if abs(sample[1]["value"]) < float("inf")}
    cells = index.cells(table, row, column)
    for cell in [cell for cell in cells if cell["status"] != "ok"]:
        reason = f": {text.one_line(cell['reason'])}" if cell["reason"] else ""
        # Without numbers the cell itself already says what the status is.
        if reason or finite:
            notes.append(f"{row.title}, seed {cell['seed']}: {text.status_word(cell['status'])}{reason}")
    if not finite:
        if samples:
            words = [text.status_word("nonfinite")]
        elif any(cell["status"] == "ok" for cell in cells):
            words = [column.missing]
        else:
            words = sorted({text.status_word(cell["status"]) for cell in cells})
        printed = ", ".join(words) or text.status_word("not-run")
        return Measured({}, {}, "", "", (), printed, any(word.startswith("x ") for word in words), tuple(notes))
    notes += [f"{row.title}, seed {seed}: the score is not finite" for seed in samples if seed not in finite]
    own = Counter(key for key, _ in finite.values())
    key = main if main in own else own.most_common(1)[0][0]
    alike = {seed: score for seed, (other, score) in finite.items() if other == key}
    if left_out := sorted(set(finite) - set(alike)):
        seeds = ", ".join(str(seed) for seed in left_out)
        notes.append(f"{row.title}: measured differently and left out of the mean: seed {seeds}")
    first = next(iter(alike.values()))
    return Measured(
        values={seed: score["value"] * column.scale for seed, score in alike.items()},
        protocol=first["protocol"],
        source=first["source"],
        unit=first["unit"],
        key=key,
        text="",
        failed=False,
        notes=tuple(notes),
        apart="" if key == main or column.direction == "none" or row.reference else _difference(row, key, main),
    )


def _difference(row: Row, key: Key, main: Key) -> str:
    return f"{row.title}: not compared with the rest of the column ({key_difference(key, main)})"


def key_difference(key: Key, other: Key) -> str:
    """In what two scores were measured differently: ``N 50 instead of 1000``; empty when in nothing."""
    ours, theirs = dict(key), dict(other)
    return "; ".join(
        f"{_KEY_NAMES.get(name, name)} {ours.get(name) or 'none'} instead of {theirs.get(name) or 'none'}"
        for name in sorted(set(ours) | set(theirs))
        if ours.get(name) != theirs.get(name)
    )


def _against(row: Row, ours: Measured, base: Measured | None, column: Column) -> Measured:
    """``ours`` minus ``base``, seed by seed; without a number where the two share no seed or were measured unlike."""
    if not ours.values:
        return ours
    if base is None or not base.values:
        return replace(ours, values={}, text=column.missing, apart="")
    if ours.key != base.key:
        reason = f"{row.title}: no difference, measured unlike {column.against} ({key_difference(ours.key, base.key)})"
        return replace(ours, values={}, text=text.NOT_COMPARABLE, notes=(*ours.notes, reason), apart="")
    shared = sorted(set(ours.values) & set(base.values))
    notes = ours.notes
    if alone := sorted(set(ours.values) - set(shared)):
        listed = ", ".join(str(seed) for seed in alone)
        notes = (*notes, f"{row.title}: no difference at seed {listed}, which {column.against} does not have")
    values = {seed: ours.values[seed] - base.values[seed] for seed in shared}
    return replace(ours, values=values, text="" if values else column.missing, notes=notes, apart="")
