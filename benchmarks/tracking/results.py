"""The results of a run that MLflow holds: found by the run's id or by its commit, for comparing with them later."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.tracking.address import UnreachableError, artifact_root, shown, sqlite_file

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

FINISHED = ("ok", "failed")
"""Statuses of parent runs that came to their end; the others were killed, interrupted, or run still."""
SHORT = 10
"""Digits of a commit that are shown."""


@dataclass(frozen=True)
class Recorded:
    """A parent run's cells as they were when it ended."""

    run_id: str
    commit: str
    dirty: bool
    """Whether the working tree held more than the commit."""
    started: int
    """Unix milliseconds."""
    results: list[dict[str, Any]]
    """``result.json`` of every cell; of a cell that left none its address, hash, seed and status."""
    planned: frozenset[str]
    """Hashes of the cells of the run's plan."""

    @property
    def label(self) -> str:
        """``commit 0123456789, run 89abcdef`` for messages."""
        dirty = " with uncommitted changes" if self.dirty else ""
        return f"commit {self.commit[:SHORT]}{dirty}, run {self.run_id[:8]}"


def recorded(uri: str, suite: str, wanted: str) -> Recorded:
    """The cells of a run of ``suite``.

    A run is more than the cells that it had to train: cells of its plan that were done before count with the newest run
    of theirs that is not younger than the parent run.

    Args:
        uri: tracking URI.
        suite: suite's name.
        wanted: a parent run's id, or the first digits of a commit, four at least. Of a commit's finished runs the
            newest from a clean working tree counts, or the newest where there is none.

    Raises:
        UserError: MLflow cannot be reached, no such run or several commits, a run of another suite, a cell's run, a run
            without an end, or one without results.
    """
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise UserError(f"{file}: no such MLflow database, so there is no run to compare with; set MLFLOW_TRACKING_URI")
    from retable.benchmarks.tracking.connect import one_line, open_client

    try:
        client = open_client(uri)
        return _read(client, _find(client, suite, wanted))
    except UserError:
        raise
    except UnreachableError as error:
        raise UserError(f"MLflow cannot be reached: {error}; check MLFLOW_TRACKING_URI") from error
    except Exception as error:
        raise UserError(f"MLflow at {shown(uri)} failed: {one_line(error)}") from error


def _find(client: MlflowClient, suite: str, wanted: str) -> Run:
    """The parent run that is meant."""
    known = _parents(client, suite)
    if re.fullmatch("[0-9a-f]{32}", wanted):
        run = next((run for run in known if wanted in (run.info.run_id, run.data.tags.get("retable.invocation"))), None)
        if run is not None:
            return _finished(run)
        _refuse_other(client, suite, wanted)
    if not re.fullmatch("[0-9a-fA-F]{4,40}", wanted):
        raise UserError(
            f"{wanted!r} is neither a run's id (32 hexadecimal digits) nor the first digits of a commit (4 to 40); "
            f"`git rev-parse {wanted}` gives the commit behind a branch or a tag"
        )
    runs = [run for run in known if _commit(run).startswith(wanted.lower())]
    commits = sorted({_commit(run) for run in runs})
    if len(commits) > 1:
        raise UserError(f"commit {wanted} is ambiguous: {', '.join(commit[:SHORT] for commit in commits)}; give more")
    if not runs:
        have = list(dict.fromkeys(_commit(run)[:SHORT] for run in known))[:5]
        words = f"the newest are of {', '.join(have)}" if have else "there is none at all"
        raise UserError(f"no run of suite {suite!r} at commit {wanted} in MLflow ({words})")
    ended = [run for run in runs if run.data.tags.get("retable.status") in FINISHED]
    if not ended:
        return _finished(runs[0])
    return next((run for run in ended if not _dirty(run)), ended[0])


def _parents(client: MlflowClient, suite: str) -> list[Run]:
    """The suite's parent runs, newest first.

    Raises:
        UserError: the suite has none.
    """
    from retable.benchmarks.tracking.connect import PREFIX

    experiment = client.get_experiment_by_name(PREFIX + suite)
    if experiment is None:
        found = client.search_experiments(filter_string=f"name LIKE '{PREFIX}%'", max_results=1000)
        names = [one.name.removeprefix(PREFIX) for one in found]
        have = f"it has: {', '.join(sorted(names))}" if names else "it has no suite's"
        raise UserError(f"MLflow has no runs of suite {suite!r}{did_you_mean(suite, names)} ({have})")
    return list(
        client.search_runs(
            [experiment.experiment_id],
            "tags.`retable.kind` = 'invocation'",
            order_by=["attributes.start_time DESC"],
            max_results=5000,
        )
    )


