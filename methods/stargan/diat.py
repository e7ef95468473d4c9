"""DIAT: a model of its own for every target, with an adversarial loss and one that keeps the person.

Paper: Li, Zuo & Zhang, "Deep Identity-aware Transfer of Facial Attributes", 2016, arXiv 1610.05586; a row of StarGAN's
tables (arXiv 1711.09020). With T the transfer network of one target, x an image without the target and y one with it,
and phi_l the activations of D's strided layer l:

    L_D = E softplus(-D(y)) + E softplus(D(T(x)))
    L_T = E softplus(-D(T(x))) + identity L_id + smooth L_tv + pixel E |T(x) - x|
    L_id = sum over the last two l of |phi_l(T(x)) - phi_l(x)|^2 / (2 C_l H_l W_l)
    L_tv = E (T(x)_{i+1,j} - T(x)_{i,j})^2 + E (T(x)_{i,j+1} - T(x)_{i,j})^2

Differences from the paper:

- L_id looks at D's features, as the paper's own variant DIAT-A ("adaptive") does, and not at VGG-Face's: no file of
  weights is needed. The paper takes the fourth and fifth layer of its D; here they are the last two.
- The networks are CycleGAN's generator and StarGAN's discriminator without its label head: only with them is a model
  as large as StarGAN's Table 3 says (see :mod:`retable.methods.stargan.per_target`).
- The paper's smoothness term compares T(x) with a denoised T(x); L_tv stands for it, a plain total variation.
- The weights, the optimiser, the batch size and the number of steps (20,000 for each of seven targets, which both sets
  have) are choices of ours: the paper's for these networks, and StarGAN's, are not known to us.
- ``pixel`` is not in the paper. It is for short runs, where D's features say little about who somebody is; its
  default, 0, leaves it out. ``lr_d`` and the sizes are settings for short runs too.
- Several attributes are changed by going through several models, one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from retable.methods.method import MethodSettings
from retable.methods.stargan.model_choice import target_models
from retable.methods.stargan.per_target import SeparateModels, SeparateSettings, total
from retable.methods.training import held, mirror_and_crop
from retable.methods.types import Weight


class DIATSettings(SeparateSettings):
    """Settings of DIAT."""

    steps: int = 140_000
    batch_size: int = 16
    identity: Weight = 1.0
    """Weight of L_id."""
    smooth: Weight = 0.01
    """Weight of L_tv; at 0 it is not computed."""
    pixel: Weight = 0.0
    """Weight of the absolute difference to the input; at 0 it is not computed."""


def l_identity(features: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """L_id over the last two of D's activations ``[N, C_l, H_l, W_l]``, the mean over the batch."""
    pairs = zip(features[-2:], wanted[-2:], strict=True)
    return torch.stack([(one - other).square().mean() / 2 for one, other in pairs]).sum()


def l_tv(images: Tensor) -> Tensor:
    """L_tv of images ``[N, C, H, W]``: the mean squared differences between neighbours, down and to the right."""
    return images.diff(dim=2).square().mean() + images.diff(dim=3).square().mean()


class DIAT(SeparateModels):
    """One transfer network and one discriminator per target."""

    Settings: ClassVar[type[MethodSettings]] = DIATSettings
    stream = "targets"
    watch: ClassVar[tuple[str, ...]] = ("l_identity",)

    def models(self) -> int:
        """One for every target."""
        return len(self.info.classes["targets"])

    def chosen(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The models of what is wanted and not there."""
        return target_models(inputs, self.info)

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of a target's D and one of its T.

        ``{"source": [N, C, S, S], "target": [N, C, S, S], "which": [N]}``: images in [-1, 1] without and with the
        target, and its number in every row.
        """
        self.schedule(step)
        s, which = self.settings, int(batch["which"][0])
        source, target = (mirror_and_crop(batch[name], s.enlarge) for name in ("source", "target"))
        fake: Tensor = self.g(which, source)
        patches = self.judged(which, torch.cat([target, fake.detach()]))[0]
        l_d = softplus(-patches[: len(target)]).mean() + softplus(patches[len(target) :]).mean()
        self.update(self.opt["d"], l_d)
        terms = self.terms(which, source, fake)
        l_t = total({"adv": 1.0, "identity": s.identity, "tv": s.smooth, "pixel": s.pixel}, terms)
        self.update(self.opt["g"], l_t)
        values = {f"l_{name}": term for name, term in terms.items()} | {"l_t": l_t, "l_d": l_d}
        return {name: value.detach() for name, value in values.items()}

    def terms(self, which: int, source: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The terms of L_T, unweighted; only those that have a weight."""
        with torch.no_grad():
            wanted = self.judged(which, source)[1]
        with held(self.d):
            patches, features = self.judged(which, fake)
        terms = {"adv": softplus(-patches).mean(), "identity": l_identity(features, wanted)}
        if self.settings.smooth:
            terms["tv"] = l_tv(fake)
        if self.settings.pixel:
            terms["pixel"] = (fake - source).abs().mean()
        return terms
