"""Expressions as a few numbers: how far brows, lids and lips move from the neutral face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from retable.datasets.errors import DataError


@dataclass(frozen=True)
class Expression:
    """An expression as distances on the canvas, upwards positive, and shares."""

    inner: float = 0.0
    """How far the brows' inner ends rise."""
    arch: float = 0.0
    """How far the brows' middles rise."""
    outer: float = 0.0
    """How far the brows' outer ends rise."""
    lids: float = 1.0
    """How wide the eyes are open."""
    squint: float = 0.0
    """How far the lower lids rise, 0 to 1."""
    wide: float = 20.0
    """Half the mouth's width."""
    corners: float = 0.0
    """How far the mouth's corners rise above its middle."""
    aside: float = 0.0
    """How much further one corner rises, and that side's brow with it."""
    upper: float = 0.0
    """How far the upper lip rises from the closed mouth's line."""
    lower: float = 0.0
    """How far the lower lip falls from it."""
    square: float = 0.45
    """How round the open mouth is: 0 is a slit with square ends, 1 pointed."""
    teeth: float = 0.0
    """The share of the open mouth that shows upper teeth."""
    cheeks: float = 0.0
    """How deep the folds beside the mouth are."""
    frown: float = 0.0
    """How deep the lines between the brows are."""
    sneer: float = 0.0
    """How deep the wrinkles on the nose are."""
    worry: float = 0.0
    """How deep the lines on the forehead are."""


NEUTRAL = Expression()
SHAPES: Mapping[str, Expression] = {
    "neutral": NEUTRAL,
    "happy": Expression(
        arch=3, outer=1, lids=0.85, squint=0.6, wide=31, corners=12, lower=15, upper=-2, teeth=0.62, cheeks=0.9
    ),
    "sad": Expression(inner=11, arch=1, outer=-7, lids=0.68, wide=20, corners=-11, upper=1, cheeks=0.25, worry=0.4),
    "angry": Expression(
        inner=-11, arch=-4, outer=7, lids=0.85, squint=0.25, wide=25, corners=-5, upper=5, lower=8, square=0.12,
        teeth=1.0, frown=1.0, cheeks=0.5,
    ),
    "surprised": Expression(
        inner=12, arch=15, outer=11, lids=1.65, wide=14, upper=6, lower=21, square=0.02, worry=0.8
    ),
    "fearful": Expression(
        inner=15, arch=6, outer=-2, lids=1.6, wide=28, corners=-9, upper=4, lower=9, square=0.3, teeth=0.35, worry=0.7,
        frown=0.3,
    ),
    "disgusted": Expression(
        inner=-7, arch=-6, outer=-4, lids=0.42, squint=0.5, wide=22, corners=-10, upper=9, lower=2, square=0.35,
        teeth=0.75, sneer=1.0, cheeks=1.0, frown=0.5,
    ),
    "contemptuous": Expression(inner=-3, arch=-2, outer=-1, lids=0.7, wide=23, corners=-2, aside=15, cheeks=0.3),
    # Everyday faces of snapshots; nobody is asked to tell them apart.
    "smiling": Expression(arch=1, lids=0.95, squint=0.3, wide=25, corners=6, upper=0.5, cheeks=0.4),
    "laughing": Expression(arch=2, lids=0.9, squint=0.5, wide=28, corners=9, lower=9, upper=-1, teeth=0.8, cheeks=0.7),
}  # fmt: skip
"""Expression -> its face: those of :data:`~retable.datasets.standins.faces.people.EXPRESSIONS`, and ``smiling`` and
``laughing``."""


def scaled(expression: str, strength: float = 1.0) -> Expression:
    """The numbers of an expression, ``strength`` times as far from the neutral ones.

    Raises:
        DataError: there is no such expression.
    """
    if expression not in SHAPES:
        raise DataError(f"there is no expression {expression!r}; use one of {', '.join(SHAPES)}")
    shown = SHAPES[expression]
    names = [field.name for field in fields(Expression)]
    rest = {name: float(getattr(NEUTRAL, name)) for name in names}
    return Expression(**{name: rest[name] + strength * (getattr(shown, name) - rest[name]) for name in names})
