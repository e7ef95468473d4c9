"""Label vectors of one or several data sets, and the mask vector of joint training (Choi et al. 2018, Section 3.2).

With n data sets the label that G gets is

    c~ = [c_1, ..., c_n, m]

where c_i holds the labels of data set i, and m, one-hot, names the data set whose labels count. Labels that
an image's data set does not have are zero. With one data set there is no mask: c~ = c_1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from retable.methods.method import Info


class Labels:
    """Where the labels of every data set stand in c~ and among D's outputs."""

    def __init__(self, info: Info) -> None:
        self.sets = tuple(info.channels)
        """The data sets, in the order of c~."""
        self.sizes = {name: len(info.classes[name]) for name in self.sets}
        self.known = sum(self.sizes.values())
        """Labels of all data sets together: D's outputs."""
        self.masked = len(self.sets) > 1
        self.length = self.known + (len(self.sets) if self.masked else 0)
        """Length of c~: G's labels."""

    def part(self, name: str) -> slice:
        """The place of a data set's labels."""
        start = sum(self.sizes[other] for other in self.sets[: self.sets.index(name)])
        return slice(start, start + self.sizes[name])

    def vector(self, name: str, label: Tensor, mask: Tensor | None = None) -> Tensor:
        """c~ of images of one data set.

        Args:
            name: the data set.
            label: int64 bits ``[N, labels of the set]`` or classes ``[N]``.
            mask: the data set that m names, int64 ``[N]``, in :attr:`sets`' order; ``None`` for the right one.

        Returns:
            float32 ``[N, length]``.
        """
        vector = torch.zeros(len(label), self.length, device=label.device)
        vector[:, self.part(name)] = as_bits(label, self.sizes[name])
        if self.masked:
            right = torch.full((len(label),), self.sets.index(name), device=label.device)
            vector[:, self.known :] = as_bits(right if mask is None else mask, len(self.sets))
        return vector


def as_bits(label: Tensor, size: int) -> Tensor:
    """Bits ``[N, size]`` as they are, classes ``[N]`` one-hot; float32 ``[N, size]``."""
    return (label if label.ndim == 2 else functional.one_hot(label, size)).float()


def classification(logits: Tensor, label: Tensor) -> Tensor:
    """-log D_cls(c | x), a scalar: the mean over images.

    Args:
        logits: of one data set, ``[N, labels]``.
        label: bits ``[N, labels]``: binary cross-entropy, summed over the labels; classes ``[N]``: cross-entropy.
    """
    if label.ndim == 2:
        return functional.binary_cross_entropy_with_logits(logits, label.float(), reduction="sum") / len(label)
    return functional.cross_entropy(logits, label)
