"""The results of an earlier run, from MLflow into a folder of runs like any other: for ``retable gate --against``."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.tracking.connect import PREFIX, artifact_root, failure, find_runs, open_client, sqlite_file

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

FINISHED = ("ok", "failed")
"""Statuses of invocations that came to their end; the others were killed or interrupted, or are still running."""
SHORT = 10
"""Digits of a commit that are shown."""


@dataclass(frozen=True)
class BaseRun:
    """One invocation's cells as they were when it ended, in a folder."""

    run_id: str
    """Id of the parent run."""
    commit: str
    dirty: bool
    """Whether the working tree held more than the commit."""
    planned: frozenset[str]
    """Hashes of the cells of the invocation's plan."""
    folder: Path
    """Holds ``cells/*/result.json`` and ``done`` for every planned cell that left a result, whatever its status."""

    @property
    def label(self) -> str:
        """``commit 0123456789, run 89abcdef`` for messages."""
        dirty = " with uncommitted changes" if self.dirty else ""
        return f"commit {self.commit[:SHORT]}{dirty}, run {self.run_id[:8]}"


def download_run(uri: str, suite: str, wanted: str, to: Path) -> BaseRun:
    """Put the results of one invocation of ``suite`` into ``to/cells``.

    Cells of the plan that were done before the invocation began count too: of each cell, the newest run that is not
    younger than the parent run.

    Args:
        uri: tracking URI.
        suite: the suite's name.
        wanted: a parent run's id, its invocation's id, or the first digits of a commit, at least four. Among a
            commit's finished runs the newest from a clean working tree counts, or the newest if there is none.
        to: a folder for the results; made if it is missing.

    Raises:
        UserError: MLflow cannot be reached; no such run, or several commits; a run of another suite, of a single cell,
            or without an end; a run whose cells or whose results are not in MLflow.
    """
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise UserError(f"{file}: no such MLflow database, so there is no run to compare with; set MLFLOW_TRACKING_URI")
    try:
        client = open_client(uri)
        return _download(client, _find(client, suite, wanted), to)
    except Exception as error:
        raise failure(uri, error) from error


def _find(client: MlflowClient, suite: str, wanted: str) -> Run:
    """The parent run that is meant, if it came to its end."""
    experiment = client.get_experiment_by_name(PREFIX + suite)
    if experiment is None:
        found = client.search_experiments(filter_string=f"name LIKE '{PREFIX}%'", max_results=1000)
        names = sorted(one.name.removeprefix(PREFIX) for one in found)
        have = f"it has: {', '.join(names) or 'none'}"
        raise UserError(f"MLflow has no runs of suite {suite!r}{did_you_mean(suite, names)} ({have})")
    known = find_runs(client, "tags.`retable.kind` = 'invocation'", [experiment.experiment_id], limit=5000)
    if re.fullmatch("[0-9a-f]{32}", wanted):
        runs = [run for run in known if wanted in (run.info.run_id, run.data.tags.get("retable.invocation"))]
        if not runs:
            raise _not_of_suite(client, suite, wanted)
    elif re.fullmatch("[0-9a-fA-F]{4,40}", wanted):
        runs = _of_commit(known, suite, wanted.lower())
    else:
        raise UserError(
            f"{wanted!r} is neither a run's id (32 hexadecimal digits) nor the first digits of a commit (4 to 40); "
            f"`git rev-parse {wanted}` gives the commit behind a branch or a tag"
        )
    ended = [run for run in runs if run.data.tags.get("retable.status") in FINISHED]
    if not ended:
        began = datetime.fromtimestamp(runs[0].info.start_time / 1000).astimezone()
        status = runs[0].data.tags.get("retable.status", "unknown")
        raise UserError(
            f"run {runs[0].info.run_id} of {began:%Y-%m-%d %H:%M} did not come to its end (its status is {status}); "
            "choose a finished one"
        )
    return next((run for run in ended if run.data.tags.get("retable.dirty") != "true"), ended[0])


