"""The parts of the page beside the tables: headline figures, run matrix, failures, sample grids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retable.reports import text
from retable.reports.compute.claim_model import Claims
from retable.reports.compute.runs import Bundle
from retable.reports.render.pictures import Embedded, embed, evenly, read

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


def tiles(bundle: Bundle, claims: Sequence[Claims] = ()) -> list[tuple[str, str]]:
    """The headline: ``(figure, what it counts)``."""
    cells = bundle.cells
    shown = [(f"{(cells['status'] == 'ok').sum()} of {len(cells)}", "cells finished")]
    if of := sum(not line.ours for paper in claims for line in paper.lines):
        reproduced, contradicted = (
            sum(paper.count(verdict) for paper in claims) for verdict in ("reproduced", "contradicted")
        )
        shown.append((f"{reproduced} of {of}", "claims of the papers reproduced"))
        shown.append((f"{contradicted} of {of}", "claims of the papers contradicted"))
    seeds = cells["seed"].nunique()
    shown.append((str(seeds), "seed" if seeds == 1 else "seeds"))
    shown.append((text.duration(float(cells["wall_s"].sum())), "time of all cells, added up"))
    devices = sorted({device for device in cells["device"] if device})
    if devices:
        shown.append((", ".join("CPU" if device == "cpu" else device for device in devices), "device"))
    return shown


def origin(provenance: Mapping[str, str]) -> str:
    """The provenance in one line: ``Commit 0123456; CPU ...; recorded ... to ....``, without what is unknown.

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


def matrix(bundle: Bundle) -> dict[str, Any]:
    """Rows of the run matrix: one a method and variant, one entry a seed (``None`` where no cell was planned)."""
    seeds = sorted(set(bundle.cells["seed"]))
    rows: dict[tuple[str, str, str], dict[int, dict[str, Any]]] = {}
    for cell in bundle.cells.to_dict("records"):
        rows.setdefault((cell["method"], cell["task"], cell["variant"]), {})[cell["seed"]] = cell
    return {
        "seeds": seeds,
        "rows": [
            {
                "title": text.row_name(next(iter(cells.values()))["title"], variant),
                "address": f"{method}/{task}{'-' + variant if variant else ''}",
                "cells": [cells.get(seed) for seed in seeds],
            }
            for (method, task, variant), cells in sorted(rows.items())
        ],
    }


def failures(bundle: Bundle) -> list[Failure]:
    """Every cell that ran and did not end well, and every skipped one, with the end of its log."""
    found = []
    for cell in bundle.cells.to_dict("records"):
        if cell["status"] in ("ok", "not-run"):
            continue
        log = cell["directory"] / "log.txt" if cell["directory"] is not None else None
        exists = log is not None and log.is_file()
        found.append(
            Failure(
                cell["address"],
                text.status_word(cell["status"]),
                cell["reason"],
                shown_path(log) if exists and log is not None else "",
                _tail(log) if exists and log is not None else "",
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


def samples(bundle: Bundle) -> dict[str, list[Samples]]:
    """Paper -> sample grids of every row: its first finished seed, else its first. Fewer steps when space is short."""
    chosen: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in sorted(bundle.cells.to_dict("records"), key=lambda cell: (cell["status"] != "ok", cell["seed"])):
        if any(label.startswith("step ") for label, _ in bundle.pictures.get(cell["address"], [])):
            chosen.setdefault((cell["method"], cell["variant"]), cell)
    embedded: dict[Path, Embedded | None] = {}
    found: dict[str, list[Samples]] = {}
    for most in (6, 3, 1):
        found = {}
        size = 0
        for key in sorted(chosen):
            row = _row_samples(bundle, chosen[key], most, embedded)
            if row.grids:
                found.setdefault(chosen[key]["paper"], []).append(row)
            size += sum(len(grid.picture.uri) for grid in row.grids)
        if size <= BUDGET:
            break
    return found


def _row_samples(bundle: Bundle, cell: dict[str, Any], most: int, embedded: dict[Path, Embedded | None]) -> Samples:
    steps = [(label, path) for label, path in bundle.pictures[cell["address"]] if label.startswith("step ")]
    title = text.row_name(cell["title"], cell["variant"])
    finals = {label for label, _ in bundle.pictures[cell["address"]] if label.startswith("final ")}
    # What never ended left no final pictures; most methods translate.
    inputs = not finals or "final inputs" in finals
    layout = ": inputs above, answers below" if inputs else ""
    grids = []
    for index in evenly(len(steps), most):
        label, path = steps[index]
        if path not in embedded:
            picture = read(path)
            embedded[path] = embed(picture) if picture is not None else None
        shown = embedded[path]
        if shown is not None:
            grids.append(Grid(label, f"Sample grid of {cell['address']} at {label}{layout}", shown))
    return Samples(title, cell["address"], cell["status"], tuple(grids), inputs)
