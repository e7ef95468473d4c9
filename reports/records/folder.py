"""One cell's folder, read: whatever a run, a crash or a full disk left there is a record, never a traceback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from retable.reports.records.cell import Cell
from retable.reports.records.files import is_inside, read_json
from retable.reports.records.journal import (
    End,
    Event,
    Samples,
    Scored,
    Start,
    read_journal,
    read_result,
    scores_during,
    sealed,
)
from retable.reports.records.result import RecordError, Result, first_problem
from retable.reports.records.score import Score


@dataclass(frozen=True)
class CellRecord:
    """What is known of one cell."""

    cell: Cell
    status: str
    """How the cell ended (:data:`~retable.reports.records.result.Status`), or ``damaged``, ``unfinished``,
    ``not-run``."""
    reason: str = ""
    result: Result | None = None
    """``None`` unless the cell ended and its result can be read."""
    directory: Path | None = None
    events: tuple[Event, ...] = ()
    """The journal; empty for a recorded result."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: Result) -> CellRecord:
        """The record of a result without a folder."""
        return cls(result.cell, result.status, result.reason, result)

    @property
    def scores(self) -> tuple[Score, ...]:
        """Every score, also those of a cell that did not end well."""
        return self.result.scores if self.result is not None else ()

    @property
    def half_way(self) -> tuple[Score, ...]:
        """Scores after half of the steps, empty where there are none; a row that trains nothing is what it stays."""
        if self.result is None or not self.result.steps:
            return self.scores
        at_half = [one for one in self.result.during if abs(2 * one.step - self.result.steps) <= 1]
        return at_half[0].scores if at_half else ()

    @property
    def environment(self) -> dict[str, str]:
        """Device, versions, commit; of a cell without a result, those of its last attempt."""
        return self._made_with.environment if self._made_with is not None else {}

    @property
    def data(self) -> dict[str, str]:
        """Data set or file -> digest."""
        return self._made_with.data if self._made_with is not None else {}

    @property
    def _made_with(self) -> Result | Start | None:
        return self.result or next(reversed(_starts(self.events)), None)

    @property
    def started(self) -> int | None:
        """Unix milliseconds."""
        if self.result is not None:
            return self.result.started or None
        return next((start.t for start in _starts(self.events)), None)

    @property
    def ended(self) -> int | None:
        """Unix milliseconds."""
        return (self.result.ended or None) if self.result is not None else None

    @property
    def wall_s(self) -> float | None:
        """Seconds of the last attempt."""
        return self.result.wall_s if self.result is not None else None

    @property
    def source(self) -> str:
        """Where the task's data come from: ``standin`` or ``real``."""
        return str(self.cell.task_settings.get("source", ""))

    @cached_property
    def pictures(self) -> dict[str, Path]:
        """Label -> picture: sample grids (``step 500``) in order of steps, then final ones (``final outputs``)."""
        if self.directory is None:
            return {}
        samples = {event.step: self.directory / event.file for event in self.events if isinstance(event, Samples)}
        found = {f"step {step:,}": samples[step] for step in sorted(samples)}
        found |= {f"final {path.stem}": path for path in sorted((self.directory / "images").glob("*.png"))}
        # Whoever made the folder must not make a report publish files from elsewhere.
        return {label: path for label, path in found.items() if is_inside(path, self.directory) and path.is_file()}


def read_cell(directory: Path) -> CellRecord:
    """Read a cell's folder.

    Raises:
        RecordError: nothing in it tells which cell it is.
    """
    reading = read_journal(directory)
    events = tuple(reading.events)
    warnings: tuple[str, ...] = ()
    if reading.unread:
        warnings = (f"{directory.name}/journal.jsonl cannot be read: {reading.unread}",)
    elif reading.bad:
        warnings = (f"{directory.name}/journal.jsonl: line {reading.bad[0]} holds no event and was passed over",)
    elif (directory / "done").exists() and not sealed(directory):
        where = f"{directory.name}/journal.jsonl"
        warnings = (f"{where} is not what it was when the cell ended: it is damaged; run the cell again",)
    try:
        result = read_result(directory)
    except RecordError as error:
        problem = f"{error}; delete the folder and run the cell again"
        return CellRecord(
            _ordered(directory, events), "damaged", problem, None, directory, events, (*warnings, problem)
        )
    if result is None:
        result = _result_of(events)
    if result is None:
        reason = "the run stopped without an end, or is still going"
        return CellRecord(_ordered(directory, events), "unfinished", reason, None, directory, events, warnings)
    return CellRecord(result.cell, result.status, result.reason, result, directory, events, warnings)


def read_cells(directories: Sequence[Path]) -> tuple[list[CellRecord], list[str]]:
    """The records of several folders by their names, and one line for each folder that could not be read.

    A folder that is a link to elsewhere is left out: who was given a folder of runs does not mean to publish another.
    """
    records: list[CellRecord] = []
    problems: list[str] = []
    for directory in sorted(directories):
        try:
            refuse_link(directory)
            records.append(read_cell(directory))
        except RecordError as error:
            problems.append(str(error))
    return records, problems


def refuse_link(directory: Path) -> None:
    """Raise a :class:`RecordError` where the folder of a cell is a link to somewhere else."""
    if not is_inside(directory, directory.parent):
        raise RecordError(f"{directory.name} is a link out of its folder of runs; left out")


def _ordered(directory: Path, events: Sequence[Event]) -> Cell:
    """Which cell the folder was made for."""
    why = "neither cell.json nor journal.jsonl tells which cell this is"
    if (content := read_json(directory / "cell.json")) is not None:
        try:
            return Cell.from_json(content)
        except ValidationError as error:
            why = f"cell.json is not a cell: {first_problem(error)}"
        except ValueError as error:
            why = f"cell.json is not a cell: {error}"
    for start in _starts(events):
        return start.cell
    raise RecordError(f"{directory.name}: {why}; left out")


def _result_of(events: Sequence[Event]) -> Result | None:
    """The result as the journal tells it; ``None`` where no attempt ended, or another one began after that."""
    starts = _starts(events)
    end = next((event for event in reversed(events) if isinstance(event, End)), None)
    if end is None or not starts or starts[-1].t > end.t:
        return None
    scores = {event.score.key: event.score for event in events if isinstance(event, Scored) and event.step is None}
    return Result(
        cell=starts[-1].cell,
        status=end.status,
        reason=end.reason,
        scores=tuple(scores.values()) if end.status == "ok" else (),
        during=scores_during(events) if end.status == "ok" else (),
        environment=starts[-1].environment,
        data=starts[-1].data,
        started=starts[0].t,
        ended=end.t,
        wall_s=end.wall_s,
    )


def _starts(events: Sequence[Event]) -> list[Start]:
    return [event for event in events if isinstance(event, Start)]
