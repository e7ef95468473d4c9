"""What a score is: a number together with exactly how it was measured."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat


class Protocol(BaseModel):
    """How a metric was measured. Two scores may be compared only when their protocols are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    """Family, e.g. ``fid``, ``kid``, ``lpips_pair``, ``accuracy``."""
    extractor: str = ""
    """What looked at the images: ``lite0``, ``inception``, ``judge:target``, or empty."""
    weights: str = ""
    """First 16 hex digits of the SHA-256 of the extractor's weights, or empty."""
    resize: str = ""
    """How images were brought to the extractor's size, e.g. ``bicubic-96``."""
    data: str = ""
    """Whose images, e.g. ``digits:standin:test``."""
    n_real: int = 0
    n_fake: int = 0
    detail: str = ""
    """Whatever else changes the number, e.g. ``subsets=50x500`` or ``timer=cpu``."""


class Score(BaseModel):
    """One number. ``name`` carries the extractor (``fid.lite0``), ``slice`` says of which part (``{"digit": "3"}``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: FiniteFloat
    unit: str = ""
    """``%``, ``s``, ``images/s``, ``MiB`` or empty."""
    direction: Literal["higher", "lower", "none"]
    slice: dict[str, str] = {}
    """Always holds ``request``; further keys narrow it down, e.g. ``{"request": "test", "digit": "3"}``."""
    protocol: Protocol
    interval: tuple[float, float] | None = None
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
