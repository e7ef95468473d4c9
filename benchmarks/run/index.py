"""Which cell stands behind which address of a suite: ``suites/SUITE.json`` in the folder of all runs.

A cell's directory is named after its content, so ``--set`` makes new ones; the index says which was asked for last.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.run.old_journal import finished, read_json, write_json
from retable.reports.records.cell import Cell


def update(root: Path, suite: str, cells: Iterable[Cell]) -> None:
    """Point the suite's addresses at these cells; other addresses stay."""
    path = root / "suites" / f"{suite}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        # Cells that an earlier version planned under other hashes are gone for good: nothing could find their folders.
        known = {cell.address: cell for cell in _readable(path)}
        known.update({cell.address: cell for cell in cells})
        write_json(path, {"suite": suite, "cells": {address: cell.to_json() for address, cell in known.items()}})


def suite_cells(root: Path, suite: str) -> list[Cell]:
    """The suite's cells as they were last asked for.

    Raises:
        UserError: the suite was never run here.
    """
    data = read_json(root / "suites" / f"{suite}.json")
    if data is None:
        known = sorted(path.stem for path in (root / "suites").glob("*.json"))
        have = f"it holds: {', '.join(known)}" if known else "it holds no runs"
        raise UserError(
            f"suite {suite!r} has not been run in {root}{did_you_mean(suite, known)} ({have}); `retable run {suite}`"
        )
    cells = _readable(root / "suites" / f"{suite}.json")
    if not cells:
        path = root / "suites" / f"{suite}.json"
        raise UserError(f"{path}: damaged, or written by another version of Retable; `retable run {suite}` renews it")
    return cells


def _readable(path: Path) -> list[Cell]:
    """The cells in an index that this version understands."""
    recorded = (read_json(path) or {}).get("cells")
    cells = []
    for data in recorded.values() if isinstance(recorded, dict) else ():
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            cells.append(Cell.from_json(data))
    return cells


def results(root: Path, suite: str) -> list[dict[str, Any]]:
    """``result.json`` of every cell of the suite that ended."""
    found = (finished(cell.directory(root)) for cell in suite_cells(root, suite))
    return [result for result in found if result is not None]


def invocations(root: Path, suite: str) -> set[str]:
    """Ids of the invocations that ran the suite's cells."""
    records = (read_json(cell.directory(root) / "invocation.json") for cell in suite_cells(root, suite))
    return {str(record["id"]) for record in records if record}
