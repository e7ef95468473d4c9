"""Who is in which part, and which examples a training step sees: shuffled epochs without any state, so that a resumed
run sees the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor

from retable.datasets.seeding import derived_seed

ItemT = TypeVar("ItemT", int, str)


def split_by_hash(items: Iterable[ItemT], counts: Mapping[str, int]) -> dict[str, list[ItemT]]:
    """Who is in which part, each sorted: by the SHA-256 of the name, so it never changes for a set of names.

    Args:
        items: names or numbers.
        counts: part -> how many of them; the others are in the part ``train``.
    """
    order = sorted(set(items), key=lambda item: hashlib.sha256(str(item).encode("utf-8", "surrogateescape")).digest())
    parts, first = {}, 0
    for part, count in counts.items():
        parts[part] = sorted(order[first : first + count])
        first += count
    return {"train": sorted(order[first:]), **parts}


@lru_cache(maxsize=16)
def _order(n: int, seed: int) -> Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def epoch_order(n: int, epoch: int, *key: str | int) -> Tensor:
    """The order of one epoch: a permutation of ``range(n)``, int64 ``[n]``. Do not write to it: it is shared."""
    return _order(n, derived_seed("epoch", epoch, *key))


def step_indices(n: int, step: int, size: int, *key: str | int) -> Tensor:
    """Which ``size`` of ``n`` examples step ``step`` sees, int64 ``[size]``.

    The epochs' permutations stand one after the other and step ``step`` takes places ``step * size`` to
    ``(step + 1) * size``: every example is seen once before any is seen again, whether or not ``size`` divides ``n``.

    Raises:
        ValueError: ``n`` or ``size`` is not positive, or ``step`` is negative.
    """
    if n <= 0 or size <= 0 or step < 0:
        raise ValueError(f"step_indices needs n > 0, size > 0 and step >= 0, got n={n}, size={size}, step={step}")
    pieces, first, last = [], step * size, (step + 1) * size
    while first < last:
        epoch, start = divmod(first, n)
        stop = min(n, start + last - first)
        pieces.append(epoch_order(n, epoch, *key)[start:stop])
        first += stop - start
    return torch.cat(pieces)
