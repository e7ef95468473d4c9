"""Types of settings: what a number may be, said once for every method.

A subclass that gives a setting another default repeats its type; without the type the constraint is lost.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

NumberT = TypeVar("NumberT", int, float)


def at_least(least: float, why: str) -> AfterValidator:
    """A number of ``least`` or more, and the reason for the error, e.g. ``CDC compares the images of a batch``."""

    def check(value: NumberT) -> NumberT:
        if value < least:
            raise ValueError(f"{why}: must be {least} or more")
        return value

    return AfterValidator(check)


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd")
    return value


Count = Annotated[int, Field(ge=1)]
"""Channels, layers, images: at least one."""
CountOrNone = Annotated[int, Field(ge=0)]
"""A number that may be 0, for none."""
Kernel = Annotated[int, Field(ge=1), AfterValidator(_odd)]
"""Side of a convolution's kernel: odd."""
Latent = Annotated[int, Field(ge=1, le=512)]
"""Length of a latent, at most the 512 numbers that a request has."""
Factor = Annotated[float, Field(ge=1)]
"""A factor that enlarges."""
Weight = Annotated[float, Field(ge=0)]
"""Weight of a loss term; 0 leaves it out."""
Rate = Annotated[float, Field(ge=0)]
"""Learning rate."""
Positive = Annotated[float, Field(gt=0)]
"""A number above 0."""
Share = Annotated[float, Field(ge=0, le=1)]
"""A fraction or probability."""
OpenShare = Annotated[float, Field(gt=0, lt=1)]
"""A fraction that leaves something to both sides."""
Sign = Annotated[float, Field(gt=-1, lt=1)]
"""Mean of signs."""
Kept = Annotated[float, Field(ge=0, lt=1)]
"""What a running average keeps of itself, as Adam's beta1."""
