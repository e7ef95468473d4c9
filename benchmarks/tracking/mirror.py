"""Keeps MLflow equal to a folder of runs: the one piece of code behind live tracking and behind ``retable sync``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from retable.benchmarks.run.old_journal import read_json
from retable.benchmarks.tracking.connect import PATIENT_TIMEOUT_S, experiment_id, open_client
from retable.benchmarks.tracking.parents import ensure_parent, finish_parent, reap
from retable.benchmarks.tracking.record import Invocation
from retable.benchmarks.tracking.replay import Parent, ReplayState, replay

if TYPE_CHECKING:
    from mlflow.entities import Run

LOCK = ".tracking.lock"


class Mirror:
    """An open connection, and what is known of the cells that go through it.

    After any exception throw the mirror away and make a new one: it finds out again what MLflow has.
    """

    def __init__(self, uri: str, timeout_s: int = PATIENT_TIMEOUT_S, beat: Callable[[], None] = lambda: None) -> None:
        """Connect.

        Args:
            uri: tracking URI.
            timeout_s: seconds that one request to a server may take.
            beat: called after every answer.

        Raises:
            UnreachableError: nobody there.
        """
        self.uri = uri
        self.client = open_client(uri, timeout_s)
        self._beat = beat
        self._experiments: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        self._states: dict[Path, ReplayState] = {}
        beat()

    def parent(self, invocation: Invocation) -> Run:
        """The invocation's parent run, made where it is missing."""
        run = ensure_parent(self.client, self._experiment(invocation.suite), invocation)
        self._parents[invocation.id] = run.info.run_id
        self._beat()
        return run

    def cell(self, directory: Path, invocation: Invocation | None, *, over: bool) -> ReplayState | None:
        """Replay what is new in one cell's journal; ``None`` while another process is at it.

        Args:
            directory: the cell's folder.
            invocation: the one that the cell ran in last, where that is known.
            over: nobody works on the cell any more.
        """
        known = self._states.get(directory)
        if known is not None and not self._has_news(directory, known, over):
            return known
        try:
            with FileLock(directory / LOCK, timeout=0):
                state = replay(self.client, directory, self._place(directory, invocation), known, over=over)
        except Timeout:
            return None
        self._states[directory] = state
        return state

    def finish(self, invocation: Invocation) -> bool:
        """Complete the parent run of an invocation that is over. Returns whether there was anything to do."""
        return finish_parent(self.client, self.parent(invocation), invocation, self._beat)

    def reap(self, keep: str = "") -> int:
        """Set our stale runs to ``KILLED``; see :func:`~retable.benchmarks.tracking.parents.reap`."""
        return reap(self.client, keep)

    def _has_news(self, directory: Path, state: ReplayState, over: bool) -> bool:
        """A look at the file's size saves taking the lock every two seconds."""
        if state.story is None or (over and not state.closed):
            return True
        try:
            return (directory / "journal.jsonl").stat().st_size > state.story.offset
        except OSError:
            return False

    def _place(self, directory: Path, invocation: Invocation | None) -> Parent:
        if invocation is None:
            cell = read_json(directory / "cell.json") or {}
            return Parent(self._experiment(str(cell.get("profile") or "unsorted")), beat=self._beat)
        if invocation.id not in self._parents:
            self.parent(invocation)
        return Parent(self._experiment(invocation.suite), self._parents[invocation.id], invocation, self._beat)

    def _experiment(self, suite: str) -> str:
        if suite not in self._experiments:
            self._experiments[suite] = experiment_id(self.client, self.uri, suite)
        return self._experiments[suite]
