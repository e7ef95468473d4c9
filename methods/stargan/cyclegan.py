"""CycleGAN: a pair of generators and a pair of discriminators for every pair of domains.

Paper: Zhu, Park, Isola & Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
ICCV 2017, arXiv 1703.10593, Sections 3, 4 and 5.2; a row of StarGAN's tables (arXiv 1711.09020). For one pair, with
G: a -> b and F: b -> a, D_b and D_a, and fakes for D out of a history of 50 images:

    L_D = 1/2 E (D_b(b) - 1)^2 + 1/2 E D_b(G(a))^2, and the same for D_a
    L_G = E (D_b(G(a)) - 1)^2 + E (D_a(F(b)) - 1)^2
          + cycle (E |F(G(a)) - a| + E |G(F(b)) - b|)
          + cycle identity (E |G(b) - b| + E |F(a) - a|)

Differences from the paper:

- The discriminators are StarGAN's without its label head: only with them is a model as large as StarGAN's Table 3
  says (see :mod:`retable.methods.stargan.per_target`). Their leaky slopes are 0.01, and all weights
  start as torch starts them, not from N(0, 0.02).
- StarGAN's paper does not say how long its comparators were trained: the default is 100,000 steps for each of RaFD's
  seven pairs. Pairs take turns; each has its own history.
- Several attributes are changed by going through several generators, one after the other. A pair changes one bit, so a
  change of hair colour goes through the pair of the new colour and leaves the bit of the old one to chance.
- An image that a generator is to leave as it is goes through it together with the one to be translated; no layer mixes
  the rows of a batch, so this changes nothing but the time.
- ``lr_d`` and the sizes are settings for short runs; their defaults are the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from retable.methods.method import MethodSettings
from retable.methods.stargan.model_choice import pair_models
from retable.methods.stargan.networks import Critic
from retable.methods.stargan.per_target import Critics, SeparateModels, SeparateSettings, total
from retable.methods.training import held, mirror_and_crop
from retable.methods.types import CountOrNone, Factor, Weight


class CycleGANSettings(SeparateSettings):
    """Settings of CycleGAN."""

    steps: int = 700_000
    batch_size: int = 1
    cycle: Weight = 10.0
    """Weight of the way there and back."""
    identity: Weight = 0.5
    """Weight, times ``cycle``, of leaving images of the target domain as they are; 0 does without."""
    pool: CountOrNone = 50
    """Images in the history that a discriminator's fakes come from; 0 shows it the newest."""
    enlarge: Factor = 286 / 256


class PooledCritics(Critics):
    """Discriminators, each with a history of fakes. It is part of the checkpoint, so a resumed training goes on alike.

    Args:
        networks: the discriminators.
        size: images in a history.
        shape: of an image, (C, S, S).
    """

    def __init__(self, networks: list[Critic], size: int, shape: tuple[int, int, int]) -> None:
        super().__init__(networks)
        self.size = size
        self.register_buffer("pool", torch.zeros(len(networks), size, *shape))
        self.register_buffer("filled", torch.zeros(len(networks), dtype=torch.int64))

    pool: Tensor
    filled: Tensor

    def forward(self, which: int, x: Tensor, fakes: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """As :meth:`Critics.forward`; with ``fakes``, they follow ``x`` as the history exchanges them."""
        if fakes is not None:
            x = torch.cat([x, self.exchanged(which, fakes.detach())])
        return super().forward(which, x)

    def exchanged(self, which: int, fakes: Tensor) -> Tensor:
        """Put fakes ``[N, C, S, S]`` into history ``which`` and take as many out of it.

        Until it is full an image goes in and is used; then, half of the time, it changes places with a random one.
        """
        if self.size == 0:
            return fakes
        out = fakes.clone()
        for row, image in enumerate(fakes):
            filled = int(self.filled[which])
            if filled < self.size:
                self.pool[which, filled] = image
                self.filled[which] += 1
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(self.size, ()))
                out[row] = self.pool[which, place]
                self.pool[which, place] = image
        return out


def l_squares(patches: Tensor, wanted: float) -> Tensor:
    """E (D - wanted)^2 over patch outputs ``[N, 1, h, w]``."""
    return (patches - wanted).square().mean()


class CycleGAN(SeparateModels):
    """One pair of generators and of discriminators per pair of domains."""

    Settings: ClassVar[type[MethodSettings]] = CycleGANSettings
    stream = "pairs"
    watch: ClassVar[tuple[str, ...]] = ("l_cycle", "l_identity")

    def models(self) -> int:
        """Two for every pair of domains: number 2p is pair p's towards b, 2p + 1 its towards a."""
        return 2 * len(self.info.classes["pairs"])

    def chosen(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The generators of the pairs on the way to what is wanted."""
        return pair_models(inputs, self.info)

    def critics(self, networks: list[Critic]) -> nn.Module:
        """Discriminators with histories."""
        size, channels = self.info.image_size, next(iter(self.info.channels.values()))
        return PooledCritics(networks, self.settings.pool, (channels, size, size))

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of a pair's generators and one of its discriminators.

        ``{"a": [N, C, S, S], "b": [N, C, S, S], "which": [N]}``: images in [-1, 1], the pair's number in every row.
        """
        self.schedule(step)
        s = self.settings
        to_b = 2 * int(batch["which"][0])
        a, b = (mirror_and_crop(batch[name], s.enlarge) for name in ("a", "b"))
        fake_b, kept_b = self.drawn(to_b, a, b)
        fake_a, kept_a = self.drawn(to_b + 1, b, a)
        terms = self.terms(to_b, (a, b), (fake_a, fake_b), (kept_a, kept_b))
        l_g = total({"adv": 1.0, "cycle": s.cycle, "identity": s.cycle * s.identity}, terms)
        self.update(self.opt["g"], l_g)
        l_d = self.l_d(to_b, b, fake_b) + self.l_d(to_b + 1, a, fake_a)
        self.update(self.opt["d"], l_d)
        values = {f"l_{name}": term for name, term in terms.items()} | {"l_g": l_g, "l_d": l_d}
        return {name: value.detach() for name, value in values.items()}

    def drawn(self, which: int, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """What a generator makes of its source domain, and of its target domain (nothing, where no term asks)."""
        if not self.settings.identity:
            return self.g(which, source), source[:0]
        both: Tensor = self.g(which, torch.cat([source, target]))
        return both[: len(source)], both[len(source) :]

    def terms(
        self, to_b: int, real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor], kept: tuple[Tensor, Tensor]
    ) -> dict[str, Tensor]:
        """The terms of L_G, unweighted, from images of (a, b): real ones, made ones, and those left as they are."""
        with held(self.d):
            seen_b, seen_a = self.judged(to_b, fake[1])[0], self.judged(to_b + 1, fake[0])[0]
        back_a, back_b = self.g(to_b + 1, fake[1]), self.g(to_b, fake[0])
        terms = {
            "adv": l_squares(seen_b, 1.0) + l_squares(seen_a, 1.0),
            "cycle": (back_a - real[0]).abs().mean() + (back_b - real[1]).abs().mean(),
        }
        if self.settings.identity:
            terms["identity"] = (kept[0] - real[0]).abs().mean() + (kept[1] - real[1]).abs().mean()
        return terms

    def l_d(self, which: int, real: Tensor, fake: Tensor) -> Tensor:
        """L_D of one discriminator; the fakes go through its history."""
        patches = self.d(which, real, fake)[0]
        return (l_squares(patches[: len(real)], 1.0) + l_squares(patches[len(real) :], 0.0)) / 2
