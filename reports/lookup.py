"""From a layout to numbers: which scores stand in which cell of a table, and which of them may share a column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from reports import format as text
from reports.data import Bundle
from reports.published import Column, PublishedTable, Row

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


def expand_rows(bundle: Bundle, table: PublishedTable) -> list[Row]:
    """The table's rows, with ``variant = "*"`` and ``expand`` written out for what was run."""
    rows: list[Row] = []
    for row in table.rows:
        variants = [row.variant]
        if row.variant == "*":
            cells = cells_of(bundle, table, row.model_copy(update={"variant": None}), None, any_variant=True)
            variants = sorted(set(cells["variant"])) or [""]
        for variant in variants:
            title = text.row_name(row.title, variant or "") if row.variant == "*" else row.title
            concrete = row.model_copy(update={"variant": variant, "title": title})
            rows.extend(_expand_slices(bundle, table, concrete))
    return rows


def _expand_slices(bundle: Bundle, table: PublishedTable, row: Row) -> list[Row]:
    column = next((column for column in table.columns if column.score), None)
    if table.expand is None or column is None:
        return [row]
    wild = row.model_copy(update={"slice": {**row.slice, table.expand: "*"}})
    scores = _scores_of(bundle, table, wild, column)
    values = sorted({slices[table.expand] for slices in scores["slices"] if table.expand in slices})
    return [
        row.model_copy(
            update={"slice": {**row.slice, table.expand: value}, "title": f"{row.title}, {table.expand} {value}"}
        )
        for value in values
    ] or [row]


def cells_of(
    bundle: Bundle, table: PublishedTable, row: Row, column: Column | None, *, any_variant: bool = False
) -> pd.DataFrame:
    """The cells behind a row (and a column, where that names the variant)."""
    frame = bundle.cells
    chosen = frame["method"] == (row.method or "")
    if table.task is not None:
        chosen &= frame["task"] == table.task
    if not any_variant:
        chosen &= frame["variant"] == _variant(row, column)
    return frame[chosen]


def _variant(row: Row, column: Column | None) -> str:
    return row.variant or (column.variant if column is not None else None) or ""


def _scores_of(bundle: Bundle, table: PublishedTable, row: Row, column: Column) -> pd.DataFrame:
    frame = bundle.scores
    wanted = {**column.slice, **row.slice}
    chosen = (
        (frame["status"] == "ok")
        & (frame["method"] == row.method)
        & (frame["variant"] == _variant(row, column))
        & (frame["name"] == column.score)
    )
    if table.task is not None:
        chosen &= frame["task"] == table.task
    candidates = frame[chosen]
    keep = [
        _slice_fits(slices, wanted) and _detail_fits(protocol, column.require)
        for slices, protocol in zip(candidates["slices"], candidates["protocol"], strict=True)
    ]
    return candidates[np.array(keep, dtype=bool)].sort_values(["seed", "slice"])


def _slice_fits(slices: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    exact = {key: value for key, value in wanted.items() if value != "*"}
    wild = set(wanted) - set(exact)
    return {key: value for key, value in slices.items() if key not in wild} == exact


def _detail_fits(protocol: Mapping[str, Any], require: Mapping[str, str]) -> bool:
    held = text.detail_values(str(protocol.get("detail", "")))
    return all(held.get(key) == value for key, value in require.items())


def measure(bundle: Bundle, table: PublishedTable, rows: Sequence[Row], column: Column) -> list[Measured | None]:
    """One entry a row, ``None`` for rows that are shown as published only.

    Numbers that were measured differently from most of the column are set apart: other N, other extractor weights,
    other timer or device. Keys in ``table.varies`` do not count.
    """
    samples = [
        None if row.method is None or column.score is None else _samples(bundle, table, row, column) for row in rows
    ]
    keys = Counter(key for sample in samples if sample for key, _ in sample.values())
    main = keys.most_common(1)[0][0] if keys else ()
    return [
        None if sample is None else _one_row(bundle, table, row, column, sample, main)
        for row, sample in zip(rows, samples, strict=True)
    ]


_Samples = dict[int, tuple[Key, Any]]


def _samples(bundle: Bundle, table: PublishedTable, row: Row, column: Column) -> _Samples:
    """Seed -> (key, score). Where a wildcard meets several slices, the first in alphabetical order counts."""
    samples: _Samples = {}
    for score in _scores_of(bundle, table, row, column).to_dict("records"):
        key = {name: str(value) for name, value in score["protocol"].items() if name not in table.varies}
        key |= {"source": score["source"], "unit": score["unit"]}
        if score["timer"]:
            key |= {"device": score["device"], "timer": score["timer"]}
        samples.setdefault(score["seed"], (tuple(sorted(key.items())), score))
    return samples


def _one_row(bundle: Bundle, table: PublishedTable, row: Row, column: Column, samples: _Samples, main: Key) -> Measured:
    notes: list[str] = []
    finite = {seed: sample for seed, sample in samples.items() if abs(sample[1]["value"]) < float("inf")}
    cells = cells_of(bundle, table, row, column)
    for cell in cells[cells["status"] != "ok"].to_dict("records"):
        reason = f": {text.one_line(cell['reason'])}" if cell["reason"] else ""
        # Without numbers the cell itself already says what the status is.
        if reason or finite:
            notes.append(f"{row.title}, seed {cell['seed']}: {text.status_word(cell['status'])}{reason}")
    if not finite:
        if samples:
            words = [text.status_word("nonfinite")]
        elif (cells["status"] == "ok").any():
            words = [column.missing]
        else:
            words = sorted({text.status_word(status) for status in cells["status"]})
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
        apart="" if key == main or column.direction == "none" else _difference(row, key, main),
    )


def _difference(row: Row, key: Key, main: Key) -> str:
    ours, theirs = dict(key), dict(main)
    parts = [
        f"{_KEY_NAMES.get(name, name)} {ours.get(name) or 'none'} instead of {theirs.get(name) or 'none'}"
        for name in sorted(set(ours) | set(theirs))
        if ours.get(name) != theirs.get(name)
    ]
    return f"{row.title}: not compared with the rest of the column ({'; '.join(parts)})"
