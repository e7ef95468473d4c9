"""Live tracking: while ``retable run`` runs, a child process syncs its cells every two seconds.

It is a process of its own because MLflow takes seconds to import, its calls may hang, and it reads the environment.
``python -m retable.benchmarks.tracking.tracker RECORD`` learns everything from the invocation's record: which cells to
watch, and how the run ended. When its standard input closes, it syncs a last time. It tells how it goes in one line of
the file beside the record, and ends with exit code 0 if MLflow has everything.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import socket
import subprocess
import sys
import time
import traceback
import uuid
from collections.abc import Sequence
from pathlib import Path

from filelock import Timeout

from retable.benchmarks.environment import REPOSITORY, git_state
from retable.benchmarks.tracking.connect import LIVE_TIMEOUT_S, failure, shown
from retable.benchmarks.tracking.patience import ended
from retable.benchmarks.tracking.session import Session, UnsentError
from retable.reports.records.cell import Cell
from retable.reports.records.files import write_atomically
from retable.reports.records.invocation import FOLDER, Invocation
from retable.reports.records.journal import Beginning

CATCH_UP = "; `retable sync` will catch up"
STATE = ".state"
"""Suffix of the file with the child process's line."""
POLL_S = 2.0
"""Seconds between two looks at the journals."""
RETRY_S = 10.0
"""Seconds between two attempts to reach a server that is down."""
RETRY_CELL_S = 60.0
"""Seconds between two attempts to send a cell that MLflow does not take."""
DOWN_PATIENCE_S = 5.0
SLOW_PATIENCE_S = 60.0
"""Seconds that the last sync may wait for a server that is down, and for one that is slow, at the end of a run."""


class Tracker:
    """Live tracking, as the main process of ``retable run`` sees it.

    Nothing that happens to MLflow or to the child process raises in here, or holds a run up for long.
    """

    def __init__(self, uri: str | None, suite: str, root: Path, planned: Sequence[Cell]) -> None:
        """Record the invocation, and start the process that makes its experiment and its parent run.

        Args:
            uri: tracking URI; ``None`` or empty: keep the records that ``retable sync`` needs, and start nothing.
            suite: names the experiment, ``retable/SUITE``.
            root: the folder of all runs; cells are in ``root/cells``.
            planned: every cell of the plan, those that are done already included.
        """
        commit, dirty = git_state(REPOSITORY)
        self._began = Beginning.now()
        self.invocation = Invocation(
            id=uuid.uuid4().hex,
            suite=suite,
            started=self._began.ms,
            command=os.fsencode(shlex.join(["retable", *sys.argv[1:]])).decode(errors="replace"),
            commit=commit,
            dirty=dirty,
            host=socket.gethostname(),
            pid=os.getpid(),
            planned={cell.hash: cell.address for cell in planned},
            device=", ".join(sorted({cell.run.accelerator for cell in planned})),
            status="running",
        )
        self._uri, self._root = uri or "", root.resolve()
        self._state = "off"
        self._process: subprocess.Popen[bytes] | None = None
        if self._record() and uri:
            self._start()

    def _start(self) -> None:
        record = self.invocation.file(self._root)
        command = [sys.executable, "-P", "-m", "retable.benchmarks.tracking.tracker", str(record)]
        environment = {**os.environ, "MLFLOW_TRACKING_URI": self._uri}
        self._state = f"connecting to {shown(self._uri)}"
        try:
            with record.with_suffix(".log").open("ab") as log:
                # Ctrl-C is for the main process alone: the child still has to tell how the run ended.
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True
                )
        except OSError as error:
            self._state = f"down: the tracker cannot be started ({error}){CATCH_UP}"

    def watch(self, directory: Path) -> None:
        """Follow a cell of this invocation, in its folder ``root/cells/NAME``; the cell need not have started."""
        if directory.name not in self.invocation.watched:
            self.invocation.watched.append(directory.name)
            self._record(directory)

    def finish(self, status: str, report_dir: Path | None = None, summary_markdown: str = "") -> None:
        """Record how the invocation ended and wait for the last sync. Never raises.

        Args:
            status: ``ok``, ``failed``, or another word, which MLflow shows as ``KILLED``.
            report_dir: the rendered report, uploaded into the parent run as ``report/``.
            summary_markdown: becomes the parent run's description.
        """
        self.invocation.status, self.invocation.ended = status, self._began.ms + self._began.until_now()
        self.invocation.summary = summary_markdown
        self.invocation.report = str(report_dir.resolve()) if report_dir else ""
        self._record()
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        if ended(process, lambda: DOWN_PATIENCE_S if self.state.startswith("down") else SLOW_PATIENCE_S):
            state = self.state
        else:
            state = self.state if self.state.startswith("down") else "down: the tracking server was too slow"
            process.kill()
            process.wait()
        self._process = None
        self.invocation.file(self._root, STATE).unlink(missing_ok=True)
        ok = f"ok {shown(self._uri)}, experiment retable/{self.invocation.suite}"
        self._state = ok if process.returncode == 0 else f"{state}{CATCH_UP}"

    @property
    def state(self) -> str:
        """One line: ``off``, ``connecting to URI``, ``ok URI``, ``incomplete: REASON`` or ``down: REASON``."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._state = self.invocation.file(self._root, STATE).read_text()
            if self._process.poll() not in (None, 0) and not self._state.startswith(("down", "incomplete")):
                self._state = f"down: the tracker ended unexpectedly, see {self.invocation.file(self._root, '.log')}"
        return self._state

    def _record(self, cell: Path | None = None) -> bool:
        """Write the record, also into a cell's folder; a full disk must not end a run that its cells may survive."""
        try:
            self.invocation.write(self._root)
            if cell:
                self.invocation.leave_word(cell)
        except OSError as error:
            self._state = f"down: {self._root / FOLDER} cannot be written ({error.strerror})"
            return False
        return True


