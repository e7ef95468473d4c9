"""The parts of the page beside the tables: headline figures, run matrix, failures, sample grids."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from retable.reports import text
from retable.reports.compute.claim_model import Claims
from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Heading
from retable.reports.records.cell import Cell
from retable.reports.records.files import open_file
from retable.reports.records.folder import CellRecord
from retable.reports.render.pictures import Embedded, PageSize, embed, evenly, read

BUDGET = 3_000_000
"""Characters that all sample grids of a page may take."""
DIGEST = "SHA-256 of "
"""What the provenance's keys of data sets begin with."""
LOG_LINES = 25
LOG_BYTES = 64_000


@dataclass(frozen=True)
class Grid:
    """One sample grid."""

    label: str
    alt: str
    picture: Embedded


@dataclass(frozen=True)
class Samples:
    """One row's sample grids by step."""

    title: str
    record: CellRecord
    grids: Sequence[Grid]
    inputs: bool
    """Whether inputs stand above the answers; a generator has none."""


def tiles(runs: Runs, claims: Sequence[Claims] = ()) -> list[tuple[str, str]]:
    """The headline: ``(figure, what it counts)``."""
    done = sum(record.status == "ok" for record in runs.records)
    shown = [(f"{done} of {len(runs.records)}", "cells finished")]
    if of := sum(not line.ours for paper in claims for line in paper.lines):
        testable = of - sum(paper.count("not testable") for paper in claims)
        for count, word in ((testable, "testable"), (sum(paper.count("reproduced") for paper in claims), "reproduced")):
            shown.append((f"{count} of {of}", f"claims of the papers {word}"))
    seeds = len({record.cell.seed for record in runs.records})
    shown.append((str(seeds), "seed" if seeds == 1 else "seeds"))
    shown.append((text.duration(runs.wall_s), "time of all cells, added up"))
    devices = sorted({device for record in runs.records if (device := record.environment.get("device"))})
    if devices:
        shown.append((", ".join("CPU" if device == "cpu" else device for device in devices), "device"))
    return shown


def origin(provenance: Mapping[str, str]) -> str:
    """The provenance in one line, without what is unknown: ``Commit 0123456; CPU NAME; recorded DATE to DATE.``

    Commits are cut to seven digits, and how many cells each of several values is true of is left out.
    """
    told = []
    if commit := provenance.get("commit"):
        told.append("Commit " + re.sub(r"\b([0-9a-f]{7})[0-9a-f]{33}\b", r"\1", _without_counts(commit)))
    for key, word in (("cpu", "CPU"), ("torch", "torch"), ("seeds", "seeds"), ("profile", "profile")):
        if value := provenance.get(key):
            told.append(f"{word} {_without_counts(value)}")
    if "first start" in provenance and "last end" in provenance:
        told.append(f"recorded {provenance['first start']} to {provenance['last end']}")
    return "; ".join(told) + "." if told else ""


def _without_counts(value: str) -> str:
    return re.sub(r" \(\d+ cells?\)", "", value)


def matrix(runs: Runs) -> tuple[list[int], list[tuple[str, str, list[CellRecord | None]]]]:
    """The seeds, and per method and variant: title, address without seed, a record per seed where one was planned."""
    seeds = sorted({record.cell.seed for record in runs.records})
    rows: dict[tuple[str, str, str], dict[int, CellRecord]] = {}
    for record in runs.records:
        cell = record.cell
        rows.setdefault((cell.method, cell.task, cell.variant), {})[cell.seed] = record
    shown = []
    for _, by_seed in sorted(rows.items()):
        cell = next(iter(by_seed.values())).cell
        records = [by_seed.get(seed) for seed in seeds]
        shown.append((row_title(runs, cell), f"{cell.method}/{cell.task_label}", records))
    return seeds, shown


def row_title(runs: Runs, cell: Cell) -> str:
    """The row's name with its task variant."""
    return text.row_name(runs.title(cell), cell.variant)


def spans(headings: Sequence[Heading], by: str) -> list[list[Heading]]:
    """Neighbours with the same ``group`` or ``column``, which share one printed heading."""
    return [list(members) for _, members in groupby(headings, key=attrgetter(by))]


def failures(runs: Runs) -> list[CellRecord]:
    """Every cell that ran and did not end well, and every skipped one."""
    return [record for record in runs.records if record.status not in ("ok", "not-run")]


def log_end(record: CellRecord) -> tuple[str, str]:
    """Where the cell's log lies and its last lines, both empty without a log that can be read.

    The path is relative to the current folder, or only its last two parts where it lies elsewhere.
    """
    if record.directory is None:
        return "", ""
    path = record.directory / "log.txt"
    try:
        with open_file(path, None) as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return "", ""
    resolved, here = path.resolve(), Path.cwd()
    shown = resolved.relative_to(here) if resolved.is_relative_to(here) else Path(*resolved.parts[-2:])
    return str(shown), "\n".join(lines[-LOG_LINES:])


def samples(runs: Runs, size: PageSize) -> dict[str, list[Samples]]:
    """Paper -> sample grids of every row: its first finished seed, else its first."""
    chosen: dict[tuple[str, str], CellRecord] = {}
    for record in sorted(runs.records, key=lambda record: (record.status != "ok", record.cell.seed)):
        if any(label.startswith("step ") for label in record.pictures):
            chosen.setdefault((record.cell.method, record.cell.variant), record)

    @cache
    def small(path: Path) -> Embedded | None:
        picture = read(path)
        return embed(picture, size) if picture is not None else None

    found: dict[str, list[Samples]] = {}
    for most in size.grids:
        found = {}
        characters = 0
        for _, record in sorted(chosen.items()):
            if grids := _grids(record, most, small):
                row = Samples(row_title(runs, record.cell), record, grids, _has_inputs(record))
                found.setdefault(record.cell.paper, []).append(row)
            characters += sum(len(grid.picture.uri) for grid in grids)
        if characters <= BUDGET:
            break
    return found


def _has_inputs(record: CellRecord) -> bool:
    """Whether inputs stand above the answers: most methods translate, also where a cell left no final pictures."""
    finals = {label for label in record.pictures if label.startswith("final ")}
    return not finals or "final inputs" in finals


def _grids(record: CellRecord, most: int, small: Callable[[Path], Embedded | None]) -> list[Grid]:
    steps = [(label, path) for label, path in record.pictures.items() if label.startswith("step ")]
    alt = f"Sample grid of {record.cell.address} at %s{': inputs above, answers below' if _has_inputs(record) else ''}"
    pictures = [(steps[index][0], small(steps[index][1])) for index in evenly(len(steps), most)]
    return [Grid(label, alt % label, picture) for label, picture in pictures if picture is not None]
