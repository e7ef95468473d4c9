"""The labels of the task ``attributes``: their names, their numbers, and how bits and classes go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product

import torch
from torch import Tensor

from retable.datasets.attributes.settings import NEUTRAL, AttributesSettings, Set
from retable.datasets.standins.faces.labelled_people import AGES, GENDERS, HAIR

KEYS = ("hair", "gender", "age")
"""What a face is judged by, in this order."""
CHOICES: Mapping[str, tuple[str, ...]] = {"hair": HAIR, "gender": GENDERS, "age": AGES}
BITS = (*HAIR, "male", "young")
"""The five labels of the set ``faces``; ``male`` and ``young`` are second of their choices, so that bit = class."""
JOINT: Mapping[str, tuple[str, ...]] = {
    ".".join(keys): keys for length in (2, 3) for keys in combinations(KEYS, length)
}
"""``hair.gender`` and so on -> the keys that it joins."""


@dataclass(frozen=True)
class Contrast:
    """Training images of one set in two domains: without and with one label."""

    of: Set
    name: str
    column: int
    """The bit of ``faces``, or the class of ``expressions``."""
    value: int = 1
    """Of the bit, in the domain "with"."""


@dataclass(frozen=True)
class Vocabulary:
    """The names of all labels, for the sets that a row is trained on."""

    data: tuple[Set, ...]
    expressions: tuple[str, ...]
    """``neutral`` first."""

    @classmethod
    def of(cls, settings: AttributesSettings) -> Vocabulary:
        """The vocabulary of these settings."""
        return cls(settings.data, settings.expressions)

    @property
    def targets(self) -> tuple[Contrast, ...]:
        """The contrasts of the stream ``targets``: every class of hair, gender and age, every target expression."""
        both = (("male", 1), ("female", 0), ("young", 1), ("old", 0))
        columns = dict.fromkeys(("male", "female"), BITS.index("male")) | dict.fromkeys(("young", "old"), 4)
        faces = [Contrast("faces", name, column) for column, name in enumerate(HAIR)]
        return self._contrasts([*faces, *(Contrast("faces", name, columns[name], value) for name, value in both)])

    @property
    def pairs(self) -> tuple[Contrast, ...]:
        """The contrasts of the stream ``pairs``: every bit, every target expression."""
        return self._contrasts([Contrast("faces", name, column) for column, name in enumerate(BITS)])

    def _contrasts(self, faces: list[Contrast]) -> tuple[Contrast, ...]:
        found = faces if "faces" in self.data else []
        if "expressions" in self.data:
            names = enumerate(self.expressions)
            found = found + [Contrast("expressions", name, number) for number, name in names if name != NEUTRAL]
        return tuple(found)

    def classes(self) -> dict[str, tuple[str, ...]]:
        """Names by key: of the sets' labels, of the streams' contrasts, and of what the judges say."""
        sets = {"faces": BITS, "expressions": self.expressions}
        return {
            **{name: sets[name] for name in self.data},
            "targets": tuple(contrast.name for contrast in self.targets),
            "pairs": tuple(contrast.name for contrast in self.pairs),
            **CHOICES,
            "expression": self.expressions,
            **{key: tuple(map(" ".join, product(*(CHOICES[each] for each in parts)))) for key, parts in JOINT.items()},
        }

    def choices(self) -> dict[str, tuple[str, ...]]:
        """What can be wanted, by key."""
        faces = dict(CHOICES) if "faces" in self.data else {}
        return faces | ({"expression": self.expressions} if "expressions" in self.data else {})


def bits(classes: Mapping[str, Tensor]) -> Tensor:
    """The five bits of ``faces``, int64 ``[N, 5]``, of classes ``[N]`` by key; -1 stays -1, all three for hair."""
    hair, gender, age = (classes[key] for key in KEYS)
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
