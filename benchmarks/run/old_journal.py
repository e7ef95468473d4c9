"""What a crash leaves behind: a cell's directory, written so that it is readable at any moment.

``cell.json`` (the order), ``journal.jsonl`` (what happened, appended line by line), ``result.json`` (how it ended), and
last of all ``done``. Single files are replaced atomically; a torn last line of the journal is ignored by readers.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

Status = Literal["ok", "failed", "oom", "timeout", "nonfinite", "skipped"]


def now_ms() -> int:
    """Unix time in milliseconds, the unit of every time in a journal."""
    return time.time_ns() // 1_000_000


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace ``path`` in one step: temporary name in the same folder, fsync, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, data: Any) -> None:
    """Atomically write indented JSON; NaN and infinities are refused, since other readers choke on them."""
    write_atomically(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in ``path``, or ``None`` where there is none to be read."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def events(directory: Path) -> Iterator[dict[str, Any]]:
    """The journal's events in order. Lines that a crash tore are passed over."""
    try:
        lines = (directory / "journal.jsonl").read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def finished(directory: Path) -> dict[str, Any] | None:
    """The result of a cell that ended, whatever its status; ``None`` while it has not."""
    return read_json(directory / "result.json") if (directory / "done").exists() else None


class Journal:
    """Appends events to a cell's journal. One writer at a time: the cell's process, or the executor after its end."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._path = directory / "journal.jsonl"

    def start(self, cell: Mapping[str, Any], environment: Mapping[str, str], data: Mapping[str, str]) -> str:
        """Open an attempt; the journal keeps one identity over all attempts in its directory. Returns that identity."""
        starts = [event for event in events(self.directory) if event.get("event") == "start"]
        identity = str(starts[0]["journal"]) if starts else uuid.uuid4().hex
        self._mend_torn_line()
        self.write(
            "start",
            journal=identity,
            attempt=len(starts) + 1,
            cell=dict(cell),
            environment=dict(environment),
            data=dict(data),
        )
        return identity

    def write(self, event: str, **content: Any) -> None:
        """Append one event. Floats must be finite."""
        line = json.dumps({"t": now_ms(), "event": event, **content}, allow_nan=False, separators=(",", ":"))
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def end(self, status: Status, reason: str, result: Mapping[str, Any]) -> None:
        """Close the attempt: the end event, then ``result.json``, and last of all ``done``."""
        self._mend_torn_line()
        self.write("end", status=status, reason=reason, wall_s=result.get("wall_s", 0.0))
        write_json(self.directory / "result.json", {**result, "status": status, "reason": reason})
        write_atomically(self.directory / "done", status + "\n")

    def _mend_torn_line(self) -> None:
        """End an unfinished last line, so that the next event does not become part of it."""
        try:
            with self._path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                torn = file.read(1) != b"\n"
        except OSError:
            return
        if torn:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n")
