"""What the live view reads while a cell runs: ``progress.json`` in the cell's directory, refreshed twice a second."""

from __future__ import annotations

import json
import time
from pathlib import Path


class Progress:
    """Writes the current stage, step and step rate; losing a refresh costs nothing, so it never syncs the disk."""

    def __init__(self, directory: Path, interval_s: float = 0.5) -> None:
        self._path = directory / "progress.json"
        self._interval_s = interval_s
        self._written = 0.0
        self._stage = ""
        self._since = time.monotonic()
        self._first_step: int | None = None
        self.rate = 0.0
        """Steps per second since this stage began."""

    def stage(self, name: str) -> None:
        """Enter a stage: ``data``, ``train``, ``images``, ``scores``."""
        self._stage, self._since, self._first_step, self.rate = name, time.monotonic(), None, 0.0
        self._write(0, 0)

    def step(self, done: int, total: int) -> None:
        """So many steps of the stage are done."""
        now = time.monotonic()
        if self._first_step is None:
            self._first_step, self._since = done, now
        elif now > self._since:
            self.rate = (done - self._first_step) / (now - self._since)
        if now - self._written >= self._interval_s:
            self._write(done, total)

    def _write(self, done: int, total: int) -> None:
        self._written = time.monotonic()
        content = {"stage": self._stage, "step": done, "steps": total, "rate": self.rate}
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(content))
        temporary.replace(self._path)
