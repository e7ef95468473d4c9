"""Baseline 3: Basic fine-tuned on each rare group by itself (arXiv 2007.13332, Section 4, Fig. 5).

Three independent copies of all networks are trained side by side in one run; no weight and no gradient passes between
them.

Differences from the paper: it shows men only; here every rare group has its copy. Group 0 has none to train: its images
go through Basic as it was. The number of steps is not known; a step here is one step of every copy. See also
:mod:`retable.methods.cartoon.method`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from retable.methods.cartoon.group_parts import by_group
from retable.methods.cartoon.method import CartoonMethod, CartoonSettings, Stream
from retable.methods.method import MethodSettings
from retable.methods.types import at_least


class PerGroup(nn.Module):
    """One network a group. That of group 0 is frozen: there is nothing to fine-tune it on."""

    def __init__(self, networks: list[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.networks[0].requires_grad_(False)

    def start_from(self, base: nn.Module) -> None:
        """Give every group the weights of one network."""
        for network in self.networks:
            network.load_state_dict(base.state_dict())

    def forward(self, x: Tensor, group: Tensor) -> Any:
        """Every row through its group's own network; what they give, in the order of the rows."""
        return by_group(group, lambda index, rows: self.networks[index](x[rows], group[rows]))


class Baseline3Settings(CartoonSettings):
    """Settings of Baseline 3."""

    batch_size: Annotated[int, at_least(3, "every step needs an image of each of the three rare groups")] = 3
    """One image for each copy."""
    stream: Stream = "rare-groups"
    from_basic: bool = True


class Baseline3(CartoonMethod):
    """A copy of all networks per rare group."""

    Settings: ClassVar[type[MethodSettings]] = Baseline3Settings

    def generator(self) -> nn.Module:
        """A generator for every group."""
        return PerGroup([super(Baseline3, self).generator() for _ in range(self.groups)])

    def discriminators(self, domain: str) -> nn.Module:
        """The discriminators of a domain for every group."""
        return PerGroup([super(Baseline3, self).discriminators(domain) for _ in range(self.groups)])

    def weights(self, group: Tensor) -> Tensor:
        """Every copy's loss is the mean over its own images, as if it were trained alone."""
        counts = torch.bincount(group, minlength=self.groups)
        return 1.0 / counts[group]
