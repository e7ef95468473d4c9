"""A cell's journal, one JSON line per event, appended while the cell runs; it ends with the cell's result.

A cell's folder holds ``cell.json`` (the order), ``journal.jsonl``, ``result.json`` (how it ended) and, last of all,
``done``. It can be read at any moment: single files are replaced in one step, and a torn last line is passed over.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, TypeAdapter, ValidationError

from retable.reports.records.cell import Cell
from retable.reports.records.files import open_file, read_file, write_atomically
from retable.reports.records.result import Moment, RecordError, Result, Seconds, Status, first_problem
from retable.reports.records.score import Count, Line, Score, StepScores

MOST_BYTES = 2**28
"""A million points of training curves; nothing in a report or a resumed run needs more."""


def now_ms() -> int:
    """Unix time in milliseconds, the unit of every time in a journal."""
    return time.time_ns() // 1_000_000


class Beginning(NamedTuple):
    """When something began, on both clocks: only the second one never jumps, so it alone tells how long it took."""

    ms: int
    """Unix milliseconds."""
    at: float
    """``time.monotonic()``, in seconds; of this process alone."""

    @classmethod
    def now(cls) -> Beginning:
        """Of what begins now."""
        return cls(now_ms(), time.monotonic())

    def until_now(self) -> int:
        """Milliseconds since then."""
        return round(1000 * (time.monotonic() - self.at))


def outcome(
    cell: Cell,
    status: Status,
    reason: str = "",
    *,
    started: Beginning,
    journal: str = "",
    environment: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    scores: Sequence[Score] = (),
    during: Sequence[StepScores] = (),
) -> Result:
    """The result of an attempt that ends now, whatever its end; the keywords are the fields of :class:`Result`."""
    steps, took = cell.method_settings.get("steps", 0), started.until_now()
    return Result(
        cell=cell,
        status=status,
        reason=reason,
        scores=tuple(scores),
        during=tuple(during),
        environment=dict(environment or {}),
        data=dict(data or {}),
        steps=steps if isinstance(steps, int) else 0,
        journal=journal,
        started=started.ms,
        ended=started.ms + took,
        wall_s=took / 1000,
    )


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    t: Moment = Field(default_factory=now_ms)
    """Unix milliseconds."""


class Start(_Event):
    """An attempt begins."""

    event: Literal["start"] = "start"
    journal: str
    """Identity of the journal, one over all attempts in its folder."""
    attempt: Count
    cell: Cell
    environment: dict[str, str]
    data: dict[str, str]


class Metrics(_Event):
    """Points of the training curves."""

    event: Literal["metrics"] = "metrics"
    step: Count
    values: dict[Line, FiniteFloat]


class System(_Event):
    """Measurements of the process and the GPU; ``step`` counts them from 0 in every attempt."""

    event: Literal["system"] = "system"
    step: Count
    values: dict[Line, FiniteFloat]


class Samples(_Event):
    """A grid of images was drawn."""

    event: Literal["samples"] = "samples"
    step: Count
    file: Annotated[str, StringConstraints(pattern=r"^(\w[\w.-]*/)*\w[\w.-]*$", max_length=200)]
    """Relative to the cell's folder."""


class Scored(_Event):
    """A score was measured."""

    event: Literal["score"] = "score"
    score: Score
    step: Count | None = None
    """The step after which it was measured on the way; ``None`` for a score of the trained row."""


class Note(_Event):
    """Something that a reader of the run should know."""

    event: Literal["note"] = "note"
    text: str


class End(_Event):
    """An attempt is over."""

    event: Literal["end"] = "end"
    status: Status
    reason: str = ""
    wall_s: Seconds = 0.0


Event = Start | Metrics | System | Samples | Scored | Note | End
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def scores_during(events: Iterable[Event]) -> tuple[StepScores, ...]:
    """The scores on the way that a journal holds, by step; of a score that is there twice the first stands."""
    found: dict[int, dict[object, Score]] = {}
    for event in events:
        if isinstance(event, Scored) and event.step is not None:
            found.setdefault(event.step, {}).setdefault(event.score.key, event.score)
    return tuple(StepScores(step=step, scores=tuple(found[step].values())) for step in sorted(found))


def first_start(directory: Path) -> Start | None:
    """What began the journal in a cell's folder, or ``None``."""
    return next((event for event in read_journal(directory).events if isinstance(event, Start)), None)


class Reading(NamedTuple):
    """What a journal holds from some byte on."""

    events: list[Event]
    offset: int
    """Where the next reading goes on: the byte after the last line that was read."""
    ends: list[int]
    """For every event the byte after its line."""
    bad: list[int]
    """Numbers of the lines, counted from 1 where this reading began, that hold no event. A torn last line is not among
    them: it is what a crash leaves, or the beginning of what is still being written."""
    unread: str = ""
    """Why a file that is there cannot be read."""


