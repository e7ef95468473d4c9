"""Streams of the task ``attributes``: which of them rows see, which stage and which set each one is of."""

from __future__ import annotations

from retable.datasets.attributes.settings import Set, Stage
from retable.datasets.errors import DataError, did_you_mean

ROWS = ("train", "targets", "pairs")
"""Streams of rows."""
JUDGES: dict[Stage, str] = {
    "judge-hair": "hair",
    "judge-gender": "gender",
    "judge-age": "age",
    "judge-expression": "expression",
}
"""Stream of a stage -> key of its label."""


def stage_of(stream: str) -> Stage:
    """``rows`` or a judge's stream.

    Raises:
        DataError: there is no such stream.
    """
    if stream in ROWS:
        return "rows"
    for stage in JUDGES:
        if stage == stream:
            return stage
    known = [*ROWS, *JUDGES]
    hint = did_you_mean(stream, known)
    raise DataError(f"the task attributes has no stream {stream!r}{hint}; it has {', '.join(known)}")


def set_of(stage: Stage) -> Set:
    """The set whose images a judge sees."""
    return "expressions" if stage == "judge-expression" else "faces"
