"""Parent runs: one per invocation, with its summary as description and its report as artifact. And the stale ones."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retable.benchmarks.tracking.artifacts import Shelf
from retable.benchmarks.tracking.names import MAX_NAME, MAX_PARAMETER, MAX_TAG, cut
from retable.benchmarks.tracking.record import Invocation, is_alive
from retable.benchmarks.tracking.replay import STATUS, find_runs, log_tags, our_experiments, source_name
from retable.benchmarks.tracking.review import PAPERS, papers_of, spaced

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

CELLS_PER_TAG = 450
"""Hashes of 16 digits and a comma that fit into one tag."""


def ensure_parent(client: MlflowClient, experiment: str, invocation: Invocation) -> Run:
    """The invocation's parent run, found by its tag or made."""
    for run in find_runs(client, "retable.invocation", invocation.id, [experiment]):
        if run.data.tags.get("retable.kind") == "invocation":
            _add_papers(client, run, invocation)
            return run
    tags = {
        "retable.kind": "invocation",
        "retable.status": "running",
        "retable.invocation": invocation.id,
        "retable.suite": invocation.suite,
        "retable.commit": invocation.commit,
        "retable.dirty": invocation.dirty,
        "retable.host": invocation.host,
        "retable.pid": str(invocation.pid),
        "retable.started": str(invocation.started),
        "mlflow.source.name": source_name(invocation),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": invocation.commit,
        **_papers_tag(invocation),
        **planned_tags(invocation),
    }
    tags = {key: cut(value, MAX_TAG) for key, value in tags.items()}
    run = client.create_run(experiment, invocation.started, tags, parent_name(invocation))
    from mlflow.entities import Param

    facts = {
        "command": invocation.command,
        "commit": invocation.commit,
        "device": invocation.device,
        "cells": str(len(invocation.planned)),
    }
    client.log_batch(run.info.run_id, params=[Param(key, cut(value, MAX_PARAMETER)) for key, value in facts.items()])
    return run


def parent_name(invocation: Invocation) -> str:
    """``quick · mixdl · 11-21 19:54``: the suite, the papers of its plan, and when the invocation began (local time).

    ``retable run quick --only 'mixdl/*'`` and another of StarGAN's rows are one suite's; the list tells them apart.
    """
    began = datetime.fromtimestamp(invocation.started / 1000).astimezone()
    papers = ", ".join(papers_of(invocation.planned.values()))
    return cut(" · ".join(filter(None, [invocation.suite, papers, f"{began:%m-%d %H:%M}"])), MAX_NAME)


def _papers_tag(invocation: Invocation) -> dict[str, str]:
    papers = papers_of(invocation.planned.values())
    return {PAPERS: spaced(papers)} if papers else {}


def _add_papers(client: MlflowClient, run: Run, invocation: Invocation) -> None:
    """A parent run that an earlier version made, or a cell that knows no plan, does not name the papers."""
    missing = {key: value for key, value in _papers_tag(invocation).items() if run.data.tags.get(key) != value}
    if missing:
        log_tags(client, run.info.run_id, missing)
        client.update_run(run.info.run_id, name=parent_name(invocation))


def planned_tags(invocation: Invocation) -> dict[str, str]:
    """The plan's cells by hash: ``retable.planned.0`` and so on. A green run is more than the cells it had to run."""
    hashes = sorted(invocation.planned)
    chunks = [hashes[begin : begin + CELLS_PER_TAG] for begin in range(0, len(hashes), CELLS_PER_TAG)]
    return {f"retable.planned.{n}": ",".join(chunk) for n, chunk in enumerate(chunks)}


def finish_parent(client: MlflowClient, run: Run, invocation: Invocation, beat: Callable[[], None]) -> bool:
    """Give an invocation's parent run its report, description and final status, once. Returns whether it was needed.

    An invocation whose process is gone without a word is ``killed``. One that was never recorded, because it ran
    without tracking, is ``unknown``: finished, as far as anybody can tell, but never the last green one.
    """
    status = "killed" if invocation.status == "running" else invocation.status
    if run.data.tags.get("retable.status") == status and run.info.status != "RUNNING":
        return False
    run_id = run.info.run_id
    report = Path(invocation.report) if invocation.report else None
    if report is not None and report.is_dir():
        shelf = Shelf(client, run, beat)
        for path in sorted(path for path in report.rglob("*") if path.is_file()):
            shelf.put(path, Path("report", path.relative_to(report)).parent.as_posix())
    mlflow_status = "FINISHED" if status == "unknown" else STATUS.get(status, "KILLED")
    client.set_terminated(run_id, mlflow_status, invocation.ended or max(last_sign(client, run_id), invocation.started))
    tags = {"retable.status": status, **planned_tags(invocation)}
    if invocation.device:
        tags["retable.device"] = invocation.device
    if invocation.summary:
        tags["mlflow.note.content"] = _note(invocation.summary)
    log_tags(client, run_id, tags)
    beat()
    return True


def last_sign(client: MlflowClient, parent_run_id: str) -> int:
    """When the last child run of a parent ended; 0 without one."""
    children = find_runs(client, "mlflow.parentRunId", parent_run_id)
    return max((child.info.end_time or child.info.start_time for child in children), default=0)


def reap(client: MlflowClient, keep: str = "") -> int:
    """Set runs to ``KILLED`` that are still RUNNING though the process on this host that drove them is gone.

    Args:
        client: talks to MLflow.
        keep: an invocation to leave alone.

    Returns:
        How many there were.
    """
    experiments = our_experiments(client)
    if not experiments:
        return 0
    host = socket.gethostname().replace("'", "")
    running = client.search_runs(
        experiments, f"attributes.status = 'RUNNING' and tags.`retable.host` = '{host}'", max_results=1000
    )
    stale = [run for run in running if run.data.tags.get("retable.invocation") != keep and not _driven(run)]
    # Children first: a parent ends with the last of them.
    for run in sorted(stale, key=lambda run: run.data.tags.get("retable.kind") == "invocation"):
        run_id = run.info.run_id
        ended = max(_last_point(client, run), last_sign(client, run_id), run.info.start_time)
        client.set_terminated(run_id, "KILLED", ended)
        log_tags(client, run_id, {"retable.status": "killed"})
    return len(stale)


def _driven(run: Run) -> bool:
    tags = run.data.tags
    try:
        return is_alive(tags["retable.host"], int(tags["retable.pid"]), int(tags["retable.started"]))
    except (KeyError, ValueError):
        return True


def _last_point(client: MlflowClient, run: Run) -> int:
    names = [name for name in run.data.metrics if name.startswith("system/")][:1] or list(run.data.metrics)[:1]
    now = int(time.time() * 1000)
    times = [point.timestamp for name in names for point in client.get_metric_history(run.info.run_id, name)]
    return max((t for t in times if t <= now), default=0)


def _note(summary: str) -> str:
    if len(summary) <= MAX_TAG:
        return summary
    end = "\n\n… cut: the rest is in the report, under Artifacts, `report/index.html`."
    whole_lines = summary[: MAX_TAG - len(end)].rpartition("\n")[0]
    return whole_lines + end
