"""People with known hair, gender and age: all combinations, equally many of each.

The words in the keys of random numbers are part of every picture: they stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from retable.datasets.errors import DataError
from retable.datasets.seeding import numpy_generator
from retable.datasets.standins.faces.people import SKINS, Person, person

HAIR = ("black", "blond", "brown")
"""Hair colours, by number."""
GENDERS = ("female", "male")
"""Genders, by number."""
AGES = ("old", "young")
"""Ages, by number."""
COMBINATIONS = len(HAIR) * len(GENDERS) * len(AGES)

_DYES = ("black", "golden", "walnut")
"""The colours of :data:`~retable.datasets.standins.faces.people.HAIR_COLOURS` for :data:`HAIR`."""
_STYLES = {
    ("female", "young"): (
        "bob", "curly", "long_not_too_long", "straight_1", "straight_2", "straight_strand",
    ),
    ("female", "old"): ("curly", "bob", "long_not_too_long", "straight_strand", "bob"),
    ("male", "young"): (
        "short_flat", "short_round", "short_waved", "caesar", "caesar_side_part", "quiff", "pompadour", "elvis",
    ),
    ("male", "old"): ("short_flat", "short_waved", "caesar_side_part", "short_round", "caesar"),
}  # fmt: skip
_SKINS = tuple(skin for skin in SKINS if skin != "dark")
"""Without the darkest, against which brown hair cannot be told at 40 pixels."""
_EVERYDAY = ("neutral", "neutral", "neutral", "smiling", "smiling", "laughing")


@dataclass(frozen=True)
class Labels:
    """What is known about a person, as numbers."""

    hair: int
    """Of :data:`HAIR`."""
    gender: int
    """Of :data:`GENDERS`."""
    age: int
    """Of :data:`AGES`."""


def labels_of(split: str, index: int, seed: int = 0) -> Labels:
    """The labels of person ``index`` of the snapshots' split: a pure function.

    Every dozen of people, counted from 0, has each of the 12 combinations once, in an order of its own, so that no
    label goes with odd or even numbers.

    Raises:
        DataError: the index is negative.
    """
    return _labels("snapshots", split, index, seed)


def person_of(split: str, index: int, seed: int = 0, *, hair: int | None = None) -> Person:
    """Person ``index`` of the snapshots' split, who has the labels of the same arguments.

    Args:
        split: any name; different names give different people.
        index: 0 or more.
        seed: seed of the whole set.
        hair: another hair colour, a number of :data:`HAIR`; hair, brows and beard take it, nothing else changes.

    Raises:
        DataError: the index is negative, or there is no such hair colour.
    """
    who = _person("snapshots", split, index, seed)
    if hair is None:
        return who
    if hair not in range(len(HAIR)):
        raise DataError(f"there is no hair colour {hair}; use 0 to {len(HAIR) - 1} ({', '.join(HAIR)})")
    return replace(who, hair_colour=_DYES[hair])


def sitter(split: str, index: int, seed: int = 0) -> Person:
    """Sitter ``index`` of the studio portraits' split: other people than the snapshots', shaven, few with glasses.

    Raises:
        DataError: the index is negative.
    """
    return _person("sittings", split, index, seed)


def everyday(split: str, index: int, seed: int = 0) -> str:
    """The face person ``index`` makes in its snapshot: ``neutral``, ``smiling`` or ``laughing``."""
    draws = numpy_generator("everyday", seed, split, index)
    return _EVERYDAY[int(draws.integers(len(_EVERYDAY)))]


def strength(dataset: str, split: str, index: int, seed: int = 0) -> float:
    """How strongly a person of the ``snapshots`` or ``sittings`` shows every expression; 1 is usual."""
    return float(numpy_generator("strength", dataset, seed, split, index).uniform(0.85, 1.1))


def _labels(dataset: str, split: str, index: int, seed: int) -> Labels:
    if index < 0:
        raise DataError(f"faces are counted from 0, got the index {index}")
    dozen, turn = divmod(index, COMBINATIONS)
    number = int(numpy_generator("look", dataset, seed, split, dozen).permutation(COMBINATIONS)[turn])
    rest, age = divmod(number, len(AGES))
    hair, gender = divmod(rest, len(GENDERS))
    return Labels(hair, gender, age)


def _person(dataset: str, split: str, index: int, seed: int) -> Person:
    shown = _labels(dataset, split, index, seed)
    gender, age = GENDERS[shown.gender], AGES[shown.age]
    group = "old" if age == "old" else {"female": "woman", "male": "man"}[gender]
    draws = numpy_generator("person of a look", dataset, seed, split, index)

    def pick(choices: Sequence[str]) -> str:
        return choices[int(draws.integers(len(choices)))]

    hair = pick(_STYLES[gender, age])
    beard, stubble = "", 0.0
    shaven, rough = draws.random(2)
    if gender == "male" and dataset == "snapshots":
        if shaven < 0.45:
            beard = pick(("beard_light", "beard_medium", "beard_medium", "moustache_magnum"))
        elif shaven < 0.85:
            stubble = 0.3 + 0.7 * float(rough)
    elif gender == "male" and shaven < 0.6:
        stubble = 0.6 * float(rough)
    often = {"old": 0.5, "young": 0.08}[age] if dataset == "snapshots" else {"old": 0.15, "young": 0.05}[age]
    glasses = (
        pick(("prescription_02", "round") if dataset == "snapshots" else ("round",)) if draws.random() < often else ""
    )
    return replace(
        person(group, f"{dataset} of {split}", index, seed),
        gender=gender,
        skin=pick(_SKINS),
        hair=hair,
        hair_colour=_DYES[shown.hair],
        beard=beard,
        stubble=stubble,
        glasses=glasses,
    )
