"""Which models a request needs, for rows with a model of its own per target (DIAT) or per pair of domains (CycleGAN).

A request states labels: for each data set S of the row ``S.to``, what is wanted, and ``S.from``, what is there. Both
are bits ``[N, K]`` or classes ``[N]``, -1 where nothing is wanted or nothing is known. What is wanted and not there is
a change. Changes are made one after the other, in the order hair, gender, age, expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from retable.methods.method import Info

ATTRIBUTES = ("hair", "gender", "age")
"""What bits say together: one of several hair colours; male or else female; young or else old."""


@dataclass(frozen=True)
class Change:
    """From one class to another, image by image."""

    names: tuple[str, ...]
    """Names of the classes."""
    source: Tensor
    """int64 ``[N]``, -1 where it is unknown."""
    target: Tensor
    """int64 ``[N]``, -1 where nothing changes."""


def target_models(inputs: Mapping[str, Tensor], info: Info) -> Tensor:
    """Numbers of the models to apply, one per target: int64 ``[N, changes]``, -1 for none. No target is neutral."""
    targets = info.classes["targets"]
    steps = []
    for change in changes(inputs, info):
        table = [targets.index(name) if name in targets else -1 for name in change.names]
        steps.append(_looked_up(table, change.target))
    return torch.stack(steps, 1)


def pair_models(inputs: Mapping[str, Tensor], info: Info) -> Tensor:
    """Numbers of the generators to apply: int64 ``[N, changes]``, -1 for none.

    Number 2p is pair p's generator towards its second domain b, 2p + 1 the one towards a. A class that is no pair's b
    is reached through the pair of the class that is there, so neutral only from a known expression.
    """
    pairs = info.classes["pairs"]
    steps = []
    for change in changes(inputs, info):
        to_b = [2 * pairs.index(name) if name in pairs else -1 for name in change.names]
        to_a = [number + 1 if number >= 0 else -1 for number in to_b]
        step = _looked_up(to_b, change.target)
        steps.append(step.where((step >= 0) | (change.target < 0), _looked_up(to_a, change.source)))
    return torch.stack(steps, 1)


def changes(inputs: Mapping[str, Tensor], info: Info) -> list[Change]:
    """What changes, in the order in which it is done."""
    found = []
    for name in info.channels:
        to = inputs[f"{name}.to"]
        there = inputs.get(f"{name}.from", torch.full_like(to, -1))
        if to.ndim == 1:
            found.append(_change(info.classes[name], there, to))
            continue
        for key in ATTRIBUTES:
            classes = info.classes[key]
            change = _change(classes, *(_class_of(bits, info.classes[name], classes) for bits in (there, to)))
            if len(classes) == 2:
                # Who becomes one of two was the other.
                change = Change(classes, 1 - change.target, change.target)
            found.append(change)
    return found


def _change(names: tuple[str, ...], source: Tensor, target: Tensor) -> Change:
    return Change(names, source, target.where(target != source, -1))


def _class_of(bits: Tensor, names: Sequence[str], classes: Sequence[str]) -> Tensor:
    """The class that bits ``[N, K]`` give, int64 ``[N]``; the first class may be the one without a bit of its own."""
    own = {names.index(name): number for number, name in enumerate(classes) if name in names}
    columns = bits[:, list(own)]
    number = (columns * torch.tensor(list(own.values()), device=bits.device)).sum(1)
    return number.where((columns >= 0).all(1), -1)


def _looked_up(table: Sequence[int], index: Tensor) -> Tensor:
    """``table[index]``, -1 where the index is -1."""
    return torch.tensor([*table, -1], device=index.device)[index]
