"""How a cell ended: the schema of ``result.json``, whose parts are :class:`~retable.reports.records.cell.Cell` and
:class:`~retable.reports.records.score.Score`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retable.reports.records.cell import Cell
from retable.reports.records.score import Count, Score, StepScores

Status = Literal["ok", "failed", "oom", "timeout", "nonfinite", "skipped"]
"""How a cell may end; all but ``ok`` come with a reason."""
Moment = Annotated[int, Field(ge=0, le=253_402_300_799_999)]
"""Unix milliseconds, up to the last that a calendar knows."""
Seconds = Annotated[float, Field(ge=0, le=1e12)]


class RecordError(Exception):
    """A file of a cell's folder does not hold what it should; the message names the file, what is wrong and where."""


class Result(BaseModel):
    """One cell's outcome. Keys that a newer version adds are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    cell: Cell
    status: Status
    reason: str = ""
    """One line; empty for ``ok``."""
    scores: tuple[Score, ...] = ()
    """In the task's order. A cell that failed keeps those it had.

    Of a cell whose process was killed they are in the journal alone.
    """
    during: tuple[StepScores, ...] = ()
    """Scores on the way, by step: of a cell that ended well, and was to be scored there (``run.scores_at``)."""
    environment: dict[str, str] = {}
    """What the cell depended on besides its settings: device, versions, commit, digest of the sources."""
    data: dict[str, str] = {}
    """Data set or file -> digest of what the cell saw."""
    steps: Count = 0
    """Training steps that were asked for."""
    journal: str = ""
    """The journal's identity, one over all attempts; empty for a cell that never started."""
    started: Moment = 0
    """Unix milliseconds."""
    ended: Moment = 0
    wall_s: Seconds = 0.0
    """Seconds of the last attempt."""


def first_problem(error: ValidationError) -> str:
    """Where the first problem is, and what it is: one line, whatever the names in a damaged file are."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "its top level"
    return "".join(sign if sign.isprintable() else "?" for sign in f"{place[:160]}: {first['msg']}")