def follow(uri: str, record: Path) -> int:
    """The child process: sync until the invocation is over. Returns 0 if MLflow has everything, else 1."""
    root, session = record.parent.parent, None
    over, retry_at, again = False, 0.0, True
    unsent: dict[str, tuple[str, float]] = {}
    state = said = ""
    while (invocation := Invocation.read(record)) is not None:
        over = over or invocation.status != "running"
        if over or time.monotonic() >= retry_at:
            was_up = session is not None
            try:
                if session is None:
                    session = Session(uri, LIVE_TIMEOUT_S)
                    session.parent(invocation)
                    session.reap()
                for name in invocation.watched:
                    if over or time.monotonic() >= unsent.get(name, ("", 0.0))[1]:
                        try:
                            with contextlib.suppress(Timeout):
                                session.cell(root / "cells" / name, invocation, over=over)
                            unsent.pop(name, None)
                        except UnsentError as error:
                            unsent[name] = str(error), time.monotonic() + RETRY_CELL_S
                if over:
                    session.mark_reused(invocation, root)
                    session.finish(invocation, root)
                state = f"ok {shown(uri)}"
                for name, (reason, _) in unsent.items():
                    state = f"incomplete: {len(unsent)} of {len(invocation.watched)} cells unsent, {name}: {reason}"
            except Exception as error:
                session, retry_at = None, time.monotonic() + RETRY_S
                state = f"down: {failure(uri, error)}"
                if state != said:
                    print(shown(traceback.format_exc()), flush=True)  # noqa: T201 (into its log)
            said = state
            # A state that cannot be told is no reason to stop.
            with contextlib.suppress(OSError):
                write_atomically(invocation.file(root, STATE), state)
            complete = session is not None and not unsent
            if over and (complete or not (again and was_up)):
                return 0 if complete else 1
            if over:
                again = False
                # A busy database or one lost answer is worth a second try; a dead server is not.
                time.sleep(0.5)
        # Nothing is ever written to the pipe. It turns readable when the main process closes it, or is gone.
        over = bool(select.select([sys.stdin], [], [], POLL_S)[0])
    return 1


if __name__ == "__main__":
    # The address comes in the environment, not among the arguments, for it may hold a password.
    sys.exit(follow(os.environ["MLFLOW_TRACKING_URI"], Path(sys.argv[1])))
