"""What the papers' own code gave, on small made-up weights: read from ``data/``.

A file holds inputs and weights rounded to 16 bits, so that they are the same in every precision, and what the official
modules made of them in 64 bits: outputs, losses, and of every gradient its norm and its product with cos(0), cos(1) and
so on. Weights are named as in the official code's checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

DATA = Path(__file__).parent / "data"
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-9}
"""How far a number may be off, relative to the largest of its tensor."""


class Official:
    """One file, in one precision."""

    def __init__(self, name: str, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.tensors = load_file(DATA / f"{name}.safetensors")

    def __getitem__(self, name: str) -> Tensor:
        """An input or a result, in the file's precision where it is a number with a fraction."""
        value = self.tensors[name]
        return value.to(self.dtype) if value.is_floating_point() else value

    def load(self, network: nn.Module, prefix: str, names: Mapping[str, str]) -> None:
        """Fill a network of ours from the official weights below ``prefix``.

        Args:
            network: to be filled; brought to the file's precision.
            prefix: which of the file's networks.
            names: beginning of an official name -> what stands there in ours; the first that fits counts.
        """
        state = {}
        for name in self.tensors:
            if name.startswith(f"{prefix}."):
                old = name.removeprefix(f"{prefix}.")
                start = next(start for start in names if old.startswith(start))
                state[names[start] + old.removeprefix(start)] = self[name]
        network.to(self.dtype).load_state_dict(state)

    def check(self, ours: Tensor, name: str) -> None:
        """Ours is the official result of this name."""
        wanted = self[name]
        bound = TOLERANCES[self.dtype] * float(wanted.abs().max())
        torch.testing.assert_close(ours.detach(), wanted, rtol=0, atol=bound, msg=lambda words: f"{name}: {words}")

    def check_gradients(self, network: nn.Module, prefix: str, names: Mapping[str, str]) -> None:
        """The gradients of a network of ours are the official ones. In 32 bits too few digits are left of them."""
        ours = dict(network.named_parameters())
        checked = 0
        for name in self.tensors:
            if name.startswith(f"grad {prefix}."):
                old = name.removeprefix(f"grad {prefix}.")
                start = next(start for start in names if old.startswith(start))
                gradient = ours[names[start] + old.removeprefix(start)].grad
                assert gradient is not None, name
                flat = gradient.flatten()
                marks = torch.stack([flat.norm(), flat @ torch.cos(torch.arange(len(flat), dtype=flat.dtype))])
                self.check(marks, name)
                checked += 1
        assert checked == len(ours)