def read_journal(directory: Path, offset: int = 0) -> Reading:
    """Read the journal in a cell's folder; an empty reading where there is none.

    An unfinished last line is left for the next reading unless it is whole but for its line end: no beginning of a JSON
    object is itself JSON, so what parses is complete.
    """
    events: list[Event] = []
    ends: list[int] = []
    bad: list[int] = []
    at = reached = offset
    try:
        with open_file(directory / "journal.jsonl", MOST_BYTES) as file:
            file.seek(offset)
            for number, line in enumerate(file, start=1):
                at += len(line)
                whole = line.endswith(b"\n")
                try:
                    event = _EVENT.validate_json(line if _intact(line) else b"")
                except ValidationError:
                    if whole and line.strip():
                        bad.append(number)
                else:
                    events.append(event)
                    ends.append(at)
                    whole = True
                if whole:
                    reached = at
    except FileNotFoundError:
        pass
    except OSError as error:
        return Reading(events, reached, ends, bad, error.strerror or str(error))
    return Reading(events, reached, ends, bad)


def _intact(line: bytes) -> bool:
    """Whether a line is what its last entry, a checksum, says; earlier versions wrote none."""
    content, mark, checksum = line.rstrip().rpartition(b',"crc":"')
    return not mark or checksum == b'%08x"}' % zlib.crc32(content)


class Seal(NamedTuple):
    """A journal's beginning: its length in bytes and its SHA-256."""

    size: int
    sha256: str


class Journal:
    """Appends events to a cell's journal. One writer at a time: the cell's process, or the scheduler after its end."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._path = directory / "journal.jsonl"

    def start(self, cell: Cell, environment: Mapping[str, str], data: Mapping[str, str]) -> Start:
        """Open an attempt. Returns the first one of this folder, whose identity all attempts share."""
        starts = [event for event in read_journal(self.directory).events if isinstance(event, Start)]
        identity = starts[0].journal if starts else uuid.uuid4().hex
        self._mend_torn_line()
        this = Start(
            journal=identity,
            attempt=len(starts) + 1,
            cell=cell,
            environment=dict(environment),
            data=dict(data),
        )
        self.write(this)
        return starts[0] if starts else this

    def write(self, event: Event) -> None:
        """Append one event."""
        line = event.model_dump_json().encode()[:-1]
        with self._path.open("ab") as file:
            file.write(line + b',"crc":"%08x"}\n' % zlib.crc32(line))

    def seal(self) -> Seal:
        """What the journal holds so far, which is on disk when this returns: a checkpoint rests on its curves."""
        with self._path.open("rb+") as file:
            content = file.read()
            os.fsync(file.fileno())
        return Seal(len(content), hashlib.sha256(content).hexdigest())

    def holds(self, seal: Seal) -> bool:
        """Whether the journal still begins with what it held when it was sealed."""
        try:
            with open_file(self._path, MOST_BYTES) as file:
                content = file.read(seal.size)
        except OSError:
            return False
        return Seal(len(content), hashlib.sha256(content).hexdigest()) == seal

    def end(self, result: Result) -> None:
        """Close the attempt: the end event, then ``result.json``, and last of all ``done``, which seals both."""
        self._mend_torn_line()
        self.write(End(status=result.status, reason=result.reason, wall_s=result.wall_s))
        seal = self.seal()
        content = f"{result.model_dump_json(indent=1)}\n".encode()
        write_atomically(self.directory / "result.json", content)
        digest = hashlib.sha256(content).hexdigest()
        write_atomically(self.directory / "done", f"{result.status}\n{digest}\n{seal.size} {seal.sha256}\n")

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


def read_result(directory: Path) -> Result | None:
    """The result in a cell's folder, whether or not the cell is done; ``None`` where there is no such file.

    Raises:
        RecordError: the file cannot be read or is not a result.
    """
    path = directory / "result.json"
    where = f"{directory.name}/result.json"
    try:
        content = read_file(path)
        expected = _expected_digest(directory)
        if expected is not None and hashlib.sha256(content).hexdigest() != expected:
            raise RecordError(f"{where} is damaged or was changed: it is not the file whose digest `done` names")
        return Result.model_validate_json(content)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(f"{where} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise RecordError(f"{where} is not a result: {first_problem(error)}") from error


def _expected_digest(directory: Path) -> str | None:
    """The digest of ``result.json`` that ``done`` names; ``None`` where the cell is not done, or names none.

    Earlier versions wrote the status alone.
    """
    try:
        lines = read_file(directory / "done").decode(errors="replace").split()
    except FileNotFoundError:
        return None
    return lines[1] if len(lines) > 1 else None if lines and lines[0] in get_args(Status) else ""


def sealed(directory: Path) -> bool:
    """Whether the journal of a cell that is done still begins with what it held then.

    Earlier versions sealed none, and one that cannot be read has nothing to say: the result is then damaged.
    """
    try:
        words = read_file(directory / "done").decode(errors="replace").split()
    except OSError:
        return True
    if len(words) < 4:
        return True
    return words[2].isdecimal() and len(words[2]) < 16 and Journal(directory).holds(Seal(int(words[2]), words[3]))


def finished(directory: Path) -> Result | None:
    """The result of a cell that ended, whatever its status; ``None`` while it has not, or where its file is damaged."""
    if not (directory / "done").exists():
        return None
    try:
        return read_result(directory)
    except RecordError:
        return None
