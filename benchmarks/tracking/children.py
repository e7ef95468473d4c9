"""One cell's folder into one child run, as often as one likes: what MLflow has already is not added again.

The child run is found by the journal's identity (tag ``retable.journal``). Metric points keep the journal's times, and
MLflow's primary key of a point is (name, time, step, run, value), so a point that is logged twice is stored once. Names
of artifacts follow from the journal, so a second upload replaces the first. The tag ``retable.replayed`` says how many
bytes of the journal are safely stored; it is written after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from retable.benchmarks.environment import made_elsewhere
from retable.benchmarks.tracking import artifacts
from retable.benchmarks.tracking.connect import NOTE, find_runs, log
from retable.benchmarks.tracking.history import Grid, History, Point
from retable.benchmarks.tracking.names import STALE, TABLES, child_name, child_note, flatten, spaced, tables_of
from retable.reports.records.cell import Cell
from retable.reports.records.journal import Start

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

STATUS = {"running": "RUNNING", "ok": "FINISHED", "failed": "FAILED", "oom": "FAILED", "nonfinite": "FAILED"}
"""Cell status -> MLflow's. The others (timeout, skipped, killed, ...) did not get to their end: ``KILLED``."""


class ChildRun:
    """The child run of one cell's folder, as far as this process knows it. Throw it away after an error."""

    def __init__(self, client: MlflowClient, directory: Path) -> None:
        self._client = client
        self._history = History(directory)
        self.run: Run | None = None
        """``None`` while the journal says nothing."""
        self.created = False
        """Whether this process made the run."""
        self.sent_points = 0
        self._asked = False
        """Whether this process has looked what made the cell."""
        self._stored = 0, ""
        """Bytes of the journal that MLflow has, and the status that it shows."""

    def sync(self, experiment: str, place: Mapping[str, str], *, over: bool) -> None:
        """Bring the run up to date with the journal.

        Args:
            experiment: id of the experiment that a new run goes into.
            place: tags that name the parent run and its invocation.
            over: no process works on the cell any more, so a journal without an end is that of a killed run.
        """
        history = self._history
        history.read_on(closed=over or (history.directory / "done").exists())
        if over and history.status == "running":
            history.status = "killed"
        if history.cell is None:
            return
        if self.run is None:
            self.run = self._find_or_create(history.cell, experiment, place)
            self._stored = int(self.run.data.tags.get("retable.replayed", "0")), self.run.info.status
        reached = history.offset, STATUS.get(history.status, "KILLED")
        new = history.take(self._stored[0])
        if reached != self._stored:
            self._send(self.run, new)
            self._stored = reached
        if history.status == "ok" and not self._asked:
            self._mark_stale(self.run)
            self._asked = True

    def _mark_stale(self, run: Run) -> None:
        """Say if something made the cell that is not what is installed; the tag goes when that is no longer true."""
        words, told = made_elsewhere(self._history.environment), run.data.tags.get(STALE, "")
        if words and words != told:
            log(self._client, run.info.run_id, tags={STALE: words})
        elif told and not words:
            self._client.delete_tag(run.info.run_id, STALE)

    def _find_or_create(self, cell: Cell, experiment: str, place: Mapping[str, str]) -> Run:
        about = {NOTE: child_note(cell), TABLES: spaced(tables_of(cell))}
        # The journal's identity is escaped, so it holds no quote.
        for run in find_runs(self._client, f"tags.`retable.journal` = '{self._history.journal}'"):
            # The tables are those of today's files. A description stays, for it may be the user's. A resumed cell
            # belongs to the invocation that took it up again, if that one lives in the same experiment.
            tags = run.data.tags
            wanted = {**about, **(place if run.info.experiment_id == experiment else {})}
            changed = {key for key in wanted if wanted[key] != tags.get(key) and not (key == NOTE and NOTE in tags)}
            log(self._client, run.info.run_id, tags={key: wanted[key] for key in changed})
            return run
        facts = cell.model_dump(include={"method", "task", "variant", "profile", "seed", "paper", "address"})
        tags = {
            **{f"retable.{name}": str(value) for name, value in facts.items()},
            "retable.journal": self._history.journal,
            "retable.status": "running",
            "retable.source": str(cell.task_settings.get("source", "")),
            "retable.cell": cell.hash,
            **about,
            **place,
        }
        self.created = True
        return self._client.create_run(experiment, self._history.first_t, tags, child_name(cell))

    def _send(self, run: Run, new: list[Point | Grid | Start]) -> None:
        """Artifacts first, then numbers, then the status, and last of all the note that everything is stored."""
        client, history, run_id = self._client, self._history, run.info.run_id
        ended = history.status != "running"
        points = [one for one in new if isinstance(one, Point)]
        grids = [one for one in new if isinstance(one, Grid)]
        starts = [one for one in new if isinstance(one, Start)]
        if grids or ended:
            to = artifacts.artifacts_of(client, run)
            artifacts.log_grids(to, history.journal, grids)
            if ended:
                artifacts.log_files(to, history.directory)
        if starts:
            # MLflow refuses to change a parameter, and logging intervals may differ in later attempts.
            log(client, run_id, params=_parameters(starts[0].cell) if starts[0].attempt == 1 else {})
            artifacts.log_datasets(client, run_id, starts[-1])
            if not ended:
                client.update_run(run_id, "RUNNING")
        log(client, run_id, points=points)
        self.sent_points += len(points)
        if ended:
            client.set_terminated(run_id, STATUS.get(history.status, "KILLED"), history.last_t)
        log(client, run_id, tags={**history.tags(), "retable.replayed": str(history.offset)})


def _parameters(cell: Cell) -> dict[str, str]:
    settings = {
        "method": cell.method_settings,
        "task": cell.task_settings,
        "run": cell.run.model_dump(mode="json"),
        "starts_from": {role: needed.hash for role, needed in cell.starts_from.items()},
        "judges": {role: needed.hash for role, needed in cell.judges.items()},
    }
    return {name: value for name, value in flatten(settings) if value != "{}"}
