"""What a cell's journal says, in MLflow's terms: metric points, sample grids, tags. Imports no MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from retable.benchmarks.tracking.names import CURVE, MAX_NAME, SYSTEM, child_note, escape, readable, score_metric
from retable.reports.records.cell import Cell
from retable.reports.records.files import own_file, read_json
from retable.reports.records.journal import End, Event, Metrics, Note, Samples, Scored, Start, System, read_journal


class NoCellError(ValueError):
    """Nothing in a folder says which cell it is."""


class Point(NamedTuple):
    """One value of one metric at unix milliseconds ``t``, from the journal. MLflow stores equal points once."""

    name: str
    value: float
    t: int
    step: int


class Grid(NamedTuple):
    """One grid of sample images."""

    step: int
    t: int
    file: Path


class History:
    """A cell's journal as far as it has been read, and what of it is new since :meth:`take`.

    A resumed attempt repeats steps: the first value of a step stands. System measurements count from zero in every
    attempt and are laid end to end.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.offset = 0
        """Bytes read."""
        self.journal = ""
        """The journal's identity; known as soon as the cell is."""
        self.cell: Cell | None = None
        self.status, self.reason = "running", ""
        self.environment: Mapping[str, str] = {}
        """What made the cell: that of its first attempt, as in its result."""
        self.first_t = self.last_t = 0
        """Unix milliseconds of the first and of the last event."""
        self._tags: dict[str, str] = {}
        self._notes: list[str] = []
        self._attempts = self._unreadable = 0
        self._new: list[tuple[int, Point | Grid | Start]] = []
        """Each with the byte after its line."""
        self._reached: dict[str, int] = {}
        self._system_base = self._system_next = 0

    def read_on(self, *, closed: bool) -> None:
        """Read what the journal has gained.

        Args:
            closed: the attempt is over and its files are complete. Until then a journal that closes with its end event
                is left for the next reading, because ``result.json`` and ``done`` are written after that event.

        Raises:
            NoCellError: neither the journal nor ``cell.json`` says which cell this is.
        """
        events, offset, ends, bad, _ = read_journal(self.directory, self.offset)
        if events and isinstance(events[-1], End) and not closed:
            return
        for event, end in zip(events, ends, strict=True):
            self._new += [(end, new) for new in self._translate(event)]
        self.offset, self._unreadable = offset, self._unreadable + len(bad)
        if closed and not self.journal and offset:
            # A cell that was skipped, or died before its first event, has no identity of its own: derive one.
            try:
                self.cell = Cell.model_validate(read_json(self.directory / "cell.json"))
            except ValidationError as error:
                raise NoCellError("neither journal nor cell.json can be read by this version of Retable") from error
            self.journal = f"unstarted-{self.cell.hash}-{self.first_t}"

    def take(self, stored: int) -> list[Point | Grid | Start]:
        """The points, grids and attempts that are new, once; without those in the first ``stored`` bytes."""
        fresh = [new for end, new in self._new if end > stored]
        self._new = []
        return fresh

    def tags(self) -> dict[str, str]:
        """Tags that follow from what has been read."""
        tags = {"retable.status": self.status, "retable.attempt": str(self._attempts), **self._tags}
        if self.reason or self._attempts > 1:
            # An empty reason takes back that of an earlier attempt.
            tags["retable.reason"] = self.reason
        if self._unreadable:
            # For instance a value that is not finite, or a line that a crash tore.
            tags["retable.unreadable_lines"] = str(self._unreadable)
        reason = [f"**{self.status}**: {self.reason}"] if self.reason else []
        if self.cell and (reason or self._notes or self._attempts > 1):
            tags["mlflow.note.content"] = "\n\n".join([*reason, *self._notes, child_note(self.cell)])
        return tags

    def _translate(self, event: Event) -> list[Point | Grid | Start]:
        """Note what an event says of the run, and return what of it MLflow stores."""
        self.first_t, self.last_t = self.first_t or event.t, max(self.last_t, event.t)
        match event:
            case Start():
                self._attempts += 1
                self.cell = event.cell
                self.journal = self.journal or escape(event.journal)[:MAX_NAME]
                self.status, self.reason = "running", ""
                self._system_base = self._system_next
                if self._attempts == 1:
                    self.environment = event.environment
                ran_last = {key: value for key, value in event.environment.items() if key == "device"}
                for key, value in {**self.environment, **ran_last}.items():
                    known = key in ("device", "commit", "dirty")
                    self._tags[f"retable.{'' if known else 'environment.'}{escape(key)}"] = value
                    if key == "commit":
                        self._tags["mlflow.source.git.commit"] = value
                return [event]
            case Metrics(t=t, step=step, values=values):
                first = {name: value for name, value in values.items() if self._is_first(name, step)}
                return [Point(readable(name, CURVE), value, t, step) for name, value in first.items()]
            case System(t=t, values=values):
                step = self._system_base + event.step
                self._system_next = max(self._system_next, step + 1)
                return [Point(readable(name, SYSTEM), value, t, step) for name, value in values.items()]
            case Samples(t=t, step=step):
                file = own_file(self.directory, event.file)
                if file is not None and self._is_first("samples/", step):
                    self._tags["mlflow.loggedImages"] = "True"
                    return [Grid(step, t, file)]
            case Scored(t=t, score=score, step=on_the_way):
                name = score_metric(score.name, score.slice)
                # The newest step is what MLflow shows: the trained row's.
                return [Point(name, score.value, t, self._steps if on_the_way is None else on_the_way)]
            case Note(text=text):
                self._notes.append(text)
            case End():
                self.status, self.reason = event.status, event.reason
        return []

    @property
    def _steps(self) -> int:
        steps = self.cell.method_settings.get("steps") if self.cell else None
        return steps if isinstance(steps, int) else 0

    def _is_first(self, name: str, step: int) -> bool:
        """Whether ``name`` reaches ``step`` for the first time."""
        first = step > self._reached.get(name, -1)
        if first:
            self._reached[name] = step
        return first
