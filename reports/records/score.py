"""What a score is: a number together with exactly how it was measured."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

Count = Annotated[int, Field(ge=0, le=2**53)]
"""A number of things, of which every one is a float as well."""
Value = Annotated[FiniteFloat, Field(ge=-1e100, le=1e100)]
"""A number that is far from the largest, so that differences and variances are numbers, too."""
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=1000)]
"""Text without control characters."""


class Protocol(BaseModel):
    """How a metric was measured. Two scores may be compared only when their protocols are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: Line
    """Family, e.g. ``fid``, ``kid``, ``lpips_pair``, ``accuracy``."""
    extractor: Line = ""
    """What looked at the images: ``lite0``, ``inception``, ``judge:target``, or empty."""
    weights: Line = ""
    """First 16 hex digits of the SHA-256 of the extractor's weights, or empty."""
    resize: Line = ""
    """How images were brought to the extractor's size, e.g. ``bicubic-96``."""
    data: Line = ""
    """Whose images, e.g. ``digits:standin:test``."""
    n_real: Count = 0
    n_fake: Count = 0
    detail: Line = ""
    """Whatever else changes the number, e.g. ``subsets=50x500`` or ``timer=cpu``."""


class Score(BaseModel):
    """One number. ``name`` carries the extractor (``fid.lite0``), ``slice`` says of which part (``{"digit": "3"}``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[Line, StringConstraints(min_length=1, max_length=200)]
    value: Value
    unit: Line = ""
    """``%``, ``s``, ``images/s``, ``MiB`` or empty."""
    direction: Literal["higher", "lower", "none"]
    slice: dict[Line, Line] = {}
    """Always holds ``request``; further keys narrow it down, e.g. ``{"request": "test", "digit": "3"}``."""
    protocol: Protocol
    interval: tuple[Value, Value] | None = None
    """Standard error band or bootstrap interval where the metric has one of its own (KID over subsets)."""

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What tells this score from the others of its cell: name and slice."""
        return self.name, tuple(sorted(self.slice.items()))

    @property
    def label(self) -> str:
        """The key for people, e.g. ``accuracy.target request:test digit:3``: name and slice, the request first."""
        keys = sorted(self.slice, key=lambda key: (key != "request", key))
        return " ".join([self.name, *(f"{key}:{self.slice[key]}" for key in keys)])


class StepScores(BaseModel):
    """What a cell scored after some of its steps, by the same protocols as at its end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: Count
    scores: tuple[Score, ...]
