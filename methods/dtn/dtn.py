"""DTN: the domain transfer network.

Paper: Taigman, Polyak & Wolf, "Unsupervised Cross-Domain Image Generation", ICLR 2017, arXiv 1611.02200, Section 4.
A frozen encoder f, trained on the source's labels, gives a code; the only thing that learns to draw is g, and
G = g o f. D tells three kinds apart: G(s), G(t), and true images of t. Per step, one update of D and one of g:

    L_D = - E_s log D1(G(x)) - E_t log D2(G(x)) - E_t log D3(x)
    L_G = L_GANG + alpha L_CONST + beta L_TID + gamma L_TV

with L_GANG, L_CONST, L_TID and L_TV as in :mod:`retable.methods.dtn.losses`; L_TV is taken over G(s) and G(t).

The ablations of Table 1 take exactly one thing away; settings, networks and budget stay DTN's own. ``terms`` leaves
terms out (without ``gan`` there is neither L_D nor L_GANG, and no D). With ``f_in_g = false`` G does not contain f: an
encoder of f's layout, trained from scratch with g, takes its place in G, and f stays in L_CONST.

Differences from the paper (where it says nothing, what was chosen):

- d and d2 are mean square differences; the paper reports that the choice hardly matters.
- Optimiser, learning rates, batch size and number of steps are not in the paper: Adam (0.5, 0.999), 2e-4 for both,
  batches of 128 per domain, 50,000 steps.
- Kernel sizes, strides and where batch norm sits: see :mod:`retable.methods.dtn.networks`.
- g sees the codes of s and t as one batch, so its batch norm uses the statistics of the mixture, in training and (as
  running averages) in translation. D sees each of its three kinds as a batch of its own.
- g and D learn from the same generated images: drawn once per step, D's update first.
- ``decay_from``, ``lr_d``, ``width_d``, ``noise`` and ``code_noise`` exist for short runs: D outruns L_CONST there,
  and g learns to please f with other digits' shapes. Their defaults change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from itertools import chain
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from retable.methods.dtn.f import F
from retable.methods.dtn.losses import l_const, l_d, l_gang, l_tid, l_tv
from retable.methods.dtn.networks import Decoder, Discriminator, Encoder, checked_size
from retable.methods.method import Info, Method, MethodSettings
from retable.methods.schedules import linear_decay, set_learning_rates
from retable.methods.training import Frozen, held, with_channels
from retable.methods.types import Count, Kept, Positive, Rate, Share, Weight

Term = Literal["gan", "const", "tid", "tv"]


class TransferSettings(MethodSettings):
    """Settings of every trained row of DTN's tables."""

    steps: int = 50_000
    batch_size: int = 128
    terms: tuple[Term, ...] = ("gan", "const", "tid", "tv")
    """What the objective holds; ``gan`` stands for L_D and L_GANG. A term that is left out is not computed."""
    f_in_g: bool = True
    """Whether G contains f, or an encoder of its own."""
    width: Count = 64
    """Channels of g's widest layer are four times this; 64 is the paper's."""
    width_d: Count = 64
    """The same for D."""
    alpha: Weight = 15.0
    """Weight of L_CONST."""
    beta: Weight = 15.0
    """Weight of L_TID."""
    gamma: Weight = 0.0
    """Weight of L_TV; at 0 it is not computed."""
    tv_exponent: Positive = 1.0
    """B in L_TV."""
    lr: Rate = 2e-4
    """Adam's learning rate for the generator."""
    lr_d: Rate = 2e-4
    """Adam's learning rate for D."""
    beta1: Kept = 0.5
    """Adam's first decay rate, for both."""
    decay_from: Share = 1.0
    """Fraction of the steps after which both learning rates fall linearly to zero; 1 keeps them constant."""
    noise: Weight = 0.0
    """Standard deviation of Gaussian noise on everything that D sees (images are in [-1, 1])."""
    code_noise: Weight = 0.0
    """Standard deviation of Gaussian noise on the codes that g draws from in training (codes are in [-1, 1])."""


