"""Parent runs: one per invocation, with its summary as description and its report as artifact. And stale runs."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from retable.benchmarks.tracking.artifacts import log_report
from retable.benchmarks.tracking.children import STATUS
from retable.benchmarks.tracking.connect import NOTE, cut_tags, find_runs, log
from retable.benchmarks.tracking.describe import PAPERS, spaced
from retable.benchmarks.tracking.invocation import Invocation
from retable.benchmarks.tracking.names import MAX_NAME, MAX_TAG, cut, papers_of, parent_name

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

CELLS_PER_TAG = 450
"""Hashes of 16 digits and a comma that fit into one tag."""


def ensure_parent(client: MlflowClient, experiment: str, invocation: Invocation) -> Run:
    """The invocation's parent run, found by its tag or made."""
    papers, name = spaced(papers_of(invocation)), cut(parent_name(invocation), MAX_NAME)
    wanted = f"tags.`retable.kind` = 'invocation' and tags.`retable.invocation` = '{invocation.id}'"
    for run in find_runs(client, wanted, [experiment]):
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
        **invocation_tags(invocation),
        **_planned(invocation),
        **({PAPERS: papers} if papers else {}),
    }
    run = client.create_run(experiment, invocation.started, cut_tags(tags), name)
    facts = {"command": invocation.command, "commit": invocation.commit, "device": invocation.device}
    log(client, run.info.run_id, params={**facts, "cells": str(len(invocation.planned))})
    return run


def invocation_tags(invocation: Invocation) -> dict[str, str]:
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


def _planned(invocation: Invocation) -> dict[str, str]:
    """The plan's cells by hash in the tags ``retable.planned.0`` and so on. A plan is more than the cells it ran."""
    hashes = sorted(invocation.planned)
    chunks = [hashes[begin : begin + CELLS_PER_TAG] for begin in range(0, len(hashes), CELLS_PER_TAG)]
    return {f"retable.planned.{n}": ",".join(chunk) for n, chunk in enumerate(chunks)}


def finish_parent(client: MlflowClient, run: Run, invocation: Invocation) -> None:
    """Give the parent run of an invocation that is over its report, description and final status, once.

    An invocation whose process is gone without a word is ``killed``. One that was never recorded is ``unknown``:
    finished, as far as anybody can tell.
    """
    status = "killed" if invocation.status == "running" else invocation.status
    if run.data.tags.get("retable.status") == status and run.info.status != "RUNNING":
        return
    if invocation.report and Path(invocation.report).is_dir():
        log_report(client, run, Path(invocation.report))
    mlflow_status = "FINISHED" if status == "unknown" else STATUS.get(status, "KILLED")
    client.set_terminated(run.info.run_id, mlflow_status, invocation.ended or _last_sign(client, run))
    tags = {"retable.status": status, **_planned(invocation)}
    if invocation.device:
        tags["retable.device"] = invocation.device
    if invocation.summary:
        tags[NOTE] = _note(invocation.summary)
    log(client, run.info.run_id, tags=tags)


def _note(summary: str) -> str:
    """A summary within MLflow's limit, cut at the end of a line."""
    if len(summary) <= MAX_TAG:
        return summary
    end = "\n\n… cut: the rest is in the report, under Artifacts, `report/index.html`."
    return summary[: MAX_TAG - len(end)].rpartition("\n")[0] + end


def reap(client: MlflowClient, keep: str = "") -> int:
    """Set runs to ``KILLED`` that are still RUNNING though the process on this host that drove them is gone.

    Runs of the invocation ``keep`` are left alone. Returns how many there were.
    """
    host = socket.gethostname().replace("'", "")
    running = find_runs(client, f"attributes.status = 'RUNNING' and tags.`retable.host` = '{host}'")
    stale = [run for run in running if not (driver := _driver(run)).alive and driver.id != keep]
    # Children first: a parent ends with the last of them.
    for run in sorted(stale, key=lambda run: run.data.tags.get("retable.kind") == "invocation"):
        client.set_terminated(run.info.run_id, "KILLED", _last_sign(client, run))
        log(client, run.info.run_id, tags={"retable.status": "killed"})
    return len(stale)


def _driver(run: Run) -> Invocation:
    """The invocation that drives a run, as far as its :func:`invocation_tags` tell."""
    known = {key.removeprefix("retable."): value for key, value in run.data.tags.items()}
    return Invocation.model_validate({**known, "id": known.get("invocation")})


def _last_sign(client: MlflowClient, run: Run) -> int:
    """When a run, or the last of its child runs, was last heard of (unix milliseconds)."""
    # System measurements go on to the end of a cell; a training curve may not.
    names = sorted(run.data.metrics, key=lambda name: not name.startswith("system/"))[:1]
    points = [point.timestamp for name in names for point in client.get_metric_history(run.info.run_id, name)]
    children = find_runs(client, f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    ends = [child.info.end_time or child.info.start_time for child in children]
    now = time.time() * 1000
    return max(int(t) for t in [run.info.start_time, *ends, *points] if t <= now)
