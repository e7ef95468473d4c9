"""What a report is made from: scores and cells as data frames, with curves and pictures by address.

``scores``, one row a score: ``address``, ``cell`` (hash), ``paper``, ``method``, ``title``, ``task``, ``variant``,
``source``, ``profile``, ``seed`` (int), ``status``, ``reason``, ``name``, ``value`` (float), ``unit``, ``direction``,
``slice`` (``digit=3,request=test``), ``slices`` (the same as a dict), ``protocol`` (dict), ``interval`` (pair or None),
``device``, ``accelerator``, ``timer`` (``cpu``, ``cuda`` or empty), ``commit``, ``wall_s``.

``cells``, one row a cell, in address order, also those that failed or never ran: ``address``, ``cell``, ``paper``,
``method``, ``title``, ``task``, ``variant``, ``source``, ``profile``, ``seed``, ``status``, ``reason``, ``device``,
``accelerator``, ``precision``, ``commit``, ``dirty``, ``cpu``, ``cores``, ``threads``, ``python``, ``torch``,
``platform``, ``retable``, ``wall_s``, ``steps``, ``started`` and ``ended`` (unix ms), ``attempts``, ``judges`` (role ->
address), ``stages`` (stage -> seconds), ``notes`` (tuple of str), ``directory`` (Path or None).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from retable.reports import text
from retable.reports.cells import CellRecord, planned_cell, read_cell

_IDENTITY = ["address", "cell", "paper", "method", "title", "task", "variant", "source", "profile", "seed", "status"]
_ENVIRONMENT = ["device", "accelerator", "commit", "dirty", "cpu", "cores", "threads"]
_VERSIONS = ["python", "torch", "platform", "retable"]
SCORE_COLUMNS = [
    *_IDENTITY, "reason", "name", "value", "unit", "direction", "slice", "slices", "protocol", "interval",
    "device", "accelerator", "timer", "commit", "wall_s",
]  # fmt: skip
CELL_COLUMNS = [
    *_IDENTITY, "reason", *_ENVIRONMENT, "precision", *_VERSIONS, "wall_s", "steps", "started", "ended", "attempts",
    "judges", "stages", "notes", "directory",
]  # fmt: skip
TIMES = ("step_time.", "throughput")
"""Beginnings of the names of scores that say how fast a row trains; each has a column a timer."""
CURVE_COLUMNS = ["step", "name", "value"]


@dataclass(frozen=True)
class Bundle:
    """Everything a report says; see the module's docstring for the columns."""

    scores: pd.DataFrame
    cells: pd.DataFrame
    curves: dict[str, pd.DataFrame]
    """Address -> columns ``step``, ``name``, ``value``, sorted by name, then step."""
    pictures: dict[str, list[tuple[str, Path]]]
    """Address -> labelled grids: ``step 500`` in order of steps, then ``final outputs``, ``final NAME.outputs``."""
    provenance: dict[str, str]
    suite: str
    warnings: list[str] = field(default_factory=list)
    """What the reader of a report must know about damaged or superseded folders."""


def load(
    cell_dirs: Sequence[Path],
    planned: Sequence[Mapping[str, Any]] | None = None,
    suite: str = "",
    titles: Mapping[str, str] | None = None,
    timed_on_gpu: Sequence[Path] = (),
) -> Bundle:
    """Read cells' folders.

    Args:
        cell_dirs: folders that hold ``cell.json``, ``journal.jsonl``, ``result.json``.
        planned: cells as in ``cell.json``; those without a folder are shown as not run, and a folder whose address is
            planned with another hash (older settings) is left out with a warning.
        suite: the suite's name, for headings.
        titles: method name -> the row's name as the paper prints it.
        timed_on_gpu: folders of the same cells as they were run on a GPU, which give nothing but their times there:
            of each the scores in :data:`TIMES` whose timer is ``cuda``.
    """
    warnings: list[str] = []
    records: list[CellRecord] = []
    for directory in sorted(cell_dirs):
        record = read_cell(directory)
        if record is None:
            warnings.append(f"{directory.name}: neither cell.json nor journal.jsonl tells which cell this is; left out")
        else:
            records.append(record)
            warnings.extend(record.warnings)
    records = _without_superseded(records, planned or (), warnings)
    found = {record.cell.hash for record in records}
    for order in planned or ():
        missing = planned_cell(order)
        if missing is not None and missing.cell.hash not in found:
            found.add(missing.cell.hash)
            records.append(missing)
    records.sort(key=lambda record: (record.cell.address, record.cell.hash))
    names = dict(titles or {})
    rows = [row for record in records for row in _score_rows(record, names)]
    timed = [record for directory in sorted(timed_on_gpu) if (record := read_cell(directory)) is not None]
    provenance = _provenance(records, suite)
    if timed and (devices := _tally([record.environment.get("device", "") for record in timed])):
        commits = _tally([record.environment.get("commit", "") for record in timed])
        provenance["times on a GPU"] = f"{text.plural(len(timed), 'cell')} on {devices}, commit {commits}"
    return Bundle(
        scores=_frame([*rows, *_gpu_times(timed, records, names)], SCORE_COLUMNS),
        cells=_frame([_cell_row(record, names) for record in records], CELL_COLUMNS),
        curves={record.cell.address: _curve(record) for record in records if record.curves},
        pictures={record.cell.address: list(record.samples) for record in records if record.samples},
        provenance=provenance,
        suite=suite,
        warnings=warnings,
    )


