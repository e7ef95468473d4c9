"""Settings of the task ``attributes``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from retable.datasets import anchors
from retable.datasets.standins.faces.people import EXPRESSIONS
from retable.datasets.task import SplitSettings

Set = Literal["faces", "expressions"]
Stage = Literal["rows", "judge-hair", "judge-gender", "judge-age", "judge-expression"]
SETS: tuple[Set, Set] = ("faces", "expressions")
ROWS = ("train", "targets", "pairs", *anchors.STREAMS)
"""Streams of rows."""
JUDGES = {
    "judge-hair": "hair",
    "judge-gender": "gender",
    "judge-age": "age",
    "judge-expression": "expression",
}
"""Stream of a judge -> key of its label."""
NEUTRAL = "neutral"
TARGETS = tuple(name for name in EXPRESSIONS if name != NEUTRAL)
"""All seven."""


def _some_of(known: tuple[str, ...]) -> AfterValidator:
    """One or more of these names, each once; they come out in the order in which they are known."""

    def check(value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in known:
                raise ValueError(f"{name!r} is none of {', '.join(known)}")
        if not value or len(set(value)) < len(value):
            raise ValueError(f"name some of {', '.join(known)}, each once")
        return tuple(name for name in known if name in value)

    return AfterValidator(check)


class AttributesSettings(SplitSettings):
    """Which sets a row is trained on, image size, and the sizes of the stand-in; the real source has what it has."""

    stream: Stage = "rows"
    """What ``prepare`` gets ready: ``rows`` is every stream of the tables; other data are made when first asked for."""
    size: int = Field(default=128, ge=16)
    """Height and width of every image in pixels."""
    data: Annotated[tuple[Set, ...], _some_of(SETS)] = SETS
    """The sets that rows are trained on and asked about, in this order, whatever order they are given in."""
    targets: Annotated[tuple[str, ...], _some_of(TARGETS)] = TARGETS
    """Expressions beside ``neutral``: those of :data:`TARGETS`, in its order, that the task knows. Others are left
    out of the data."""
    n_faces: int = Field(default=4000, ge=2)
    """Snapshots to train on, everyone of another person."""
    n_people: int = Field(default=400, ge=1)
    """Sitters to train on, each with every expression."""
    n_test: int = Field(default=100, ge=4)
    """Snapshots, and sitters: to test on, to compare with, and to check a judge on."""
    n_judge: int = Field(default=1500, ge=1)
    """Snapshots that the judges of hair, gender and age learn from."""
    n_judge_people: int = Field(default=400, ge=1)
    """Sitters that the judge of expressions learns from, each with every expression."""

    @property
    def variant(self) -> str:
        """The name of the only set, or empty where there are both; ``val`` behind it on the validation split."""
        return self.named(self.data[0] if len(self.data) == 1 else "")

    @property
    def expressions(self) -> tuple[str, ...]:
        """``neutral``, then the targets: the classes of the set ``expressions``."""
        return (NEUTRAL, *self.targets)


def set_of(judge: str) -> Set:
    """The set whose images a judge's stream shows."""
    return "expressions" if judge == "judge-expression" else "faces"
