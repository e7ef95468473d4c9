"""A cell as a process on this machine: submit it, poll it, cancel it, and record its end where it cannot do so itself.

Another place to run cells offers the same calls (``LocalProcess(...)`` submits, ``poll``, ``cancel``) and runs the same
command, ``python -m retable.benchmarks.cell``. What becomes of a cell that dies:

- An exception, a loss that is not finite or memory that runs out in Python is recorded by the cell itself.
- A crash, a kill, a time-out or an interruption leaves no result; :meth:`LocalProcess.poll` then writes one.
- Cells that need a failed one never start; the scheduler records them with :func:`record_skipped`. All others go on,
  and the next run starts the dead one again from its newest checkpoint (:mod:`retable.benchmarks.run.scheduler`).

Whatever else the cell has started ends with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from retable.reports.records.cell import Cell
from retable.reports.records.files import write_json
from retable.reports.records.journal import Beginning, Journal, finished, outcome
from retable.reports.records.result import Result, Status

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What the numerical libraries read their number of threads from, when they are loaded."""
GRACE_S = 3.0
"""Seconds between SIGTERM and SIGKILL."""
LOG_BYTES, LOG_PART = 16 * 2**20, 2**20
"""A cell's ``log.txt`` may grow so long. Past it all goes but such a part of its beginning and of its end."""
HARNESS = "RETABLE_HARNESS"
"""Environment variable that tells a cell the process that it must not outlive."""


def compute_beside_cells() -> None:
    """Let this process and its other children (tracker, report) use one thread, unless the user has said how many.

    The cells have the cores, and threads that wait for one spin. To be called before numerical libraries are loaded.
    """
    if not any(name in os.environ for name in THREADS):
        os.environ.update(dict.fromkeys(THREADS, "1"))


class LocalProcess:
    """One cell running as a process group of its own on this machine."""

    def __init__(self, cell: Cell, root: Path) -> None:
        """Write ``cell.json``, open the log and start."""
        self.cell = cell
        self.directory = cell.directory(root)
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "progress.json").unlink(missing_ok=True)
        order = self.directory / "cell.json"
        write_json(order, cell.to_json())
        self._earlier = finished(self.directory)
        self._started = Beginning.now()
        self._oom_kills = _oom_kills()
        self._cancelled: tuple[Status, str] | None = None
        # The numeric libraries read how many threads to start when they are imported.
        threads = dict.fromkeys(THREADS, str(cell.run.threads))
        with (self.directory / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "retable.benchmarks.cell", str(order), str(self.directory)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", HARNESS: str(os.getpid()), **threads},
            )

    @property
    def pid(self) -> int:
        """The process, and the group that it leads."""
        return self._process.pid

    def poll(self) -> tuple[Status, str] | None:
        """``None`` while it runs, then ``(status, reason)``; a cell whose time is up is cancelled."""
        code = self._reap()
        self._shorten_log()
        if code is None:
            limit = self.cell.run.timeout_s
            if time.monotonic() - self._started.at > limit:
                self.cancel("timeout", f"no result after {limit:g} s (run.timeout_s)")
            return None
        result = self._own_result()
        if result is not None and (self._cancelled is None or result.status == "ok"):
            return result.status, result.reason
        status, reason = self._cancelled or self._name_death(code)
        unrecorded = _record(self.directory, outcome(self.cell, status, reason, started=self._started))
        return status, f"{reason}{unrecorded}"

    def cancel(self, status: Status, reason: str) -> None:
        """End the process group. Later polls report this status, unless the cell had just finished by itself."""
        if self._own_result() is None:
            self._cancelled = (status, reason)
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)
            until = time.monotonic() + GRACE_S
            while (ended := self._reap() is not None) is False and time.monotonic() < until:
                time.sleep(0.02)
            if ended:
                break

    def _reap(self) -> int | None:
        """The exit code, once the process has ended and taken along what it has started; ``None`` until then."""
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            # Until the process is waited for, its number is its own, and so is that of its group.
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                os.killpg(self.pid, signal.SIGKILL)
        return self._process.poll()

    def _shorten_log(self) -> None:
        path = self.directory / "log.txt"
        with contextlib.suppress(OSError):
            if path.stat().st_size <= LOG_BYTES:
                return
            with path.open("rb+") as log:
                log.seek(-LOG_PART, os.SEEK_END)
                end = log.read()
                log.truncate(log.seek(LOG_PART))
                log.write(f"\n[{LOG_BYTES:,} bytes were too many; the last {LOG_PART:,} follow]\n".encode() + end)

    def _own_result(self) -> Result | None:
        """The result of this process; an earlier attempt's failure may still lie where it has not removed it yet."""
        result = finished(self.directory)
        return None if result is not None and result.status != "ok" and result == self._earlier else result

    def _name_death(self, code: int) -> tuple[Status, str]:
        if code == -signal.SIGKILL and _oom_kills() > self._oom_kills:
            return "oom", "killed by the kernel because memory ran out"
        if code < 0:
            return "failed", f"killed by {signal.Signals(-code).name}"
        return "failed", f"its process ended with exit code {code} and left no result; see {self.directory / 'log.txt'}"


def record_skipped(cell: Cell, root: Path, reason: str) -> None:
    """Record in a cell's directory that it was not run, and why. A cell that is done stays done."""
    _record(cell.directory(root), outcome(cell, "skipped", reason, started=Beginning.now()))


def _record(directory: Path, result: Result) -> str:
    """Close a cell's attempt on its behalf, unless it is done, or another run is at work on it and will tell.

    Returns:
        Why that was not possible, to be added to a reason; empty where it was.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with FileLock(directory / "lock", blocking=False):
            before = finished(directory)
            if before is None or before.status != "ok":
                write_json(directory / "cell.json", result.cell.to_json())
                Journal(directory).end(result)
    except Timeout:
        return ""
    except OSError as error:
        return f" (which could not be recorded: {explained(error)})"
    return ""


def explained(error: OSError) -> str:
    """``FILE: what is wrong``."""
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what


def _oom_kills() -> int:
    """How many processes the kernel has killed for memory since boot; 0 where it does not say."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
