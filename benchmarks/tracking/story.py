"""What a journal tells, read from wherever the last reading ended. Pure: no MLflow in here."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from retable.benchmarks.run.old_journal import read_json
from retable.benchmarks.tracking.names import MAX_NAME, curve_metric, escape, score_metric, system_metric


class Point(NamedTuple):
    """One value of one metric; equal points are stored once."""

    name: str
    value: float
    t: int
    """Unix milliseconds, the journal's own."""
    step: int


class Grid(NamedTuple):
    """One grid of sample images."""

    step: int
    t: int
    file: Path


class Line(NamedTuple):
    """One event with the bytes of the journal that it fills, ``begin`` to ``end``."""

    begin: int
    end: int
    event: dict[str, Any]


def read_lines(path: Path, offset: int) -> Iterator[Line]:
    """Events from byte ``offset`` on.

    Torn lines are passed over. An unfinished last line is not consumed unless it is whole but for its line end: no
    beginning of a JSON object is itself JSON, so what parses is complete.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read()
    except OSError:
        return
    begin = offset
    for raw in content.splitlines(keepends=True):
        end = begin + len(raw)
        try:
            event = json.loads(raw)
        except ValueError:
            event = None
        if isinstance(event, dict) and isinstance(event.get("t"), int):
            yield Line(begin, end, event)
        begin = end


@dataclass
class Story:
    """A cell's journal as far as it has been read, and what of it is new since :meth:`take`.

    A resumed attempt goes over steps again that were already drawn: the first drawing of a step stands. System
    measurements count from zero in every attempt and are laid end to end.
    """

    directory: Path
    offset: int = 0
    """Bytes read."""
    journal: str = ""
    """The journal's identity; empty until it is known."""
    cell: dict[str, Any] = field(default_factory=dict)
    first: dict[str, Any] | None = None
    """The first start event: when the run began, and its parameters."""
    latest: dict[str, Any] = field(default_factory=dict)
    """The newest start event: what it runs on now."""
    attempts: int = 0
    status: str = "running"
    reason: str = ""
    first_t: int = 0
    last_t: int = 0
    """Unix milliseconds of the first and of the last event."""
    notes: list[str] = field(default_factory=list)
    nonfinite: set[str] = field(default_factory=set)
    points: list[Point] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    _reached: dict[str, int] = field(default_factory=dict)
    _system_base: int = 0
    _system_next: int = 0

    def read_on(self, *, closed: bool, stored: int = 0) -> None:
        """Read what the journal has gained.

        Args:
            closed: the attempt is over and its files are complete. While it is not, an end event that is the last
                word is left unread: ``result.json`` and ``done`` come after it.
            stored: bytes of the journal that MLflow has already; they are read for what they mean to the rest.
        """
        lines = list(read_lines(self.directory / "journal.jsonl", self.offset))
        if lines and lines[-1].event.get("event") == "end" and not closed:
            lines.pop()
        for line in lines:
            self._hear(line.event, fresh=line.end > stored)
            self.offset = line.end
        if closed and not self.journal and self.last_t:
            self._name_unstarted()

    def take(self) -> tuple[list[Point], list[Grid]]:
        """The new points and grids, once."""
        points, self.points, grids, self.grids = self.points, [], self.grids, []
        return points, grids

    @property
    def began(self) -> int:
        """Unix milliseconds of the first start, or of the first event where nothing ever started."""
        return int(self.first["t"]) if self.first else self.first_t

    def _hear(self, event: Mapping[str, Any], *, fresh: bool) -> None:
        t = int(event["t"])
        self.first_t, self.last_t = self.first_t or t, max(self.last_t, t)
        before = len(self.points), len(self.grids)
        match event.get("event"):
            case "start":
                self._start(event)
            case "metrics":
                self._values(event, t)
            case "system":
                self._system(event, t)
            case "samples":
                self._samples(event, t)
            case "score":
                self._score(event.get("score"), t)
            case "note":
                self.notes.append(str(event.get("text", "")))
            case "end":
                self.status, self.reason = str(event.get("status", "failed")), str(event.get("reason", ""))
            case _:
                pass
        if not fresh:
            del self.points[before[0] :], self.grids[before[1] :]

    def _start(self, event: Mapping[str, Any]) -> None:
        self.attempts += 1
        self.first = self.first or dict(event)
        self.latest = dict(event)
        self.journal = escape(str(self.first.get("journal", "")))[:MAX_NAME]
        self.cell = _mapping(event.get("cell")) or self.cell
        self.status, self.reason = "running", ""
        self._system_base = self._system_next

    def _values(self, event: Mapping[str, Any], t: int) -> None:
        step = _step(event)
        for name, value in _mapping(event.get("values")).items():
            metric = curve_metric(name)
            if step > self._reached.get(metric, -1):
                self._reached[metric] = step
                self._point(metric, value, t, step)

    def _system(self, event: Mapping[str, Any], t: int) -> None:
        step = self._system_base + _step(event)
        self._system_next = max(self._system_next, step + 1)
        for name, value in _mapping(event.get("values")).items():
            self._point(system_metric(name), value, t, step)

    def _samples(self, event: Mapping[str, Any], t: int) -> None:
        step = _step(event)
        file = (self.directory / str(event.get("file", ""))).resolve()
        inside = file.is_relative_to(self.directory.resolve())
        if inside and step > self._reached.get("samples", -1):
            self._reached["samples"] = step
            self.grids.append(Grid(step, t, file))

    def _score(self, score: Any, t: int) -> None:
        score = _mapping(score)
        if isinstance(score.get("name"), str):
            slice_ = {str(key): str(value) for key, value in _mapping(score.get("slice")).items()}
            self._point(score_metric(score["name"], slice_), score.get("value"), t, 0)

    def _point(self, metric: str, value: Any, t: int, step: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            self.points.append(Point(metric, number, t, step))
        else:
            self.nonfinite.add(metric)

    def _name_unstarted(self) -> None:
        """A cell that was skipped, or died before its first word, has no identity of its own: derive one."""
        self.cell = read_json(self.directory / "cell.json") or {}
        self.journal = escape(f"unstarted-{self.cell.get('hash') or self.directory.name}-{self.first_t}")[:MAX_NAME]


def _mapping(value: Any) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _step(event: Mapping[str, Any]) -> int:
    step = event.get("step", 0)
    return step if isinstance(step, int) and 0 <= step < 2**62 else 0
