"""Types of settings: what a number may be, said once for every method.

A subclass that gives a setting another default repeats its type; without the type the constraint is lost.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator

NumberT = TypeVar("NumberT", int, float)


def at_least(least: float, why: str = "") -> AfterValidator:
    """A number of ``least`` or more; ``why`` says so in the error, e.g. ``CDC compares the images of a batch``."""

    def check(value: NumberT) -> NumberT:
        if value < least:
            raise ValueError(f"{why}: must be {least} or more" if why else f"must be {least} or more")
        return value

    return AfterValidator(check)


def _above_zero(value: float) -> float:
    if value <= 0:
        raise ValueError("must be above 0")
    return value


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError("must be between 0 and 1")
    return value


def _open_share(value: float) -> float:
    if not 0 < value < 1:
        raise ValueError("must be above 0 and below 1")
    return value


def _sign(value: float) -> float:
    if not -1 < value < 1:
        raise ValueError("must be above -1 and below 1")
    return value


def _kept(value: float) -> float:
    if not 0 <= value < 1:
        raise ValueError("must be at least 0 and below 1")
    return value


def _odd(value: int) -> int:
    if value < 1 or value % 2 == 0:
        raise ValueError("must be odd, and 1 or more")
    return value


def _given(value: int) -> int:
    if value > 512:
        raise ValueError("a request has latents of 512 numbers; use 512 or fewer")
    return value


Count = Annotated[int, at_least(1)]
"""Channels, layers, images: at least one."""
CountOrNone = Annotated[int, at_least(0)]
"""A number that may be 0, for none."""
Factor = Annotated[float, at_least(1)]
"""A factor that enlarges."""
Weight = Annotated[float, at_least(0)]
"""Weight of a loss term; 0 leaves it out."""
Rate = Annotated[float, at_least(0)]
"""Learning rate."""
Positive = Annotated[float, AfterValidator(_above_zero)]
"""A number above 0."""
Share = Annotated[float, AfterValidator(_share)]
"""A fraction or probability in [0, 1]."""
OpenShare = Annotated[float, AfterValidator(_open_share)]
"""A fraction that leaves something to both sides: in (0, 1)."""
Sign = Annotated[float, AfterValidator(_sign)]
"""Mean of signs: in (-1, 1)."""
Kept = Annotated[float, AfterValidator(_kept)]
"""What a running average keeps of itself, as Adam's beta1: in [0, 1)."""
Kernel = Annotated[int, AfterValidator(_odd)]
"""Side of a convolution's kernel: odd."""
Latent = Annotated[int, at_least(1), AfterValidator(_given)]
"""Length of a latent, at most the 512 numbers that a request has."""
