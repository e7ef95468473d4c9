"""The results of an earlier run, from MLflow into a folder of runs like any other: for ``retable gate --against``."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.tracking.address import UnreachableError, artifact_root, shown, sqlite_file

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
    from retable.benchmarks.tracking.connect import one_line, open_client

    try:
        client = open_client(uri)
        return _download(client, _find(client, suite, wanted), to)
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
        for run in known:
            if wanted in (run.info.run_id, run.data.tags.get("retable.invocation")):
                return _finished(run)
        raise _not_of_suite(client, suite, wanted)
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
    return next((run for run in ended if not _dirty(run)), _finished((ended or runs)[0]))


def _parents(client: MlflowClient, suite: str) -> Iterable[Run]:
    """The suite's parent runs, newest first."""
    from retable.benchmarks.tracking.connect import PREFIX

    experiment = client.get_experiment_by_name(PREFIX + suite)
    if experiment is None:
        found = client.search_experiments(filter_string=f"name LIKE '{PREFIX}%'", max_results=1000)
        names = [one.name.removeprefix(PREFIX) for one in found]
        have = f"it has: {', '.join(sorted(names))}" if names else "it has no suite's"
        raise UserError(f"MLflow has no runs of suite {suite!r}{did_you_mean(suite, names)} ({have})")
    invocations = "tags.`retable.kind` = 'invocation'"
    newest_first = ["attributes.start_time DESC"]
    return list(client.search_runs([experiment.experiment_id], invocations, order_by=newest_first, max_results=5000))


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


def _download(client: MlflowClient, parent: Run, to: Path) -> BaseRun:
    lists = (value for key, value in parent.data.tags.items() if key.startswith("retable.planned."))
    planned = frozenset(hash_ for value in lists for hash_ in value.split(",") if hash_)
    cells = _newest_runs(client, planned, parent.info.end_time or parent.info.start_time)
    if not cells:
        raise UserError(f"run {parent.info.run_id} has no cells in MLflow; `retable sync` may bring them there")
    lost = []
    for hash_, run in cells.items():
        tags, folder = run.data.tags, to / "cells" / hash_
        folder.mkdir(parents=True, exist_ok=True)
        if _fetch(client, run, "result.json", folder):
            (folder / "done").write_text(tags.get("retable.status", "unknown") + "\n")
        elif tags.get("retable.status") == "ok":
            lost.append(f"{tags['retable.address']}: run {run.info.run_id} has no result.json among its artifacts")
    if lost:
        raise UserError(
            f"run {parent.info.run_id} lacks the results of {len(lost)} cells, e.g. {lost[0]}; "
            "keep MLflow's folder of artifacts beside its database, or choose another run"
        )
    return BaseRun(parent.info.run_id, _commit(parent), _dirty(parent), planned, to)


def _newest_runs(client: MlflowClient, planned: frozenset[str], until: int) -> dict[str, Run]:
    """Hash of each planned cell -> its newest run that began by ``until`` (unix milliseconds), in any suite."""
    from retable.benchmarks.tracking.replay import our_experiments

    newest: dict[str, Run] = {}
    for run in client.search_runs(
        our_experiments(client),
        f"tags.`retable.address` != '' and attributes.start_time <= {until}",
        order_by=["attributes.start_time DESC"],
        max_results=50_000,
    ):
        if (hash_ := run.data.tags.get("retable.cell", "")) in planned:
            newest.setdefault(hash_, run)
    return newest


def _fetch(client: MlflowClient, run: Run, name: str, to: Path) -> bool:
    """Put an artifact of a run into the folder ``to``; returns whether there is one.

    A database that was moved together with its artifacts still names their old place, so the new one is tried first.
    """
    root = artifact_root(client.tracking_uri)
    if root is not None:
        path = unquote(urlsplit(str(run.info.artifact_uri)).path)
        inside = path.rpartition(f"/{root.name}/")[2].lstrip("/")
        for file in (root / inside / name, Path(path) / name):
            if file.is_file():
                shutil.copyfile(file, to / name)
                return True
        return False
    try:
        client.download_artifacts(run.info.run_id, name, str(to))
    except Exception:
        # Each artifact store has exceptions of its own for a missing file. The caller says what is missing.
        return False
    return (to / name).is_file()
