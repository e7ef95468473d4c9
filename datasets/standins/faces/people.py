"""Who is drawn: a person as a few named choices, of which both the cartoon and the portrait are made.

Nothing here imports torch: people, drawings and photographs are made in worker processes that must start quickly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retable.datasets.errors import DataError
from retable.datasets.seeding import numpy_generator
from retable.datasets.standins.faces.group_styles import DEEP_SKINS, GROUP_STYLES

GROUPS = ("woman", "man", "kids", "old")
"""The four groups of the few-shot cartoon paper, in its order."""

SKINS: Mapping[str, tuple[str, str]] = {
    "pale": ("#ffe0cc", "#e9c4ae"),
    "light": ("#ffd1ae", "#dcae92"),
    "peach": ("#ffc497", "#cf9c7c"),
    "tan": ("#eca873", "#b9835f"),
    "brown": ("#bd7745", "#8d5d41"),
    "dark": ("#8a5231", "#633f2d"),
}
"""Skin -> its flat colour in cartoons, its natural colour in portraits."""

HAIR_COLOURS: Mapping[str, tuple[str, str]] = {
    "black": ("#2b2634", "#231e1c"),
    "brown": ("#6f3a1c", "#4b3324"),
    "chestnut": ("#a34f22", "#6d4430"),
    "auburn": ("#c43f22", "#7c3a26"),
    "ginger": ("#f07a28", "#a8643a"),
    "blond": ("#f7c548", "#bf9c66"),
    "walnut": ("#7d4522", "#523524"),
    "golden": ("#fbd564", "#d0b47a"),
    "grey": ("#a9b0ba", "#8f8f8f"),
    "silver": ("#ced4dc", "#b4b3b0"),
    "white": ("#f1f2f5", "#d6d4cf"),
}
"""Hair colour -> its flat colour in cartoons, its natural colour in portraits."""

EYE_COLOURS: Mapping[str, tuple[str, str]] = {
    "brown": ("#6b3a17", "#4a3020"),
    "hazel": ("#9a6a1f", "#6a5233"),
    "green": ("#2f9a5a", "#56684c"),
    "blue": ("#2f86d8", "#5b7590"),
}
"""Eye colour -> in cartoons, in portraits."""

CLOTHES_COLOURS: Mapping[str, tuple[str, str]] = {
    "red": ("#ef4a4a", "#8c3f3c"),
    "blue": ("#4a8df0", "#44597a"),
    "green": ("#43b97f", "#4c6b56"),
    "yellow": ("#ffc93c", "#b3945a"),
    "violet": ("#9a6ae0", "#66567c"),
    "pink": ("#ff8fb8", "#b0848f"),
    "navy": ("#34407c", "#2d3346"),
    "grey": ("#8d97a6", "#6d7074"),
    "black": ("#3a3d45", "#2c2c2e"),
    "cream": ("#f5e3bf", "#c9bda6"),
}
"""Clothes -> their colour in cartoons, in portraits."""

EXPRESSIONS = ("neutral", "happy", "sad", "angry", "surprised", "fearful", "disgusted", "contemptuous")
"""The eight expressions of RaFD; :mod:`~retable.datasets.standins.faces.expressions` draws them."""


@dataclass(frozen=True)
class Person:
    """Everything that a drawing depends on. Change a person with :func:`dataclasses.replace`."""

    group: str
    """One of :data:`GROUPS`; says where the person was drawn from, the pictures do not depend on it."""
    gender: str
    """``female`` (grown-up women's cartoons have lashes and lips) or ``male``."""
    age: str
    """``child`` (proportions, blush), ``adult`` or ``old`` (wrinkles in cartoons)."""
    skin: str
    """A key of :data:`SKINS`."""
    hair: str
    """python-avatars' hair style, e.g. ``straight_1``; ``no_hair`` is bald."""
    hair_colour: str
    """A key of :data:`HAIR_COLOURS`."""
    beard: str
    """python-avatars' facial hair, e.g. ``beard_light``; empty: none."""
    stubble: float
    """How much of the shaven jaw shows, 0 to 1."""
    brows: str
    """python-avatars' brows, e.g. ``default_natural``."""
    eyes: str
    """``open``, ``narrow`` or ``smiling``."""
    eye_colour: str
    """A key of :data:`EYE_COLOURS`."""
    mouth: str
    """python-avatars' mouth, e.g. ``smile``."""
    nose: str
    """python-avatars' nose: ``default``, ``small`` or ``wide``."""
    glasses: str
    """python-avatars' glasses, e.g. ``round``; empty: none."""
    clothes: str
    """python-avatars' clothes, e.g. ``hoodie``."""
    clothes_colour: str
    """A key of :data:`CLOTHES_COLOURS`."""
    bunches: bool
    """Hair tied in two bunches."""
    freckles: bool
    """Freckles on the cheeks (drawn in cartoons)."""
    folds: int
    """Which wrinkles an old person's cartoon has: 0, 1 or 2."""
    width: float
    """Width of the face, 1 is the usual one."""
    eye_size: float
    """Size of the eyes, 1 is the usual one of the person's age and gender."""


def rgb(colour: str) -> npt.NDArray[np.float32]:
    """``#rrggbb`` -> three numbers in [0, 1]."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / np.float32(255)


def mixed(first: str, second: str, share: float) -> str:
    """The colour between two, as ``#rrggbb``; ``share`` is the second's part."""
    return "#" + "".join(f"{round(255 * float(v)):02x}" for v in (1 - share) * rgb(first) + share * rgb(second))


def person(group: str, split: str, index: int, seed: int = 0) -> Person:
    """Person ``index`` of a group and split: a pure function, so more people never change earlier ones.

    Args:
        group: one of :data:`GROUPS`.
        split: any name; different names give different people.
        index: 0 or more.
        seed: seed of the whole set.

    Raises:
        DataError: there is no such group, or the index is negative.
    """
    if group not in GROUPS:
        raise DataError(f"there is no group {group!r} of faces; use one of {', '.join(GROUPS)}")
    if index < 0:
        raise DataError(f"faces are counted from 0, got the index {index}")
    draws = numpy_generator("person", seed, split, group, index)

    def pick(choices: Sequence[str]) -> str:
        return choices[int(draws.integers(len(choices)))]

    style = GROUP_STYLES[group]
    gender = pick(tuple(style.hair))
    beard = pick(style.beards) if gender == "male" else ""
    bunches = group == "kids" and gender == "female" and draws.random() < 0.6
    hair, hair_colour, skin = pick(style.hair[gender]), pick(style.colours), pick(tuple(SKINS))
    if group != "old" and skin in DEEP_SKINS and draws.random() < 0.75:
        hair_colour = pick(("black", "black", "black", "brown"))
    return Person(
        group=group,
        gender=gender,
        age={"kids": "child", "old": "old"}.get(group, "adult"),
        skin=skin,
        hair="short_round" if bunches and hair == "bun" else hair,
        hair_colour=hair_colour,
        beard=beard,
        stubble=float(draws.random()) if group == "man" and not beard and draws.random() < 0.7 else 0.0,
        brows=pick(style.brows),
        eyes=pick(("open", "open", "open", "smiling") if group != "old" else ("open", "open", "narrow")),
        eye_colour=pick(tuple(EYE_COLOURS)),
        mouth=pick(style.mouths),
        nose=pick(("small",) if group == "kids" else ("default", "default", "small", "wide")),
        glasses=pick(style.glasses),
        clothes=pick(style.clothes),
        clothes_colour=pick(tuple(CLOTHES_COLOURS)),
        bunches=bunches,
        freckles=group == "kids" and draws.random() < 0.45,
        folds=int(draws.integers(3)),
        width=float(draws.uniform(0.95, 1.05)),
        eye_size=float(draws.uniform(0.9, 1.1)),
    )
