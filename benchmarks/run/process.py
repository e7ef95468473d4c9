"""The local executor's half of the seam: submit a cell, poll its status, end it.

An executor for many machines offers the same three calls and runs the same command.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from retable.benchmarks.run.old_journal import Journal, Status, finished, now_ms, write_json
from retable.reports.records.cell import Cell

GRACE_S = 3.0
"""Between the polite and the impolite way of ending a process."""


class LocalProcess:
    """One cell running as a process group of its own on this machine."""

    def __init__(self, cell: Cell, root: Path) -> None:
        """Write the order, open the log and start."""
        self.cell = cell
        self.directory = cell.directory(root)
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "progress.json").unlink(missing_ok=True)
        write_json(self.directory / "cell.json", cell.to_json())
        self.started = time.monotonic()
        self._started_ms = now_ms()
        self._oom_kills = _oom_kills()
        self._ended_for: tuple[Status, str] | None = None
        self._log: IO[bytes] = (self.directory / "log.txt").open("ab")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "retable.benchmarks.cell",
                str(self.directory / "cell.json"),
                str(self.directory),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **_threads(cell.run.threads)},
        )

    def poll(self) -> tuple[Status, str] | None:
        """``None`` while it runs, then ``(status, reason)``; ends it when its time is up."""
        code = self._process.poll()
        if code is None:
            limit = self.cell.run.timeout_s
            if time.monotonic() - self.started > limit:
                self.end("timeout", f"no result after {limit:g} s (run.timeout_s)")
            return None
        self._log.close()
        result = self._own_result()
        if result is not None and (self._ended_for is None or result["status"] == "ok"):
            return result["status"], result["reason"]
        status, reason = self._ended_for or self._name_death(code)
        self._record_death(status, reason)
        return status, reason

    def end(self, status: Status, reason: str) -> None:
        """End the process group; the next polls report this status, unless the cell had just finished by itself."""
        if self._own_result() is None:
            self._ended_for = (status, reason)
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_S)
                break

    def _own_result(self) -> dict[str, Any] | None:
        """The result, unless it is an earlier attempt's failure that this process has not got round to remove."""
        result = finished(self.directory)
        if result is None or (result["status"] != "ok" and result["ended"] < self._started_ms):
            return None
        return result

    def _name_death(self, code: int) -> tuple[Status, str]:
        if code == -signal.SIGKILL and _oom_kills() > self._oom_kills:
            return "oom", "killed by the kernel because memory ran out"
        if code < 0:
            return "failed", f"killed by {signal.Signals(-code).name}"
        return "failed", f"its process ended with exit code {code} and left no result; see {self.directory / 'log.txt'}"

    def _record_death(self, status: Status, reason: str) -> None:
        ended = now_ms()
        result = {
            "cell": self.cell.to_json(),
            "scores": [],
            "environment": {},
            "data": {},
            "steps": self.cell.method_settings.get("steps", 0),
            "journal": "",
            "started": self._started_ms,
            "ended": ended,
            "wall_s": (ended - self._started_ms) / 1000,
        }
        Journal(self.directory).end(status, reason, result)


def _threads(count: int) -> dict[str, str]:
    """What tells the numeric libraries how many threads to start; they read it when they are imported."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(count))


def record_skipped(cell: Cell, root: Path, reason: str) -> None:
    """Leave word in a cell's directory that it was not run, and why; a finished result is left as it is."""
    now = now_ms()
    directory = cell.directory(root)
    if (finished(directory) or {}).get("status") == "ok":
        return
    journal = Journal(directory)
    write_json(directory / "cell.json", cell.to_json())
    result = {"cell": cell.to_json(), "scores": [], "environment": {}, "data": {}, "steps": 0, "journal": ""}
    journal.end("skipped", reason, {**result, "started": now, "ended": now, "wall_s": 0.0})


def _oom_kills() -> int:
    """How many processes the kernel has killed for memory since boot; 0 where it does not say."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
