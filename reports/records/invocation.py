"""The record of an invocation, ``ROOT/invocations/ID.json``: one run of the command, and the cells that it planned.

``retable run`` writes it; live tracking, ``retable sync`` and the report read it. So a parent run in MLflow can be
made, or finished, long after the fact.
"""

from __future__ import annotations

import socket
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retable.reports.records.files import read_json, write_json
from retable.reports.records.result import Moment

FOLDER = "invocations"
OF_CELL = {"id", "suite", "started", "command", "commit", "dirty", "host", "pid"}
"""The fields that ``invocation.json`` in a cell's folder holds, of the newest invocation that ran the cell."""


class Invocation(BaseModel):
    """One run of the command."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(pattern=r"^[A-Za-z0-9-]+$", max_length=100)
    """Becomes a file's name."""
    suite: str
    started: Moment
    """Unix milliseconds."""
    command: str = ""
    commit: str = "unknown"
    dirty: str = "unknown"
    host: str = ""
    pid: int = 0

    planned: dict[str, str] = {}
    """Hash -> address of every cell of the plan, those done by earlier invocations included."""
    watched: list[str] = []
    """Names of the folders below ``ROOT/cells`` of the cells that this invocation runs."""
    device: str = ""
    status: str = "unknown"
    """``running``, then how it ended; ``unknown`` where only a cell tells of the invocation."""
    ended: Moment = 0
    """Unix milliseconds; 0 while it runs."""
    summary: str = ""
    """Markdown for the parent run's description."""
    report: str = ""
    """Folder of the rendered report, or empty."""

    @classmethod
    def read(cls, file: Path) -> Invocation | None:
        """The record in a file; ``None`` where there is no readable one."""
        try:
            return cls.model_validate(read_json(file))
        except ValidationError:
            return None

    @classmethod
    def of_cell(cls, directory: Path) -> Invocation | None:
        """The newest invocation that ran the cell in ``directory``: its full record, else what the cell knows of it."""
        known = cls.read(directory / "invocation.json")
        return (cls.read(known.file(directory.parent.parent)) or known) if known else None

    def file(self, root: Path, suffix: str = ".json") -> Path:
        """Where the record is, below the folder of all runs; with another suffix, a file beside it."""
        return root / FOLDER / f"{self.id}{suffix}"

    def write(self, root: Path) -> None:
        """Write the record atomically."""
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        write_json(self.file(root), self.model_dump())

    def leave_word(self, directory: Path) -> None:
        """Say in a cell's folder which invocation runs the cell."""
        directory.mkdir(parents=True, exist_ok=True)
        write_json(directory / "invocation.json", self.model_dump(include=OF_CELL))

    @property
    def alive(self) -> bool:
        """Whether its process still runs, as far as this machine can tell.

        A process that was born later has merely inherited the number.
        """
        if self.host != socket.gethostname():
            return False
        try:
            process = psutil.Process(self.pid)
            born_before = process.create_time() * 1000 <= self.started + 2000
            return bool(born_before and process.status() != psutil.STATUS_ZOMBIE)
        except (psutil.Error, ValueError):
            return False
