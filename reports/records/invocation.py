"""The record of an invocation, ``ROOT/invocations/ID.json``: one run of the command, and the cells that it planned.

``retable run`` writes it; live tracking, ``retable sync`` and the report read it. So a parent run in MLflow can be
made, or finished, long after the fact.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Any

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retable.reports.records.files import own_files, read_json, write_json
from retable.reports.records.result import Moment

FOLDER = "invocations"
OF_CELL = {"id", "suite", "started", "command", "commit", "dirty", "host", "pid"}
"""The fields that ``invocation.json`` in a cell's folder holds, of the newest invocation that ran the cell."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Name = Annotated[str, Field(max_length=255)]


class Invocation(BaseModel):
    """One run of the command. A record may come from anybody, so its names are checked when it is read."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")
    """Becomes a file's name."""
    suite: Name
    started: Moment
    command: str = ""
    commit: Name = "unknown"
    dirty: Name = "unknown"
    host: Name = ""
    pid: int = Field(default=0, ge=0, lt=2**31)

    planned: dict[Hash, str] = {}
    """Hash -> address of every cell of the plan, those done by earlier invocations included."""
    watched: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")]] = []
    """Names of the folders below ``ROOT/cells`` of the cells that this invocation runs."""
    device: str = ""
    status: str = "unknown"
    """``running``, then how it ended; ``unknown`` where only a cell tells of the invocation."""
    ended: Moment = 0
    """0 while it runs."""
    summary: str = ""
    """Markdown for the parent run's description."""
    report: str = ""
    """Folder of the rendered report, or empty."""

    @classmethod
    def read(cls, file: Path) -> Invocation | None:
        """The record in a file; ``None`` where there is no readable one."""
        return cls._of(read_json(file))

    @classmethod
    def _of(cls, content: Any) -> Invocation | None:
        try:
            return cls.model_validate(content)
        except ValidationError:
            return None

    @classmethod
    def of_cell(cls, directory: Path) -> Invocation | None:
        """The newest invocation that ran the cell in ``directory``: its full record, else what the cell knows of it."""
        content = read_json(directory / "invocation.json") or {}
        known = cls._of({key: value for key, value in content.items() if key in OF_CELL})
        if known is None or directory.parent.name != "cells":
            return known
        return cls.read(known.file(directory.parent.parent)) or known

    def file(self, root: Path, suffix: str = ".json") -> Path:
        """Where the record is, below the folder of all runs; with another suffix, a file beside it."""
        return root / FOLDER / f"{self.id}{suffix}"

    def report_files(self, root: Path) -> list[Path]:
        """The files of the rendered report; none where the record names a folder that is not a report of ``root``."""
        folder, reports = Path(self.report), root.resolve() / "report"
        return own_files(reports, str(folder)) if self.report and folder.is_relative_to(reports) else []

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
