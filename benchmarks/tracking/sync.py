"""``retable sync``: bring MLflow up to date with what the journals say. Syncing twice adds nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking.address import UnreachableError, shown
from retable.benchmarks.tracking.connect import one_line
from retable.benchmarks.tracking.mirror import Mirror
from retable.benchmarks.tracking.record import FOLDER, Invocation

STILL_WARM_S = 600
"""On another machine no process can be looked up: a journal that grew this many seconds ago counts as running."""


@dataclass
class SyncReport:
    """What a sync did."""

    uri: str
    cells: int = 0
    """Cells that MLflow now holds completely."""
    added_runs: int = 0
    """Child runs that were not there before."""
    sent_points: int = 0
    """Metric points that were not there before."""
    finished: int = 0
    """Parent runs that got their final status."""
    reaped: int = 0
    """Stale runs of dead processes that were set to ``KILLED``."""
    running: list[Path] = field(default_factory=list)
    """Cells left alone: they are running, or another process is replaying them."""
    failed: dict[Path, str] = field(default_factory=dict)
    """Cells that could not be replayed, and why."""

    def __str__(self) -> str:
        """One line for people, and one more for every cell that failed."""
        parts = [
            f"{self.cells} cells in {shown(self.uri)}",
            f"{self.added_runs} runs and {self.sent_points} points added",
        ]
        if self.reaped:
            parts.append(f"{self.reaped} stale runs set to killed")
        if self.running:
            parts.append(f"{len(self.running)} still running, left alone")
        return "\n".join(["; ".join(parts), *(f"{path}: {reason}" for path, reason in self.failed.items())])


def sync(dirs: Sequence[Path], uri: str) -> SyncReport:
    """Replay the journals of cells that have ended, or whose process is gone, and complete their parent runs.

    Args:
        dirs: cells' folders, or folders of cells, or folders of all runs.
        uri: tracking URI.

    Raises:
        UserError: a folder holds no cell, or MLflow cannot be reached.
    """
    cells, invocations = _collect(dirs)
    report = SyncReport(uri)
    try:
        mirror = Mirror(uri)
        for directory in cells:
            invocation = Invocation.of_cell(directory)
            if invocation is not None:
                invocations[invocation.id] = invocation
            if _running(directory, invocation):
                report.running.append(directory)
            else:
                mirror = _replay(mirror, directory, invocation, report)
        for invocation in invocations.values():
            if not (invocation.status in ("running", "unknown") and invocation.alive):
                report.finished += mirror.finish(invocation)
        report.reaped = mirror.reap()
    except UnreachableError as error:
        raise UserError(f"MLflow cannot be reached: {error}; check MLFLOW_TRACKING_URI, then sync again") from error
    except Exception as error:
        raise UserError(
            f"MLflow at {shown(uri)} failed half-way: {one_line(error)}; what was sent stays, sync again"
        ) from error
    return report


def _replay(mirror: Mirror, directory: Path, invocation: Invocation | None, report: SyncReport) -> Mirror:
    """Replay one cell. One that cannot be replayed must not keep the others from it."""
    try:
        state = mirror.cell(directory, invocation, over=True)
    except Exception as error:
        report.failed[directory] = one_line(error)
        return Mirror(report.uri)
    if state is None:
        report.running.append(directory)
    elif state.run_id:
        report.cells += 1
        report.added_runs += state.created
        report.sent_points += state.stored_points
    return mirror


def _collect(dirs: Sequence[Path]) -> tuple[list[Path], dict[str, Invocation]]:
    cells: dict[Path, None] = {}
    invocations: dict[str, Invocation] = {}
    for given in dirs:
        directory = given.resolve()
        found = [directory] if (directory / "journal.jsonl").is_file() else []
        found += sorted(path.parent for path in directory.glob("*/journal.jsonl"))
        found += sorted(path.parent for path in directory.glob("cells/*/journal.jsonl"))
        is_cell = (directory / "cell.json").is_file()
        if not found and not is_cell:
            raise UserError(
                f"{given}: holds no cell (no journal.jsonl); name a cell's folder, or the folder of all runs"
            )
        cells |= dict.fromkeys(found)
        for record in sorted((directory / FOLDER).glob("*.json")):
            if invocation := Invocation.read(directory, record.stem):
                invocations[invocation.id] = invocation
    return list(cells), invocations


def _running(directory: Path, invocation: Invocation | None) -> bool:
    if (directory / "done").exists() or invocation is None:
        return False
    if invocation.alive:
        return True
    age_s = time.time() - (directory / "journal.jsonl").stat().st_mtime
    return invocation.host != socket.gethostname() and age_s < STILL_WARM_S
