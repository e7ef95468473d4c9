"""What is asked of a face: from which labels to which. Each method maps that to its own models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from retable.datasets.attributes.labels import KEYS, Vocabulary, bits
from retable.datasets.errors import DataError, chosen


@dataclass(frozen=True)
class Edit:
    """Classes int64 ``[N]`` by key (``hair``, ``gender``, ``age``, ``expression``)."""

    count: int
    """N."""
    to: Mapping[str, Tensor]
    """What is wanted; -1, or no such key: not wanted, so it stays as it is."""
    had: Mapping[str, Tensor] = field(default_factory=dict)
    """What is there; -1, or no such key: unknown, so that what is wanted counts as a change."""

    def inputs(self, words: Vocabulary) -> dict[str, Tensor]:
        """``SET.to`` and ``SET.from`` of every set in data: bits ``[N, 5]`` of ``faces``, classes ``[N]`` of
        ``expressions``, -1 where nothing is wanted or known."""
        found: dict[str, Tensor] = {}
        unknown = torch.full((self.count,), -1)
        for side, given in (("to", self.to), ("from", self.had)):
            classes = {key: given.get(key, unknown) for key in (*KEYS, "expression")}
            labels = {"faces": bits(classes), "expressions": classes["expression"]}
            found |= {f"{name}.{side}": labels[name] for name in words.data}
        return found


def parsed(words: Vocabulary, wanted: Mapping[str, str]) -> dict[str, int]:
    """What a user wants of an image, as class numbers: ``{"hair": "blond"}`` -> ``{"hair": 1}``.

    Raises:
        DataError: nothing is wanted, or a key or value is not among the vocabulary's choices.
    """
    choices = words.choices()
    listed = ", ".join(f"{key}={'|'.join(names)}" for key, names in choices.items())
    if not wanted:
        raise DataError(f"the task attributes needs to know what to change: one or more of {listed}")
    return chosen(wanted, choices, f"a method trained on {' and '.join(words.data)}", listed)
