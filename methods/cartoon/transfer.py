"""Full transfer: a branch per group around a shared trunk, with selective back-propagation (arXiv 2007.13332, Fig. 3).

Every step sees images of all groups. Group 0's losses reach the trunk and group 0's branch; a rare group's losses reach
that group's branch alone. The discriminators are shared and see all groups; they and the generators learn to tell the
groups apart (group classification). With L_g the objective of :mod:`retable.methods.cartoon.method` over the images
of group g, and cls its group classification:

    L = (L_0 + cls_0) + mean over g = 1, 2, 3 of (L_g + cls_g)

Without selective back-propagation (``selective = false``, Fig. 6) the objective is the same, nothing is held, and every
group moves the trunk; ``reading`` has nothing to decide.

Differences from the paper:

- ``reading = "paper"`` (the default) takes the claim by its word: nothing of a rare group moves the trunk, and there is
  one update. The released code departs from it, and ``reading = "code"`` does as it does: first a step on group 0's
  losses and the CAM loss of *all* groups (times 0.5) that moves trunk and branches; then a step on the group
  classification and the rare groups' losses that moves the branches. As released it cannot do the second step on the
  first one's graph (PyTorch refuses since 1.5), so here the images are generated anew for it. "All losses" of group 0
  in its first and of the rare groups in its second step are taken without their CAM losses, which are in the first
  step already.
- The discriminators' losses are the mean over the batch, as in the released code, so rare groups have three quarters of
  them; of the generators' losses they have half.
- The discriminators go on from Basic's. The released code starts them afresh, from weights that tell nothing apart;
  short second stages would be spent on that alone.
- In the released code group 0's classification, too, is in the second step, which moves the branches alone. In the
  paper's reading it reaches the trunk, as all of group 0's losses do.
- The trunk's weights also move through the discriminators, which rare groups train: the paper branches generators only.
- The CAM head of a group belongs to its branch (:mod:`retable.methods.cartoon.generator`).
- In the code's reading Adam's weight decay and momentum act on the branches in both steps, as they do there.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from retable.methods.cartoon.method import CartoonMethod, CartoonSettings, Pass, Stream
from retable.methods.method import MethodSettings
from retable.methods.training import held
from retable.methods.types import at_least


class TransferSettings(CartoonSettings):
    """Settings of the full transfer."""

    batch_size: Annotated[int, at_least(4, "every step needs an image of each of the four groups")] = 4
    """One image per group."""
    stream: Stream = "groups"
    from_basic: bool = True
    selective: bool = True
    """Whether rare groups are kept from the trunk."""
    reading: Literal["paper", "code"] = "paper"
    """Whose account of selective back-propagation: the paper's claim, or what the released code does."""


class Transfer(CartoonMethod):
    """Full transfer, with or without selective back-propagation."""

    Settings: ClassVar[type[MethodSettings]] = TransferSettings
    branches: ClassVar[bool] = True

    g_ab: Any
    g_ba: Any

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam ``g`` and ``d``; in the code's reading ``g`` is for the first step and ``branches`` for the second."""
        optimizers = super().optimizers()
        if self.settings.selective and self.settings.reading == "code":
            optimizers["branches"] = self.adam(self.g_ab.branches, self.g_ba.branches)
        return optimizers

    def weights(self, group: Tensor) -> Tensor:
        """1 for the mean over group 0's images, and 1 for the mean over the rare groups' images."""
        base = group == 0
        count = torch.where(base, base.sum(), (~base).sum())
        return 1.0 / count

    def weights_d(self, group: Tensor) -> Tensor:
        """The mean over all images of the batch."""
        return torch.full(group.shape, 1 / len(group), device=group.device)

    def generate(self, photo: Tensor, cartoon: Tensor, group: Tensor) -> Pass:
        """As for the other rows; the trunk's weights are held while the rare groups' images go through it."""
        if not self.settings.selective or self.settings.reading == "code":
            return super().generate(photo, cartoon, group)
        base = (group == 0).nonzero()[:, 0]
        rare = (group != 0).nonzero()[:, 0]
        passes = []
        if len(base):
            passes.append(super().generate(photo[base], cartoon[base], group[base]))
        if len(rare):
            with self.trunks_held():
                passes.append(super().generate(photo[rare], cartoon[rare], group[rare]))
        return Pass.joined(passes)

    def trunks_held(self) -> ExitStack:
        """A block in which neither trunk's weights ask for gradients."""
        stack = ExitStack()
        for network in (self.g_ab, self.g_ba):
            stack.enter_context(held(network.trunk))
        return stack

    def update_generators(self, made: Pass) -> dict[str, Tensor]:
        """One update in the paper's reading, two in the code's."""
        if not self.settings.selective or self.settings.reading == "paper":
            return super().update_generators(made)
        terms, weights, base = self.terms(made), self.weights(made.group), made.group == 0
        rest = {name: term for name, term in terms.items() if name not in ("cam", "cls")}
        shared = 0.5 * self.settings.cam * terms["cam"].mean() + (weights * base * self.total(rest)).sum()
        self.step_generators("g", shared)
        with self.trunks_held():
            again = self.terms(self.generate(made.photo, made.cartoon, made.group))
            rest = {name: again[name] for name in rest}
            specific = self.settings.cls * again["cls"].mean() + (weights * ~base * self.total(rest)).sum()
            self.step_generators("branches", specific)
        return self.values(terms, weights)
