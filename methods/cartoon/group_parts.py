"""Group parts: sends the rows of a batch through the parts of a network that belong to their groups.

Selective back-propagation decides which of them learn from which group: group 0's losses move the shared trunk and
group 0's branch, a rare group's losses move that group's branch alone, because the trunk's parameters are held while
they are taken. The training step that does so is :mod:`retable.methods.cartoon.transfer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def by_group(group: Tensor, apply: Callable[[int, Tensor], Any]) -> Any:
    """``apply(index, rows)`` for every group present, and its results in the order of the rows.

    Args:
        group: int64 ``[N]``.
        apply: given a group and int64 row numbers ``[n]``, gives tensors whose first axis is n: one, or a tuple or
            list of them, however nested.

    Returns:
        The same structure with N rows.
    """
    present = sorted(set(group.tolist()))
    rows = [(group == index).nonzero()[:, 0] for index in present]
    parts = [apply(index, chosen) for index, chosen in zip(present, rows, strict=True)]
    return parts[0] if len(parts) == 1 else _joined(parts, torch.cat(rows).argsort())


def _joined(parts: Sequence[Any], order: Tensor) -> Any:
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(list(parts))[order]
    inner = [_joined(several, order) for several in zip(*parts, strict=True)]
    return type(first)(*inner) if hasattr(first, "_fields") else type(first)(inner)
