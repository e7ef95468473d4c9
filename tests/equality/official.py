"""What the papers' own code gave, on small made-up weights: read from ``data/``.

A file holds inputs and weights rounded to 16 bits, so that they are the same in every precision, and what the official
modules made of them in 64 bits: outputs, losses, and of every gradient its norm and its product with cos(0), cos(1) and
so on. Weights are named as in the official code's checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

Rename = Callable[[str], str]
"""A weight's official name -> ours."""
DATA = Path(__file__).parent / "data"
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-9}
"""How far a tensor may be off: the norm of the difference relative to the official one's."""


class Official:
    """One file, in one precision."""

    def __init__(self, name: str, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.tensors = load_file(DATA / f"{name}.safetensors")

    def __getitem__(self, name: str) -> Tensor:
        """An input or a result, in the file's precision where it is a number with a fraction."""
        value = self.tensors[name]
        return value.to(self.dtype) if value.is_floating_point() else value

    def load(self, network: nn.Module, prefix: str, renamed: Rename) -> None:
        """Fill a network of ours, brought to the file's precision, from the official weights below ``prefix``.

        The official layout may have further dimensions of one.
        """
        found = {renamed(name): self[whole] for name, whole in self.below(prefix)}
        ours = network.to(self.dtype).state_dict()
        network.load_state_dict({name: value.reshape(ours[name].shape) for name, value in found.items()})

    def below(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Every name that begins with the prefix and a dot, without and with them."""
        for name in self.tensors:
            if name.startswith(f"{prefix}."):
                yield name.removeprefix(f"{prefix}."), name

    def check(self, ours: Tensor, name: str, least: float = 0.0) -> None:
        """Ours is the official result of this name; in 32 bits that in 32 bits, where the file has one.

        What is smaller than ``least`` is compared as if it were as large.
        """
        small = f"{name} float32"
        wanted = self[small if self.dtype == torch.float32 and small in self.tensors else name]
        assert ours.shape == wanted.shape, name
        off = float((ours.detach() - wanted).norm() / wanted.norm().clamp(min=least))
        assert off <= TOLERANCES[self.dtype], f"{name} is off by {off:.2g}"

    def check_gradients(self, network: nn.Module, prefix: str, renamed: Rename) -> None:
        """The gradients of a network of ours are the official ones. In 32 bits too few digits are left of them."""
        ours = dict(network.named_parameters())
        # Of a bias before an instance norm nothing but rounding is left.
        least = 1e-6 * max(float(self[whole][0]) for _, whole in self.below(f"grad {prefix}"))
        for name, whole in self.below(f"grad {prefix}"):
            gradient = ours.pop(renamed(name)).grad
            assert gradient is not None, whole
            flat = gradient.flatten()
            marks = torch.stack([flat.norm(), flat @ torch.cos(torch.arange(len(flat), dtype=flat.dtype))])
            self.check(marks, whole, least)
        assert not any(parameter.grad is not None and parameter.grad.any() for parameter in ours.values())
