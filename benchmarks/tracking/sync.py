"""Brings MLflow up to date with folders of runs: ``retable sync``, and each step of live tracking."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking.children import ChildRun
from retable.benchmarks.tracking.connect import PATIENT_TIMEOUT_S, experiment_id, failure, open_client, shown
from retable.benchmarks.tracking.invocation import FOLDER, Invocation
from retable.benchmarks.tracking.parents import ensure_parent, finish_parent, invocation_tags, reap
from retable.reports.records.files import read_json

if TYPE_CHECKING:
    from mlflow.entities import Run

STILL_WARM_S = 600
"""A process on another machine cannot be looked up: a journal that grew this many seconds ago counts as running."""


class Session:
    """An open connection to MLflow, and what is known of the cells that went through it.

    After any exception throw it away and open another, which finds out again what MLflow has.
    """

    def __init__(self, uri: str, timeout_s: int = PATIENT_TIMEOUT_S) -> None:
        """Connect; one request may take ``timeout_s`` seconds.

        Raises:
            UserError: there is no usable tracking server or database behind ``uri``.
        """
        self.client = open_client(uri, timeout_s)
        self._experiments: dict[str, str] = {}
        self._parents: dict[str, Run] = {}
        self._children: dict[Path, ChildRun] = {}

    def parent(self, invocation: Invocation) -> Run:
        """The invocation's parent run, made if it is missing."""
        if invocation.id not in self._parents:
            experiment = self._experiment(invocation.suite)
            self._parents[invocation.id] = ensure_parent(self.client, experiment, invocation)
        return self._parents[invocation.id]

    def cell(self, directory: Path, invocation: Invocation | None, *, over: bool) -> ChildRun:
        """Send what is new in one cell's folder.

        Args:
            directory: the cell's folder.
            invocation: the last one that ran the cell, if it is known.
            over: no process works on the cell any more.

        Raises:
            Timeout: another process is at it.
        """
        child = self._children.setdefault(directory, ChildRun(self.client, directory))
        if not child.has_news(over=over):
            return child
        suite, place = str((read_json(directory / "cell.json") or {}).get("profile") or "unsorted"), {}
        if invocation is not None:
            suite = invocation.suite
            place = {"mlflow.parentRunId": self.parent(invocation).info.run_id, **invocation_tags(invocation)}
        with FileLock(directory / ".tracking.lock", timeout=0):
            child.sync(self._experiment(suite), place, over=over)
        return child

    def finish(self, invocation: Invocation) -> None:
        """Complete the parent run of an invocation that is over."""
        finish_parent(self.client, self.parent(invocation), invocation)

    def _experiment(self, suite: str) -> str:
        if suite not in self._experiments:
            self._experiments[suite] = experiment_id(self.client, suite)
        return self._experiments[suite]


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
    reaped: int = 0
    """Stale runs of dead processes that were set to ``KILLED``."""
    running: list[Path] = field(default_factory=list)
    """Cells left alone: they are running, or another process is syncing them."""
    failed: dict[Path, str] = field(default_factory=dict)
    """Cells that could not be synced, and why."""

    def __str__(self) -> str:
        """One line for people, and one more for every cell that failed."""
        line = f"{self.cells} cells in {shown(self.uri)}; {self.added_runs} runs and {self.sent_points} points added"
        if self.reaped:
            line += f"; {self.reaped} stale runs set to killed"
        if self.running:
            line += f"; {len(self.running)} still running, left alone"
        return "\n".join([line, *(f"{path}: {reason}" for path, reason in self.failed.items())])


def sync(dirs: Sequence[Path], uri: str) -> SyncReport:
    """Send the cells that have ended, or whose process is gone, and complete their parent runs. Twice adds nothing.

    Args:
        dirs: cells' folders, or folders of cells, or folders of all runs.
        uri: tracking URI.

    Raises:
        UserError: a folder holds no cell, or MLflow cannot be reached.
    """
    cells = list(dict.fromkeys(cell for folder in dirs for cell in _cells_in(folder)))
    records = [file for folder in dirs for file in sorted((folder.resolve() / FOLDER).glob("*.json"))]
    invocations = [Invocation.read(file) for file in records]
    report = SyncReport(uri)
    try:
        session = Session(uri)
        for directory in cells:
            invocation = Invocation.of_cell(directory)
            invocations.append(invocation)
            if _running(directory, invocation):
                report.running.append(directory)
                continue
            try:
                child = session.cell(directory, invocation, over=True)
            except Timeout:
                report.running.append(directory)
            except Exception as error:
                # One cell that cannot be sent must not keep the others from it.
                report.failed[directory] = str(failure(uri, error))
                session = Session(uri)
            else:
                report.cells += child.run is not None
                report.added_runs += child.created
                report.sent_points += child.sent_points
        for invocation in {one.id: one for one in invocations if one is not None}.values():
            if not (invocation.status in ("running", "unknown") and invocation.alive):
                session.finish(invocation)
        report.reaped = reap(session.client)
    except Exception as error:
        raise failure(uri, error) from error
    return report


def _cells_in(folder: Path) -> list[Path]:
    directory = folder.resolve()
    patterns = ("journal.jsonl", "*/journal.jsonl", "cells/*/journal.jsonl")
    found = [path.parent for pattern in patterns for path in sorted(directory.glob(pattern))]
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