def _refuse_other(client: MlflowClient, suite: str, run_id: str) -> None:
    """Say what a run's id that is no parent run of the suite stands for."""
    from mlflow.exceptions import MlflowException

    try:
        tags = client.get_run(run_id).data.tags
    except MlflowException:
        raise UserError(f"MLflow has no run {run_id} of suite {suite!r}") from None
    if parent := tags.get("mlflow.parentRunId"):
        raise UserError(
            f"run {run_id} is that of one cell, {tags.get('retable.address', 'unknown')}; give its parent run, {parent}"
        )
    other = tags.get("retable.suite", "")
    raise UserError(
        f"run {run_id} belongs to suite {other!r}, not to {suite!r}; give --suite {other}"
        if other
        else f"run {run_id} is none of `retable run`"
    )


def _finished(run: Run) -> Run:
    status = run.data.tags.get("retable.status", "unknown")
    if status not in FINISHED:
        began = datetime.fromtimestamp(run.info.start_time / 1000).astimezone()
        raise UserError(
            f"run {run.info.run_id} of {began:%Y-%m-%d %H:%M} did not come to its end (its status is {status}); "
            "choose a finished one"
        )
    return run


def _commit(run: Run) -> str:
    return str(run.data.tags.get("retable.commit", ""))


def _dirty(run: Run) -> bool:
    return bool(run.data.tags.get("retable.dirty") == "true")


def _read(client: MlflowClient, parent: Run) -> Recorded:
    from retable.benchmarks.tracking.green import _planned as planned_cells
    from retable.benchmarks.tracking.replay import our_experiments

    planned = planned_cells(parent)
    ended = parent.info.end_time or parent.info.start_time
    newest: dict[str, Run] = {}
    for run in client.search_runs(
        our_experiments(client),
        f"tags.`retable.address` != '' and attributes.start_time <= {ended}",
        order_by=["attributes.start_time DESC"],
        max_results=50_000,
    ):
        hash_ = run.data.tags.get("retable.cell", "")
        if hash_ in planned:
            newest.setdefault(hash_, run)
    if not newest:
        raise UserError(f"run {parent.info.run_id} has no cells in MLflow; `retable sync` may bring them there")
    results = [_result(client, run) for run in newest.values()]
    return Recorded(
        parent.info.run_id, _commit(parent), _dirty(parent), parent.info.start_time, results, frozenset(planned)
    )


def _result(client: MlflowClient, run: Run) -> dict[str, Any]:
    """``result.json`` of a cell's run, or what its tags say where it left none."""
    tags = run.data.tags
    data = _artifact(client, run, "result.json")
    if data is not None:
        return data
    status = tags.get("retable.status", "unknown")
    cell = {"address": tags["retable.address"], "hash": tags.get("retable.cell", ""), "seed": tags.get("retable.seed")}
    if status == "ok":
        status, reason = "lost", f"run {run.info.run_id} has no readable result.json among its artifacts"
    else:
        reason = tags.get("retable.reason", "")
    return {"cell": cell, "status": status, "reason": reason, "scores": [], "environment": {}}


def _artifact(client: MlflowClient, run: Run, name: str) -> dict[str, Any] | None:
    """A JSON artifact; ``None`` where there is none to be read.

    A database that was moved with its folder of artifacts still names the old place, so the new one is looked at first.
    """
    root = artifact_root(client.tracking_uri)
    path = unquote(urlsplit(str(run.info.artifact_uri)).path)
    if root is not None:
        inside = path.rpartition(f"/{root.name}/")[2].lstrip("/")
        for file in (root / inside / name, Path(path) / name):
            if file.is_file():
                return _json(file)
        return None
    with tempfile.TemporaryDirectory(prefix="retable-") as folder:
        try:
            return _json(Path(client.download_artifacts(run.info.run_id, name, folder)))
        except Exception:
            # Stores raise classes of their own where a file is missing; that a cell has no result is told above.
            return None


def _json(file: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and isinstance(data.get("cell"), dict) else None