class DTN(Method):
    """DTN and its ablations."""

    Settings: ClassVar[type[MethodSettings]] = TransferSettings
    task: ClassVar[str] = "digits"
    watch: ClassVar[tuple[str, ...]] = ("l_const", "l_tid")
    needs: ClassVar[Mapping[str, str]] = {"f": "dtn/f"}
    roles: ClassVar[int] = 3
    """Outputs of D."""

    f: Frozen

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        checked_size(info)
        channels = info.channels["t"]
        self.g: nn.Module = Decoder(channels, self.settings.width)
        if "gan" in self.settings.terms:
            self.d: nn.Module = Discriminator(channels, self.settings.width_d, self.roles)
        if not self.settings.f_in_g:
            self.encoder: nn.Module = Encoder(info.channels["s"], self.settings.width)

    def start_from(self, role: str, other: Method) -> None:
        """Take f's encoder, frozen: its weights and batch-norm statistics never change from here on."""
        if role != "f" or not isinstance(other, F):
            raise ValueError(
                f"{type(self).__name__} starts from dtn/f as 'f', not from {type(other).__name__} as {role!r}"
            )
        self.f = Frozen(deepcopy(other.encoder))

    def generator(self) -> list[nn.Module]:
        """The networks that L_G updates."""
        return [self.g] if self.settings.f_in_g else [self.encoder, self.g]

    def generate(self, x: Tensor, code: Tensor) -> Tensor:
        """G: images ``[N, C, 32, 32]`` and their codes f(x) ``[N, 128]`` -> images ``[N, 1, 32, 32]``."""
        return self.draw(code if self.settings.f_in_g else self.encoder(x))

    def draw(self, code: Tensor) -> Tensor:
        """g on codes ``[N, 128]``, while it trains through Gaussian noise on them."""
        if self.settings.code_noise and self.g.training:
            code = code + self.settings.code_noise * torch.randn_like(code)
        out: Tensor = self.g(code)
        return out

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam ``g`` over the generator and, where there is one, ``d`` over D."""
        s = self.settings
        parameters = chain.from_iterable(network.parameters() for network in self.generator())
        optimizers: dict[str, Optimizer] = {"g": Adam(parameters, lr=s.lr, betas=(s.beta1, 0.999))}
        if "gan" in self.settings.terms:
            optimizers["d"] = Adam(self.d.parameters(), lr=s.lr_d, betas=(s.beta1, 0.999))
        return optimizers

    def schedule(self, step: int) -> None:
        """Set both learning rates for this step."""
        s = self.settings
        set_learning_rates(self.opt, linear_decay(step, s.steps, s.decay_from), g=s.lr, d=s.lr_d)

    def look(self, images: Tensor) -> Tensor:
        """D's logits for images, through its instance noise."""
        if self.settings.noise:
            images = images + self.settings.noise * torch.randn_like(images)
        logits: Tensor = self.d(images)
        return logits

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of D and one of the generator from ``{"s": [N, 3, 32, 32], "t": [N, 1, 32, 32]}``."""
        self.schedule(step)
        s, t = batch["s"], batch["t"]
        both = torch.cat([s, with_channels(t, s.shape[1])])
        with torch.no_grad():
            code = self.f(both)
        output = self.generate(both, code)
        return self.learn(t, code[: len(s)], output[: len(s)], output[len(s) :])

    def learn(self, t: Tensor, code_s: Tensor, g_s: Tensor, g_t: Tensor) -> dict[str, Tensor]:
        """Both updates, given f(s), G(s) and G(t); only the terms that this row has."""
        values: dict[str, Tensor] = {}
        terms = self.settings.terms
        weights = {"gang": 1.0, "const": self.settings.alpha, "tid": self.settings.beta, "tv": self.settings.gamma}
        losses: dict[str, Tensor] = {}
        if "gan" in terms:
            values["l_d"] = l_d(self.look(g_s.detach()), self.look(g_t.detach()), self.look(t))
            self.update(self.opt["d"], values["l_d"])
            with held(self.d):
                losses["gang"] = l_gang(self.look(g_s), self.look(g_t))
        if "const" in terms:
            losses["const"] = l_const(code_s, self.f(g_s))
        if "tid" in terms:
            losses["tid"] = l_tid(t, g_t)
        if "tv" in terms and self.settings.gamma:
            losses["tv"] = l_tv(torch.cat([g_s, g_t]), self.settings.tv_exponent)
        total = sum((weights[name] * loss for name, loss in losses.items()), start=g_s.new_zeros(()))
        self.update(self.opt["g"], total)
        values |= {f"l_{name}": loss for name, loss in losses.items()}
        return {name: value.detach() for name, value in values.items()} | {"l_g": total.detach()}

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``{"image": [N, 1 or 3, 32, 32]}`` in [-1, 1] -> G's images float32 ``[N, 1, 32, 32]`` in [-1, 1]."""
        with torch.no_grad():
            x = with_channels(inputs["image"], self.info.channels["s"])
            return self.generate(x, self.f(x)).float()
