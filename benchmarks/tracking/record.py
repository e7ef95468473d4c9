"""The record of an invocation, ``ROOT/invocations/ID.json``: what its parent run in MLflow is made from.

Written by the main process of ``retable run`` and read by the tracker's worker and by ``retable sync``, so a parent run
can be made, or finished, long after the fact.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict

from retable.benchmarks.run.old_journal import now_ms, read_json, write_json

FOLDER = "invocations"


class Invocation(BaseModel):
    """One run of the command. A cell's ``invocation.json`` holds the first eight fields of the newest one it was in."""

    model_config = ConfigDict(extra="ignore")

    id: str
    suite: str
    started: int
    """Unix milliseconds."""
    command: str = ""
    commit: str = "unknown"
    dirty: str = "unknown"
    host: str = ""
    pid: int = 0

    planned: dict[str, str] = {}
    """Hash -> address of every cell of the plan, those from earlier invocations included."""
    watched: list[str] = []
    """Names of the folders below ``ROOT/cells`` of the cells that this invocation runs."""
    device: str = ""
    status: str = "unknown"
    """``running``, then what :meth:`Tracker.finish` was told; ``unknown`` where only a cell tells of the invocation."""
    ended: int = 0
    """Unix milliseconds; 0 while it runs."""
    summary: str = ""
    """Markdown for the parent run's description."""
    report: str = ""
    """Folder of the rendered report, or empty."""

    @classmethod
    def begin(cls, id_: str, suite: str) -> Invocation:
        """A new invocation by this process."""
        from retable.benchmarks.environment import REPOSITORY, git_state

        commit, dirty = git_state(REPOSITORY)
        return cls(
            id=id_,
            suite=suite,
            started=now_ms(),
            command=shlex.join(["retable", *sys.argv[1:]]),
            commit=commit,
            dirty=dirty,
            host=socket.gethostname(),
            pid=os.getpid(),
            status="running",
        )

    @classmethod
    def read(cls, root: Path, id_: str) -> Invocation | None:
        """The record of an invocation; ``None`` where there is none, or none to be read."""
        return _valid(read_json(root / FOLDER / f"{id_}.json"))

    @classmethod
    def of_cell(cls, directory: Path) -> Invocation | None:
        """The newest invocation that ran the cell in ``directory``: its full record, else what the cell knows of it."""
        known = _valid(read_json(directory / "invocation.json"))
        return (cls.read(directory.parent.parent, known.id) or known) if known else None

    def write(self, root: Path) -> None:
        """Write the record atomically."""
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        write_json(root / FOLDER / f"{self.id}.json", self.model_dump())

    def for_cells(self) -> dict[str, Any]:
        """What ``invocation.json`` in a cell's folder holds."""
        return self.model_dump(include={"id", "suite", "started", "command", "commit", "dirty", "host", "pid"})

    @property
    def alive(self) -> bool:
        """Whether the process still runs, as far as this machine can tell: on another host, no."""
        return is_alive(self.host, self.pid, self.started)


def is_alive(host: str, pid: int, started: int) -> bool:
    """Whether ``pid`` on ``host`` is still the process that was there at ``started`` (unix milliseconds)."""
    if host != socket.gethostname():
        return False
    try:
        process = psutil.Process(pid)
        # A process born after the invocation began has merely inherited its number.
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.create_time() * 1000 <= started + 2000)
    except (psutil.Error, ValueError):
        return False


def _valid(data: dict[str, Any] | None) -> Invocation | None:
    try:
        found = Invocation.model_validate(data) if data else None
    except ValueError:
        return None
    # The id becomes a file's name.
    return found if found and found.id.replace("-", "").isalnum() else None
