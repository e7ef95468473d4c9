"""What can be wanted of a face, and how each kind of method is told.

A :class:`Wish` says what is wanted and, where it is known, what is there. Of it :meth:`Vocabulary.inputs` makes

- ``faces.to`` ``[N, 5]`` bits and ``expressions.to`` ``[N]`` class, -1 where nothing is wanted, for a method that
  takes labels;
- ``targets`` ``[N, 4]``, the models to apply one after the other where there is one for every target;
- ``pairs`` ``[N, 4]``, the generators to apply where there is a pair of them for every pair of domains: ``2 p`` is
  pair p's towards its second domain b, ``2 p + 1`` towards a.

Both lists hold what changes, in the order hair, gender, age, expression, and then -1. No target is neutral, and a pair
leads back to neutral only from an expression that is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations, product

import torch
from torch import Tensor

from retable.datasets.attributes.settings import NEUTRAL, AttributesSettings, Set
from retable.datasets.faces.looks import AGES, GENDERS, HAIR

KEYS = ("hair", "gender", "age")
"""What a face is judged by, in this order."""
CHOICES: Mapping[str, tuple[str, ...]] = {"hair": HAIR, "gender": GENDERS, "age": AGES}
BITS = (*HAIR, "male", "young")
"""The five labels of the set ``faces``; ``male`` and ``young`` are second of their choices, so that bit = class."""
FACE_TARGETS = (*HAIR, "male", "female", "young", "old")
STEPS = 4
"""Length of ``targets`` and ``pairs``: everything that a wish can change."""


@dataclass(frozen=True)
class Target:
    """Images with and without something: what one model of DIAT or one pair of CycleGAN learns from."""

    of: Set
    name: str
    column: int
    """The bit of ``faces``, or the class of ``expressions``."""
    value: int = 1
    """Of the bit."""


@dataclass(frozen=True)
class Wish:
    """Classes int64 ``[N]`` by key (``hair``, ``gender``, ``age``, ``expression``); -1, or no such key: not wanted."""

    count: int
    """N."""
    to: Mapping[str, Tensor]
    had: Mapping[str, Tensor] = field(default_factory=dict)
    """What is there; -1, or no such key: unknown, so that what is wanted counts as a change."""

    def wanted(self, key: str) -> Tensor:
        """int64 ``[N]``."""
        return self.to.get(key, torch.full((self.count,), -1))

    def change(self, key: str) -> Tensor:
        """What is wanted and not there yet, else -1: int64 ``[N]``."""
        wanted = self.wanted(key)
        return wanted.where(wanted != self.had.get(key, torch.full((self.count,), -1)), -1)


@dataclass(frozen=True)
class Vocabulary:
    """The names of everything, for the sets that a row is trained on."""

    data: tuple[Set, ...]
    expressions: tuple[str, ...]
    """``neutral`` first."""

    @classmethod
    def of(cls, settings: AttributesSettings) -> Vocabulary:
        """The vocabulary of these settings."""
        return cls(settings.data, settings.expressions)

    @property
    def targets(self) -> tuple[Target, ...]:
        """What a model of DIAT turns an image into."""
        bits = {name: (BITS.index(name), 1) for name in BITS} | {
            "female": (BITS.index("male"), 0),
            "old": (BITS.index("young"), 0),
        }
        faces = tuple(Target("faces", name, *bits[name]) for name in FACE_TARGETS)
        return (faces if "faces" in self.data else ()) + self._expressions()

    @property
    def pairs(self) -> tuple[Target, ...]:
        """The second domain b of every pair of CycleGAN; a is all that is without it, or neutral."""
        faces = tuple(Target("faces", name, column) for column, name in enumerate(BITS))
        return (faces if "faces" in self.data else ()) + self._expressions()

    def _expressions(self) -> tuple[Target, ...]:
        if "expressions" not in self.data:
            return ()
        return tuple(Target("expressions", name, i) for i, name in enumerate(self.expressions) if name != NEUTRAL)

    def classes(self) -> dict[str, tuple[str, ...]]:
        """Names by key: of the sets' labels, of ``targets`` and ``pairs``, and of what the judges say."""
        sets = {"faces": BITS, "expressions": self.expressions}
        return {
            **{name: sets[name] for name in self.data},
            "targets": tuple(target.name for target in self.targets),
            "pairs": tuple(pair.name for pair in self.pairs),
            **CHOICES,
            "expression": self.expressions,
            **{key: tuple(map(" ".join, product(*(CHOICES[each] for each in parts)))) for key, parts in JOINT.items()},
        }

    def choices(self) -> dict[str, tuple[str, ...]]:
        """What can be wanted, by key."""
        faces = dict(CHOICES) if "faces" in self.data else {}
        return faces | ({"expression": self.expressions} if "expressions" in self.data else {})

    def inputs(self, wish: Wish) -> dict[str, Tensor]:
        """``SET.to`` of every set in data, ``targets`` and ``pairs``, as the module says."""
        to = {"faces.to": bits(wish), "expressions.to": wish.wanted("expression")}
        told = {f"{name}.to": to[f"{name}.to"] for name in self.data}
        return told | {"targets": self._targets(wish), "pairs": self._pairs(wish)}

    def _targets(self, wish: Wish) -> Tensor:
        steps = []
        if "faces" in self.data:
            hair, gender, age = (wish.change(key) for key in KEYS)
            male, young = FACE_TARGETS.index("male"), FACE_TARGETS.index("young")
            steps = [hair, (male + 1 - gender).where(gender >= 0, -1), (young + 1 - age).where(age >= 0, -1)]
        if "expressions" in self.data:
            face = wish.change("expression")
            steps.append((self._first(self.targets) + face - 1).where(face > 0, -1))
        return packed(steps)

    def _pairs(self, wish: Wish) -> Tensor:
        steps = []
        if "faces" in self.data:
            hair, gender, age = (wish.change(key) for key in KEYS)
            male, young = BITS.index("male"), BITS.index("young")
            steps = [
                (2 * hair).where(hair >= 0, -1),
                (2 * male + 1 - gender).where(gender >= 0, -1),
                (2 * young + 1 - age).where(age >= 0, -1),
            ]
        if "expressions" in self.data:
            face, had = wish.change("expression"), wish.had.get("expression", torch.zeros(wish.count, dtype=torch.long))
            first = 2 * self._first(self.pairs)
            back = (first + 2 * (had - 1) + 1).where((face == 0) & (had > 0), -1)
            steps.append((first + 2 * (face - 1)).where(face > 0, back))
        return packed(steps)

    @staticmethod
    def _first(names: tuple[Target, ...]) -> int:
        """How many stand before the first expression."""
        return sum(name.of == "faces" for name in names)