def _without_superseded(
    records: list[CellRecord], planned: Sequence[Mapping[str, Any]], warnings: list[str]
) -> list[CellRecord]:
    """One record an address: the planned one, else the one that started last. Mixing two would double a seed."""
    wanted = {str(order.get("address")): str(order.get("hash")) for order in planned}
    chosen: dict[str, CellRecord] = {}
    for record in records:
        address = record.cell.address
        if address in wanted and record.cell.hash != wanted[address]:
            warnings.append(f"{address}: folder of other settings ({record.cell.hash}) left out")
            continue
        other = chosen.get(address)
        if other is None:
            chosen[address] = record
            continue
        newer, older = (record, other) if (record.started or 0) >= (other.started or 0) else (other, record)
        chosen[address] = newer
        warnings.append(f"{address}: two folders; the older one ({older.cell.hash}) is left out")
    return list(chosen.values())


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """A frame of exactly these columns; text and objects stay Python objects, so that no missing value turns up."""
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in columns})
    for name in ("value", "wall_s"):
        if name in frame:
            frame[name] = frame[name].astype("float64")
    return frame.astype({"seed": "int64"})


def _identity(record: CellRecord, titles: Mapping[str, str]) -> dict[str, Any]:
    cell = record.cell
    return {
        "address": cell.address,
        "cell": cell.hash,
        "paper": cell.paper,
        "method": cell.method,
        "title": titles.get(cell.method, cell.method),
        "task": cell.task,
        "variant": cell.variant,
        "source": cell.source,
        "profile": cell.profile,
        "seed": cell.seed,
        "status": record.status,
        "reason": record.reason,
        "device": record.environment.get("device", ""),
        "accelerator": record.environment.get("accelerator", ""),
        "commit": record.environment.get("commit", ""),
        "wall_s": record.wall_s,
    }


def _score_rows(record: CellRecord, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    identity = _identity(record, titles)
    return [
        {
            **identity,
            "name": score.name,
            "value": score.value,
            "unit": score.unit,
            "direction": score.direction,
            "slice": text.slice_text(score.slice),
            "slices": dict(score.slice),
            "protocol": dict(score.protocol),
            "interval": score.interval,
            "timer": text.detail_values(str(score.protocol.get("detail", ""))).get("timer", ""),
        }
        for score in record.scores
    ]


def _gpu_times(
    timed: Sequence[CellRecord], records: Sequence[CellRecord], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Times on a GPU of cells that are in the report; a column that asks for another timer never holds them."""
    addresses = {record.cell.address for record in records}
    return [
        row
        for record in timed
        if record.cell.address in addresses
        for row in _score_rows(record, titles)
        if row["timer"] == "cuda" and row["name"].startswith(TIMES)
    ]


def _cell_row(record: CellRecord, titles: Mapping[str, str]) -> dict[str, Any]:
    return {
        **_identity(record, titles),
        **{key: record.environment.get(key, "") for key in (*_ENVIRONMENT, *_VERSIONS)},
        "precision": str(record.cell.run.get("precision", "")),
        "steps": record.steps,
        "started": record.started,
        "ended": record.ended,
        "attempts": record.attempts,
        "judges": {role: judge.address for role, judge in record.cell.judges.items()},
        "stages": dict(record.stages),
        "notes": record.notes,
        "directory": record.directory,
    }


def _curve(record: CellRecord) -> pd.DataFrame:
    rows = [(step, name, value) for (step, name), value in record.curves.items()]
    return pd.DataFrame(rows, columns=CURVE_COLUMNS).sort_values(["name", "step"], ignore_index=True)


def _provenance(records: Sequence[CellRecord], suite: str) -> dict[str, str]:
    """Facts about the runs, in reading order. A fact that differs between cells says of how many each is true."""
    ran = [record for record in records if record.environment]
    facts = {"suite": suite} if suite else {}
    done = sum(record.status == "ok" for record in records)
    facts["cells"] = f"{done} of {len(records)} ok"
    facts["seeds"] = _seeds(records)
    for label, values in (
        ("data", [record.cell.source for record in records]),
        ("profile", [record.cell.profile for record in records]),
        *((key, [record.environment.get(key, "") for record in ran]) for key in (*_ENVIRONMENT, *_VERSIONS)),
    ):
        if said := _tally(values):
            facts["tree had uncommitted changes" if label == "dirty" else label] = said
    starts = [record.started for record in records if record.started]
    ends = [record.ended for record in records if record.ended]
    if starts and ends:
        facts["first start"], facts["last end"] = text.moment(min(starts)), text.moment(max(ends))
    facts["time of all cells, added up"] = text.duration(sum(record.wall_s or 0.0 for record in records))
    digests: dict[str, list[str]] = {}
    for record in ran:
        for name, digest in record.data.items():
            digests.setdefault(name, []).append(digest)
    return facts | {f"SHA-256 of {name}": _tally(digests[name]) for name in sorted(digests)}


def _seeds(records: Sequence[CellRecord]) -> str:
    """``0, 1, 2``; papers with other seeds behind it: ``0, 1, 2 (dtn: 0)``. Judges and data have one seed by design."""
    of: dict[str, set[int]] = {}
    for record in records:
        of.setdefault(record.cell.paper, set()).add(record.cell.seed)
    every = set().union(*of.values())
    apart = [
        f"{paper}: {_listed(seeds)}" for paper, seeds in sorted(of.items()) if seeds != every and paper != "judges"
    ]
    return _listed(every) + (f" ({'; '.join(apart)})" if apart else "")


def _listed(seeds: set[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))


def _tally(values: Sequence[str]) -> str:
    counts = {value: values.count(value) for value in sorted(set(values)) if value}
    if len(counts) <= 1:
        return next(iter(counts), "")
    return ", ".join(f"{value} ({text.plural(count, 'cell')})" for value, count in counts.items())
