"""The parts of the page beside the tables: headline figures, run matrix, failures, sample grids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retable.reports import text
from retable.reports.compute.claim_model import Claims
from retable.reports.compute.runs import Runs
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
    address: str
    status: str
    grids: tuple[Grid, ...]
    inputs: bool
    """Whether inputs stand above the answers; a generator has none."""


@dataclass(frozen=True)
class Failure:
    """One cell that did not end well."""

    address: str
    status: str
    reason: str
    log: str
    """Path of its log, relative to the current folder where it lies below that; empty when there is none."""
    tail: str


def tiles(runs: Runs, claims: Sequence[Claims] = ()) -> list[tuple[str, str]]:
    """The headline: ``(figure, what it counts)``."""
    done = sum(record.status == "ok" for record in runs.records)
    shown = [(f"{done} of {len(runs.records)}", "cells finished")]
    if of := sum(not line.ours for paper in claims for line in paper.lines):
        reproduced, contradicted = (
            sum(paper.count(verdict) for paper in claims) for verdict in ("reproduced", "contradicted")
        )
        shown.append((f"{reproduced} of {of}", "claims of the papers reproduced"))
        shown.append((f"{contradicted} of {of}", "claims of the papers contradicted"))
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


@dataclass(frozen=True)
class MatrixRow:
    """One row of the run matrix."""

    title: str
    address: str
    """Without the seed."""
    records: tuple[CellRecord | None, ...]
    """One per seed; ``None`` where no cell was planned."""


def matrix(runs: Runs) -> tuple[list[int], list[MatrixRow]]:
    """The seeds, and a row per method and variant."""
    seeds = sorted({record.cell.seed for record in runs.records})
    rows: dict[tuple[str, str, str], dict[int, CellRecord]] = {}
    for record in runs.records:
        cell = record.cell
        rows.setdefault((cell.method, cell.task, cell.variant), {})[cell.seed] = record
    return seeds, [
        MatrixRow(
            title=text.row_name(runs.title(next(iter(by_seed.values())).cell), variant),
            address=f"{method}/{task}{'-' + variant if variant else ''}",
            records=tuple(by_seed.get(seed) for seed in seeds),
        )
        for (method, task, variant), by_seed in sorted(rows.items())
    ]


def failures(runs: Runs) -> list[Failure]:
    """Every cell that ran and did not end well, and every skipped one, with the end of its log."""
    found = []
    for record in runs.records:
        if record.status in ("ok", "not-run"):
            continue
        log = record.directory / "log.txt" if record.directory is not None else None
        if log is not None and not log.is_file():
            log = None
        found.append(
            Failure(
                record.cell.address,
                text.status_word(record.status),
                record.reason,
                shown_path(log) if log is not None else "",
                _tail(log) if log is not None else "",
            )
        )
    return found


def shown_path(path: Path) -> str:
    """The path as seen from the current folder, or only its last two parts when it lies elsewhere."""
    resolved = path.resolve()
    here = Path.cwd()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(Path(*resolved.parts[-2:]))


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LOG_LINES:])


def samples(runs: Runs, size: PageSize) -> dict[str, list[Samples]]:
    """Paper -> sample grids of every row: its first finished seed, else its first."""
    chosen: dict[tuple[str, str], CellRecord] = {}
    for record in sorted(runs.records, key=lambda record: (record.status != "ok", record.cell.seed)):
        if any(label.startswith("step ") for label in record.pictures):
            chosen.setdefault((record.cell.method, record.cell.variant), record)
    embedded: dict[Path, Embedded | None] = {}
    found: dict[str, list[Samples]] = {}
    for most in size.grids:
        found = {}
        characters = 0
        for _, record in sorted(chosen.items()):
            row = _row_samples(runs, record, most, size, embedded)
            if row.grids:
                found.setdefault(record.cell.paper, []).append(row)
            characters += sum(len(grid.picture.uri) for grid in row.grids)
        if characters <= BUDGET:
            break
    return found


def _row_samples(
    runs: Runs, record: CellRecord, most: int, size: PageSize, embedded: dict[Path, Embedded | None]
) -> Samples:
    steps = [(label, path) for label, path in record.pictures.items() if label.startswith("step ")]
    address = record.cell.address
    finals = {label for label in record.pictures if label.startswith("final ")}
    # What never ended left no final pictures; most methods translate.
    inputs = not finals or "final inputs" in finals
    layout = ": inputs above, answers below" if inputs else ""
    grids = []
    for index in evenly(len(steps), most):
        label, path = steps[index]
        if path not in embedded:
            picture = read(path)
            embedded[path] = embed(picture, size) if picture is not None else None
        shown = embedded[path]
        if shown is not None:
            grids.append(Grid(label, f"Sample grid of {address} at {label}{layout}", shown))
    title = text.row_name(runs.title(record.cell), record.cell.variant)
    return Samples(title, address, record.status, tuple(grids), inputs)
