"""Baseline: the straightforward approach that the paper starts from and finds wanting.

Paper: Taigman, Polyak & Wolf, ICLR 2017, arXiv 1611.02200, Section 3. An ordinary GAN whose D tells
G(s) from true images of t, plus the requirement that f sees the same in input and output:

    R_GAN   = max_D E_s log(1 - D(G(x))) + E_t log D(x)
    R_CONST = E_s d(f(x), f(G(x)))
    minimise R_GAN + alpha R_CONST

D is binary, G does not contain f, target images never pass through G.

Differences from the paper:

- The paper does not describe this G: an encoder of f's layout, trained from scratch, and DTN's g.
- G follows - E_s log D(G(x)), the usual non-saturating form.
- Optimiser and schedule as in :mod:`retable.methods.dtn.dtn`; ``beta`` has no effect here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor

from retable.methods.dtn.dtn import DTN, TransferSettings
from retable.methods.dtn.losses import l_const, l_d_binary, l_g_binary
from retable.methods.method import MethodSettings
from retable.methods.training import held


class BaselineSettings(TransferSettings):
    """Settings of the baseline: ``terms`` and ``f_in_g`` are what the baseline is, and have no other values."""

    terms: tuple[Literal["gan"], Literal["const"]] = ("gan", "const")
    f_in_g: Literal[False] = False


class Baseline(DTN):
    """The baseline of Section 3."""

    Settings: ClassVar[type[MethodSettings]] = BaselineSettings
    roles: ClassVar[int] = 2

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of D and one of G from ``{"s": [N, 3, 32, 32], "t": [N, 1, 32, 32]}``."""
        self.schedule(step)
        with torch.no_grad():
            code = self.f(batch["s"])
        output = self.generate(batch["s"], code)
        loss_d = l_d_binary(self.look(output.detach()), self.look(batch["t"]))
        self.update(self.opt["d"], loss_d)
        with held(self.d):
            adversarial = l_g_binary(self.look(output))
        const = l_const(code, self.f(output))
        total = adversarial + self.settings.alpha * const
        self.update(self.opt["g"], total)
        values = {"l_d": loss_d, "l_gang": adversarial, "l_const": const, "l_g": total}
        return {name: value.detach() for name, value in values.items()}