def _of_commit(known: list[Run], suite: str, digits: str) -> list[Run]:
    commits = {run.info.run_id: str(run.data.tags.get("retable.commit", "")) for run in known}
    runs = [run for run in known if commits[run.info.run_id].startswith(digits)]
    meant = sorted({commits[run.info.run_id][:SHORT] for run in runs})
    if len(meant) > 1:
        raise UserError(f"commit {digits} is ambiguous: {', '.join(meant)}; give more")
    if not runs:
        have = ", ".join(list(dict.fromkeys(commit[:SHORT] for commit in commits.values()))[:5])
        words = f"the newest are of {have}" if have else "there is none at all"
        raise UserError(f"no run of suite {suite!r} at commit {digits} in MLflow ({words})")
    return runs


def _not_of_suite(client: MlflowClient, suite: str, run_id: str) -> UserError:
    """What a run is that is no parent run of the suite."""
    from mlflow.exceptions import MlflowException

    try:
        tags = client.get_run(run_id).data.tags
    except MlflowException:
        return UserError(f"MLflow has no run {run_id} of suite {suite!r}")
    if parent := tags.get("mlflow.parentRunId"):
        cell = tags.get("retable.address", "unknown")
        return UserError(f"run {run_id} is that of one cell, {cell}; give its parent run, {parent}")
    if other := tags.get("retable.suite"):
        return UserError(f"run {run_id} belongs to suite {other!r}, not to {suite!r}; give --suite {other}")
    return UserError(f"run {run_id} is not one of `retable run`")


def _download(client: MlflowClient, parent: Run, to: Path) -> BaseRun:
    about = parent.data.tags
    lists = (value for key, value in about.items() if key.startswith("retable.planned."))
    planned = frozenset(hash_ for value in lists for hash_ in value.split(",") if hash_)
    until = parent.info.end_time or parent.info.start_time
    runs = find_runs(client, f"tags.`retable.cell` != '' and attributes.start_time <= {until}", limit=50_000)
    newest = {run.data.tags["retable.cell"]: run for run in reversed(runs)}
    cells = [newest[hash_] for hash_ in planned if hash_ in newest]
    if not cells:
        raise UserError(f"run {parent.info.run_id} has no cells in MLflow; `retable sync` may bring them there")
    lost = []
    for run in cells:
        tags, folder = run.data.tags, to / "cells" / run.data.tags["retable.cell"]
        folder.mkdir(parents=True, exist_ok=True)
        if _fetch(client, run, "result.json", folder):
            (folder / "done").write_text(tags.get("retable.status", "unknown") + "\n")
        elif tags.get("retable.status") == "ok":
            lost.append(tags.get("retable.address", ""))
    if lost:
        raise UserError(
            f"run {parent.info.run_id} lacks the results of {len(lost)} cells, e.g. {lost[0]} (no result.json in "
            "MLflow); keep MLflow's folder of artifacts beside its database, or choose another run"
        )
    dirty = about.get("retable.dirty") == "true"
    return BaseRun(parent.info.run_id, about.get("retable.commit", ""), dirty, planned, to)


def _fetch(client: MlflowClient, run: Run, name: str, to: Path) -> bool:
    """Put an artifact of a run into the folder ``to``; returns whether there is one.

    A database that was moved together with its artifacts still names their old place, so the new one is tried first.
    """
    root = artifact_root(client.tracking_uri)
    if root is not None:
        path = unquote(urlsplit(str(run.info.artifact_uri)).path)
        inside = path.rpartition(f"/{root.name}/")[2].lstrip("/")
        found = [file for file in (root / inside / name, Path(path) / name) if file.is_file()]
        if found:
            shutil.copyfile(found[0], to / name)
        return bool(found)
    try:
        client.download_artifacts(run.info.run_id, name, str(to))
    except Exception:
        # Each artifact store has exceptions of its own for a missing file. The caller says what is missing.
        return False
    return (to / name).is_file()
