"""An open connection to MLflow: a parent run per invocation, a child run per cell, and the end of stale runs."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from pydantic import ValidationError

from retable.benchmarks.environment import made_elsewhere
from retable.benchmarks.tracking.artifacts import artifacts_of, log_report
from retable.benchmarks.tracking.children import STATUS, ChildRun
from retable.benchmarks.tracking.connect import (
    NOTE,
    PATIENT_TIMEOUT_S,
    experiment_id,
    find_runs,
    log,
    one_line,
    open_client,
)
from retable.benchmarks.tracking.names import PAPERS, STALE, papers_of, parent_name, spaced
from retable.reports.records.files import read_json
from retable.reports.records.invocation import Invocation
from retable.reports.records.journal import finished

if TYPE_CHECKING:
    from mlflow.entities import Run

CELLS_PER_TAG = 450
"""Hashes of 16 digits and a comma that fit into one tag."""


class UnsentError(Exception):
    """One cell, or one invocation, that MLflow does not take though it answers; says why."""


class Session:
    """A connection, and what is known of the runs that went through it.

    After any exception but :class:`UnsentError` and ``Timeout`` throw it away and open another, which finds out again
    what MLflow has.
    """

    def __init__(self, uri: str, timeout_s: int = PATIENT_TIMEOUT_S) -> None:
        """Connect; one request may take ``timeout_s`` seconds.

        Raises:
            UserError: there is no usable tracking server or database behind ``uri``.
        """
        self.client = open_client(uri, timeout_s)
        self._parents: dict[str, Run] = {}
        self._children: dict[Path, ChildRun] = {}

    def parent(self, invocation: Invocation) -> Run:
        """The invocation's parent run, found by its tag or made."""
        if invocation.id not in self._parents:
            self._parents[invocation.id] = self._find_or_create(invocation)
        return self._parents[invocation.id]

    def _find_or_create(self, invocation: Invocation) -> Run:
        client, experiment = self.client, experiment_id(self.client, invocation.suite)
        papers, name = spaced(papers_of(invocation)), parent_name(invocation)
        wanted = f"tags.`retable.kind` = 'invocation' and tags.`retable.invocation` = '{invocation.id}'"
        for run in find_runs(client, wanted):
            if papers and papers != run.data.tags.get(PAPERS):
                # It was made by an earlier version, or from a cell's record, which knows no plan.
                log(client, run.info.run_id, tags={PAPERS: papers})
                client.update_run(run.info.run_id, name=name)
            return run
        tags = {
            "retable.kind": "invocation",
            "retable.status": "running",
            "retable.commit": invocation.commit,
            "retable.dirty": invocation.dirty,
            "mlflow.source.git.commit": invocation.commit,
            **_origin(invocation),
            **_planned(invocation),
            **({PAPERS: papers} if papers else {}),
        }
        run = client.create_run(experiment, invocation.started, tags, name)
        facts = {"command": invocation.command, "commit": invocation.commit, "device": invocation.device}
        log(client, run.info.run_id, params={**facts, "cells": str(len(invocation.planned))})
        return run

    def cell(self, directory: Path, invocation: Invocation | None, *, over: bool) -> ChildRun:
        """Send what is new in one cell's folder.

        Args:
            directory: the cell's folder.
            invocation: the last one that ran the cell, if it is known.
            over: no process works on the cell any more.

        Raises:
            Timeout: another process is at it.
            UnsentError: MLflow does not take it.
        """
        child = self._children.pop(directory, None) or ChildRun(self.client, directory)
        with self._apart(), FileLock(directory / ".tracking.lock", timeout=0):
            if invocation is None:
                profile = (read_json(directory / "cell.json") or {}).get("profile")
                child.sync(experiment_id(self.client, str(profile or "unsorted")), {}, over=over)
            else:
                parent = self.parent(invocation).info
                place = {"mlflow.parentRunId": parent.run_id, **_origin(invocation)}
                child.sync(parent.experiment_id, place, over=over)
        self._children[directory] = child
        return child

    def mark_reused(self, invocation: Invocation, root: Path) -> None:
        """Bring the tag :data:`STALE` up to date for cells of a plan that were done before the invocation began."""
        told = {run.data.tags.get("retable.cell") for run in find_runs(self.client, f"tags.`{STALE}` != ''")}
        for directory in sorted((root / "cells").iterdir()):
            result = None if directory.name in invocation.watched else finished(directory)
            if result is None or result.status != "ok" or result.cell.hash not in invocation.planned:
                continue
            if result.cell.hash in told or made_elsewhere(result.environment):
                with contextlib.suppress(Timeout, UnsentError):
                    self.cell(directory, Invocation.of_cell(directory), over=True)

    @contextlib.contextmanager
    def _apart(self) -> Iterator[None]:
        """What fails in here is the fault of one folder, as long as MLflow answers."""
        try:
            yield
        except Timeout:
            raise
        except Exception as error:
            self.client.search_experiments(max_results=1)
            raise UnsentError(one_line(error)) from error

    def finish(self, invocation: Invocation, root: Path) -> None:
        """Give the parent run of an invocation that is over its report, description and final status, once.

        An invocation whose process is gone without a word is ``killed``. One that was never recorded is ``unknown``:
        finished, as far as anybody can tell.

        Args:
            invocation: the invocation.
            root: its folder of all runs.

        Raises:
            UnsentError: MLflow does not take it.
        """
        with self._apart():
            self._finish(invocation, root)

    def _finish(self, invocation: Invocation, root: Path) -> None:
        client, run = self.client, self.parent(invocation)
        status = "killed" if invocation.status == "running" else invocation.status
        if run.data.tags.get("retable.status") == status and run.info.status != "RUNNING":
            return
        log_report(artifacts_of(client, run), invocation, root)
        mlflow_status = "FINISHED" if status == "unknown" else STATUS.get(status, "KILLED")
        client.set_terminated(run.info.run_id, mlflow_status, invocation.ended or self._last_sign(run))
        known = {"retable.device": invocation.device, NOTE: invocation.summary, **_planned(invocation)}
        tags = {"retable.status": status, **{name: value for name, value in known.items() if value}}
        log(client, run.info.run_id, tags=tags)

    def reap(self) -> int:
        """Set runs to ``KILLED`` that are still RUNNING though the process on this host that drove them is gone.

        Returns how many there were.
        """
        host = socket.gethostname().replace("'", "")
        running = find_runs(self.client, f"attributes.status = 'RUNNING' and tags.`retable.host` = '{host}'")
        stale = [run for run in running if not _driven(run)]
        # Children first: a parent ends with the last of them.
        for run in sorted(stale, key=lambda run: run.data.tags.get("retable.kind") == "invocation"):
            self.client.set_terminated(run.info.run_id, "KILLED", self._last_sign(run))
            log(self.client, run.info.run_id, tags={"retable.status": "killed"})
        return len(stale)

    def _last_sign(self, run: Run) -> int:
        """When a run, or the last of its child runs, was last heard of (unix milliseconds)."""
        # System measurements go on to the end of a cell; a training curve may not.
        names = sorted(run.data.metrics, key=lambda name: not name.startswith("system/"))[:1]
        points = [point.timestamp for name in names for point in self.client.get_metric_history(run.info.run_id, name)]
        children = find_runs(self.client, f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
        ends = [child.info.end_time or child.info.start_time for child in children]
        return int(max([run.info.start_time, *ends, *points]))


def _origin(invocation: Invocation) -> dict[str, str]:
    """Tags of an invocation's parent run and child runs: whose they are, and which process drives them."""
    return {
        "retable.invocation": invocation.id,
        "retable.suite": invocation.suite,
        "retable.host": invocation.host,
        "retable.pid": str(invocation.pid),
        "retable.started": str(invocation.started),
        # The UI's column "Source" keeps only what follows the last slash, so no whole command line.
        "mlflow.source.name": f"retable run {invocation.suite}",
        "mlflow.source.type": "LOCAL",
    }


def _driven(run: Run) -> bool:
    """Whether the process that drives a run lives, as far as its tags tell; a run that somebody edited is let be."""
    known = {key.removeprefix("retable."): value for key, value in run.data.tags.items()}
    try:
        return Invocation.model_validate({**known, "id": known.get("invocation")}).alive
    except ValidationError:
        return True


def _planned(invocation: Invocation) -> dict[str, str]:
    """The plan's cells by hash in the tags ``retable.planned.0`` and so on. A plan is more than the cells it ran."""
    hashes = sorted(invocation.planned)
    chunks = [hashes[begin : begin + CELLS_PER_TAG] for begin in range(0, len(hashes), CELLS_PER_TAG)]
    return {f"retable.planned.{n}": ",".join(chunk) for n, chunk in enumerate(chunks)}
