"""Runs the cells of a plan: dependencies first, a few at a time. However one cell ends, the others go on.

A cell that raises, or whose losses are no longer finite (``nonfinite``), records its own end
(:mod:`retable.benchmarks.cell`). One whose process is killed, crashes or takes too long is found dead and recorded by
:mod:`retable.benchmarks.run.process`, as ``failed``, ``oom`` or ``timeout``. Cells that need it are ``skipped``. The
next run starts it again from its newest checkpoint, if code, data and environment are still those it was made with.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from retable.benchmarks.run.earlier import forget
from retable.benchmarks.run.process import LocalProcess, explained, record_skipped
from retable.reports.records.cell import Cell
from retable.reports.records.journal import finished
from retable.reports.records.result import Status

POLL_S = 0.1


@contextmanager
def at_work(root: Path, *, alone: bool, say: Callable[[str], None]) -> Iterator[None]:
    """Announce a run in a folder of runs. One that removes finished cells works there ``alone``: others may use them.

    Args:
        root: the folder of all runs.
        alone: wait for the end of all other runs, and let others wait for this one.
        say: told where this run has to wait.
    """
    with (root / ".runs.lock").open("a") as file:
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            whose = "another run" if alone else "a run with --fresh"
            say(f"{whose} is at work in {root}; waiting for its end")
            fcntl.flock(file, kind)
        yield


@dataclass
class CellState:
    """Where a cell stands in this run of the suite."""

    cell: Cell
    directory: Path
    phase: str = "waiting"
    """``waiting``, ``running`` or ``ended``."""
    status: Status | None = None
    reason: str = ""
    reused: bool = False
    """Done by an earlier run."""
    started: float = 0.0
    """``time.monotonic()`` of its start."""
    wall_s: float = 0.0


class Scheduler:
    """Runs cells as local processes, ``jobs`` at a time."""

    def __init__(self, cells: Sequence[Cell], root: Path, jobs: int, *, fresh: bool = False) -> None:
        """See what is done already.

        Args:
            cells: dependencies before those that need them.
            root: the folder of all runs.
            jobs: cells at a time.
            fresh: forget earlier results of these cells and start them anew.
        """
        self.root, self.jobs, self.fresh = root, jobs, fresh
        self.states = [CellState(cell, cell.directory(root)) for cell in cells]
        self._by_hash = {state.cell.hash: state for state in self.states}
        self._running: dict[str, LocalProcess] = {}
        self._stop: str | None = None
        for state in self.states:
            before = None if fresh else finished(state.directory)
            if before is not None and before.status == "ok":
                state.phase, state.status, state.reused = "ended", "ok", True
                state.wall_s = before.wall_s

    def run(self, watch: Callable[[CellState], None]) -> bool:
        """Run everything that is missing and tell ``watch`` of every change of a cell's phase.

        Returns:
            Whether every cell ended ``ok``.
        """
        with self._signals():
            while any(state.phase != "ended" for state in self.states):
                self._collect(watch)
                if self._stop is None:
                    self._launch(watch)
                else:
                    self._interrupt(self._stop, watch)
                time.sleep(POLL_S)
        return all(state.status == "ok" for state in self.states)

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended the run early."""
        return self._stop is not None

    def _collect(self, watch: Callable[[CellState], None]) -> None:
        for key, process in list(self._running.items()):
            ended = process.poll()
            if ended is not None:
                del self._running[key]
                self._end(self._by_hash[key], ended[0], ended[1], watch)

    def _launch(self, watch: Callable[[CellState], None]) -> None:
        for state in self.states:
            if state.phase != "waiting":
                continue
            needed = [self._by_hash[cell.hash] for cell in state.cell.needed]
            broken = next((other for other in needed if other.phase == "ended" and other.status != "ok"), None)
            if broken is not None:
                reason = f"needs {broken.cell.address}, which ended {broken.status}"
                record_skipped(state.cell, self.root, reason)
                self._end(state, "skipped", reason, watch)
            elif len(self._running) < self.jobs and all(other.phase == "ended" for other in needed):
                try:
                    if self.fresh:
                        # Only now, so that a run that is interrupted keeps the results it has not begun to renew.
                        forget(state.directory)
                    self._running[state.cell.hash] = LocalProcess(state.cell, self.root)
                except OSError as error:
                    # A full disk, for instance; the next cell is tried all the same.
                    self._end(state, "failed", f"it could not be started: {explained(error)}", watch)
                    continue
                state.phase, state.started = "running", time.monotonic()
                watch(state)

    def _interrupt(self, why: str, watch: Callable[[CellState], None]) -> None:
        for process in self._running.values():
            process.cancel("skipped", why)
        for state in self.states:
            if state.phase == "waiting":
                record_skipped(state.cell, self.root, why)
                self._end(state, "skipped", why, watch)

    def _end(self, state: CellState, status: Status, reason: str, watch: Callable[[CellState], None]) -> None:
        state.wall_s = time.monotonic() - state.started if state.phase == "running" else 0.0
        state.phase, state.status, state.reason = "ended", status, reason
        watch(state)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The first Ctrl-C, SIGTERM or end of the terminal ends the run in an orderly way, the second at once."""
        terminals = [number for number in (1, 2) if os.isatty(number)]
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup wants it
            numbers.append(signal.SIGHUP)

        def ask(number: int, frame: FrameType | None) -> None:
            if number == signal.SIGHUP:
                # What is still to be said has nobody to read it, and would fail.
                for terminal in terminals:
                    os.dup2(os.open(os.devnull, os.O_WRONLY), terminal)
            if self._stop is not None:
                raise KeyboardInterrupt
            self._stop = f"interrupted by {signal.Signals(number).name}"

        before = {number: signal.signal(number, ask) for number in numbers}
        try:
            yield
        finally:
            for process in self._running.values():
                process.cancel("skipped", self._stop or "the harness ended")
            for number, handler in before.items():
                signal.signal(number, handler)
