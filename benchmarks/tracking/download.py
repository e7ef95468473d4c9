"""The results of an earlier run, from MLflow into a folder of runs like any other: for ``retable gate --against``."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.tracking.artifacts import artifacts_of
from retable.benchmarks.tracking.connect import failure, find_runs, open_client, sqlite_file
from retable.reports.records.journal import read_result

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

FINISHED = ("ok", "failed")
"""Statuses of invocations that came to their end; the others were killed or interrupted, or are still running."""
SHORT = 10
"""Digits of a commit that are shown."""


class BaseRun(NamedTuple):
    """An invocation whose results were downloaded."""

    run_id: str
    """Id of the parent run."""
    label: str
    """``commit 0123456789, run 89abcdef`` for messages; says whether the working tree held more than the commit."""
    planned: frozenset[str]
    """Hashes of the cells of the invocation's plan."""


def download_run(uri: str, suite: str, wanted: str, to: Path) -> BaseRun:
    """Put the results of one invocation of ``suite`` into ``to/cells``, as they were when it ended.

    Cells of the plan that were done before the invocation began count too: of each cell, the newest run that is not
    younger than the parent run. ``to/cells/*`` holds ``result.json`` and ``done`` for every cell that left a result,
    whatever its status.

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
    if not re.fullmatch("[0-9a-fA-F]{4,40}", wanted):
        raise UserError(
            f"{wanted!r} is neither a run's id (32 hexadecimal digits) nor the first digits of a commit (4 to 40); "
            f"`git rev-parse {wanted}` gives the commit behind a branch or a tag"
        )
    known = find_runs(client, "tags.`retable.kind` = 'invocation'")
    suites = sorted({_tag(run, "suite") for run in known})
    if suite not in suites:
        have = f"it has: {', '.join(suites) or 'none'}"
        raise UserError(f"MLflow has no runs of suite {suite!r}{did_you_mean(suite, suites)} ({have})")
    meant = [
        run
        for run in known
        if wanted in (run.info.run_id, _tag(run, "invocation")) or _tag(run, "commit").startswith(wanted.lower())
    ]
    runs = [run for run in meant if _tag(run, "suite") == suite]
    if not runs:
        raise _not_found(suite, wanted, known, meant)
    if len(commits := sorted({_tag(run, "commit")[:SHORT] for run in runs})) > 1:
        raise UserError(f"commit {wanted} is ambiguous: {', '.join(commits)}; give more")
    ended = [run for run in runs if _tag(run, "status") in FINISHED]
    if not ended:
        began = datetime.fromtimestamp(runs[0].info.start_time / 1000).astimezone()
        raise UserError(
            f"run {runs[0].info.run_id} of {began:%Y-%m-%d %H:%M} did not come to its end (its status is "
            f"{_tag(runs[0], 'status')}); choose a finished one"
        )
    return next((run for run in ended if _tag(run, "dirty") != "true"), ended[0])


def _not_found(suite: str, wanted: str, known: list[Run], meant: list[Run]) -> UserError:
    if meant:
        other = _tag(meant[0], "suite")
        return UserError(f"run {wanted} belongs to suite {other!r}, not to {suite!r}; give --suite {other}")
    commits = dict.fromkeys(_tag(run, "commit")[:SHORT] for run in known if _tag(run, "suite") == suite)
    return UserError(
        f"MLflow has no parent run of suite {suite!r} with the id or at the commit {wanted} "
        f"(the newest are of {', '.join(list(commits)[:5])}); for a cell's run give the id of its parent run"
    )


def _tag(run: Run, name: str) -> str:
    return str(run.data.tags.get(f"retable.{name}", ""))


def _download(client: MlflowClient, parent: Run, to: Path) -> BaseRun:
    lists = (value for key, value in parent.data.tags.items() if key.startswith("retable.planned."))
    # Each becomes a folder's name.
    planned = frozenset(hash_ for value in lists for hash_ in value.split(",") if re.fullmatch("[0-9a-f]{16}", hash_))
    until = parent.info.end_time or parent.info.start_time
    runs = find_runs(client, f"tags.`retable.cell` != '' and attributes.start_time <= {until}")
    newest = {_tag(run, "cell"): run for run in reversed(runs)}
    cells = [newest[hash_] for hash_ in planned if hash_ in newest]
    if not cells:
        raise UserError(f"run {parent.info.run_id} has no cells in MLflow; `retable sync` may bring them there")
    lost = []
    for run in cells:
        folder = to / "cells" / _tag(run, "cell")
        folder.mkdir(parents=True, exist_ok=True)
        # Each artifact store has exceptions of its own for a missing file.
        for name in ("result.json", "done"):
            with contextlib.suppress(Exception):
                artifacts_of(client, run).download_artifacts(name, str(folder))
        if (folder / "result.json").is_file():
            if not (folder / "done").is_file():  # an earlier version kept no digest of the result
                (folder / "done").write_text(_tag(run, "status") + "\n")
            read_result(folder)
        elif _tag(run, "status") == "ok":
            lost.append(_tag(run, "address"))
    if lost:
        raise UserError(
            f"run {parent.info.run_id} lacks the results of {len(lost)} cells, e.g. {lost[0]} (no result.json in "
            "MLflow); keep MLflow's folder of artifacts beside its database, or choose another run"
        )
    dirty = " with uncommitted changes" if _tag(parent, "dirty") == "true" else ""
    label = f"commit {_tag(parent, 'commit')[:SHORT]}{dirty}, run {parent.info.run_id[:8]}"
    return BaseRun(parent.info.run_id, label, planned)