JOINT: Mapping[str, tuple[str, ...]] = {
    ".".join(keys): keys for length in (2, 3) for keys in combinations(KEYS, length)
}
"""``hair.gender`` and so on -> the keys that it joins."""


def bits(wish: Wish) -> Tensor:
    """The five bits of ``faces``, int64 ``[N, 5]``; all three of hair are given, or none (-1)."""
    hair, gender, age = (wish.wanted(key) for key in KEYS)
    colours = (hair[:, None] == torch.arange(len(HAIR))).long().where(hair[:, None] >= 0, -1)
    return torch.cat([colours, gender[:, None], age[:, None]], 1)


def classes_of(labels: Tensor) -> dict[str, Tensor]:
    """``hair``, ``gender`` and ``age`` int64 ``[N]`` of bits ``[N, 5]``, of which exactly one is a colour's."""
    return {"hair": labels[:, : len(HAIR)].argmax(1), "gender": labels[:, 3], "age": labels[:, 4]}


def joined(classes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``hair``, ``gender``, ``age`` and their combinations, numbered with the first key slowest."""
    labels = {key: classes[key] for key in KEYS}
    for name, keys in JOINT.items():
        number = torch.zeros_like(classes["hair"])
        for key in keys:
            number = number * len(CHOICES[key]) + classes[key]
        labels[name] = number
    return labels


def packed(steps: list[Tensor]) -> Tensor:
    """Columns int64 ``[N]`` -> ``[N, 4]``: what is not -1, in the columns' order, then -1."""
    table = torch.stack(steps, 1)
    table = table.gather(1, (table < 0).long().argsort(dim=1, stable=True))
    return torch.nn.functional.pad(table, (0, STEPS - table.shape[1]), value=-1)
