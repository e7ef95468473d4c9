"""``retable sync``: brings MLflow up to date with folders of runs."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import Timeout

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking.connect import failure, shown
from retable.benchmarks.tracking.history import NoCellError
from retable.benchmarks.tracking.session import Session, UnsentError
from retable.reports.records.cell import is_cell_name
from retable.reports.records.files import own_file, own_files
from retable.reports.records.invocation import FOLDER, Invocation

STILL_WARM_S = 600
"""A process on another machine cannot be looked up: a journal that grew this many seconds ago counts as running."""


@dataclass
class SyncReport:
    """What a sync did."""

    uri: str
    cells: int = 0
    """Cells that MLflow now holds completely."""
    added_runs: int = 0
    sent_points: int = 0
    """Child runs and metric points that were not there before."""
    reaped: int = 0
    """Stale runs of dead processes that were set to ``KILLED``."""
    running: list[Path] = field(default_factory=list)
    """Cells left alone: they are running, or another process is syncing them."""
    failed: dict[Path, str] = field(default_factory=dict)
    """Cells, and records of invocations, that could not be synced, and why."""
    others: dict[Path, str] = field(default_factory=dict)
    """Folders that neither their name nor anything in them calls a cell's, which are passed over, and why."""

    def __str__(self) -> str:
        """One line for people, and one more for every cell that failed and every folder that was passed over."""
        line = f"{self.cells} cells in {shown(self.uri)}; {self.added_runs} runs and {self.sent_points} points added"
        if self.reaped:
            line += f"; {self.reaped} stale runs set to killed"
        if self.running:
            line += f"; {len(self.running)} still running, left alone"
        passed = [f"{path}: not the folder of a cell, passed over ({reason})" for path, reason in self.others.items()]
        return "\n".join([line, *(f"{path}: {reason}" for path, reason in self.failed.items()), *passed])


def sync(dirs: Sequence[Path], uri: str) -> SyncReport:
    """Send the cells that have ended, or whose process is gone, and complete their parent runs. Twice adds nothing.

    Args:
        dirs: cells' folders, or folders of cells, or folders of all runs.
        uri: tracking URI.

    Raises:
        UserError: a folder holds no cell, or MLflow cannot be reached.
    """
    cells = {cell: linked for folder in dirs for cell, linked in _cells_in(folder).items()}
    report, invocations = SyncReport(uri), {}
    for folder in dirs:
        for file in own_files(folder.resolve(), FOLDER):
            if invocation := Invocation.read(file):
                invocations[invocation.id] = invocation, file.parent.parent
    try:
        session = Session(uri)
        for directory, linked in cells.items():
            if linked:
                report.failed[directory] = "it or its journal is a link; name the folder itself to sync it"
                continue
            invocation = Invocation.of_cell(directory)
            if invocation is not None:
                invocations.setdefault(invocation.id, (invocation, directory.parent.parent))
            if _running(directory, invocation):
                report.running.append(directory)
                continue
            try:
                child = session.cell(directory, invocation, over=True)
            except Timeout:
                report.running.append(directory)
            except UnsentError as error:
                foreign = isinstance(error.__cause__, NoCellError) and not is_cell_name(directory.name)
                (report.others if foreign else report.failed)[directory] = str(error)
            else:
                report.cells += child.run is not None
                report.added_runs += child.created
                report.sent_points += child.sent_points
        for invocation, root in invocations.values():
            if not (invocation.status in ("running", "unknown") and invocation.alive):
                try:
                    session.finish(invocation, root)
                except UnsentError as error:
                    report.failed[invocation.file(root)] = str(error)
        report.reaped = session.reap()
    except Exception as error:
        raise failure(uri, error) from error
    return report


def _cells_in(folder: Path) -> dict[Path, bool]:
    """Folders of cells, and whether a link in ``folder`` leads there."""
    directory = folder.resolve()
    patterns = ("journal.jsonl", "*/journal.jsonl", "cells/*/journal.jsonl")
    paths = [path for pattern in patterns for path in sorted(directory.glob(pattern))]
    found = {path.parent: own_file(directory, path.relative_to(directory)) is None for path in paths}
    if not found and not (directory / "cell.json").is_file():
        raise UserError(f"{folder}: holds no cell (no journal.jsonl); name a cell's folder, or the folder of all runs")
    return found


def _running(directory: Path, invocation: Invocation | None) -> bool:
    if (directory / "done").exists() or invocation is None:
        return False
    if invocation.alive:
        return True
    age_s = time.time() - (directory / "journal.jsonl").stat().st_mtime
    return invocation.host != socket.gethostname() and age_s < STILL_WARM_S
