"""Batches out of the images of several groups: drawn from their union, or each group in its turn.

Images come as one uint8 tensor ``[N_g, 3, S, S]`` for every group, and leave as float32 ``[size, 3, S, S]`` in [-1, 1].
Everything is a pure function of its arguments, and no union is ever built: a group may fill memory by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from retable.datasets.images import signed
from retable.datasets.sampling import step_indices


def in_turn(images: Sequence[Tensor], groups: Sequence[int], step: int, size: int, *key: str | int) -> Tensor:
    """Row i is of ``groups[i % len(groups)]``; every group goes through its own epochs.

    Args:
        images: of every group of ``groups``, in that order.
        groups: their numbers, part of a group's key: its epochs are the same beside whichever others.
        step: 0-based training step.
        size: number of rows.
        key: what else the order depends on, e.g. the domain and the seed.
    """
    places, shown = [], []
    for turn, (group, few) in enumerate(zip(groups, images, strict=True)):
        rows = torch.arange(turn, size, len(groups))
        if len(rows):
            places.append(rows)
            shown.append(few[step_indices(len(few), step, len(rows), *key, group)])
    return signed(torch.cat(shown)[torch.cat(places).argsort()])


def turns(groups: Sequence[int], size: int) -> Tensor:
    """The group of every row of :func:`in_turn`, int64 ``[size]``."""
    return torch.tensor(groups)[torch.arange(size) % len(groups)]


def drawn(images: Sequence[Tensor], step: int, size: int, *key: str | int) -> Tensor:
    """Shuffled epochs over the union: every image is as likely as every other."""
    return chosen(images, step_indices(sum(len(few) for few in images), step, size, *key))


def chosen(images: Sequence[Tensor], places: Tensor) -> Tensor:
    """The images at these places of the union, int64 ``[size]``."""
    starts = torch.tensor([0, *(len(few) for few in images)]).cumsum(0)
    which = torch.searchsorted(starts, places, right=True) - 1
    pairs = zip(which.tolist(), (places - starts[which]).tolist(), strict=True)
    return signed(torch.stack([images[group][place] for group, place in pairs]))


def labels(images: Sequence[Tensor]) -> Tensor:
    """The group of every image when all stand one after the other, int64 ``[sum of N_g]``."""
    return torch.arange(len(images)).repeat_interleave(torch.tensor([len(few) for few in images]))
