"""DTN's ablations, Table 1. Each is DTN with exactly one thing taken away; settings, networks and budget are DTN's own.

Paper: Taigman, Polyak & Wolf, ICLR 2017, arXiv 1611.02200, Table 1; equations as in :mod:`retable.methods.dtn.dtn`. A
term that is taken away is not computed at all, so its weight in the settings has no effect.

Differences from the paper: those of :mod:`retable.methods.dtn.dtn`, and none of their own, except where a class says
so.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from retable.methods.dtn.dtn import DTN
from retable.methods.dtn.networks import Encoder
from retable.methods.method import Info, MethodSettings


class NoTid(DTN):
    """Nothing asks G to leave target images as they are."""

    title: ClassVar[str] = "DTN w/o L_TID"
    terms: ClassVar[frozenset[str]] = DTN.terms - {"tid"}


class NoConst(DTN):
    """Nothing asks the output to have the input's code; only the code's path through g carries the content."""

    title: ClassVar[str] = "DTN w/o L_CONST"
    terms: ClassVar[frozenset[str]] = DTN.terms - {"const"}


class NoConstTid(DTN):
    """Only the adversarial terms are left."""

    title: ClassVar[str] = "DTN w/o L_CONST & L_TID"
    terms: ClassVar[frozenset[str]] = DTN.terms - {"const", "tid"}


class NoGan(DTN):
    """Without L_D and L_GANG: there is no D."""

    title: ClassVar[str] = "DTN w/o L_D and L_GANG"
    terms: ClassVar[frozenset[str]] = DTN.terms - {"gan"}


class NoF(DTN):
    """G does not contain f: an encoder of f's layout, trained from scratch with g, takes its place in G.

    f stays in L_CONST. All terms are DTN's.
    """

    title: ClassVar[str] = "DTN G does not contain f"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.encoder: nn.Module = Encoder(info.channels["s"], self.settings.width)

    def generator(self) -> list[nn.Module]:
        """The networks that L_G updates."""
        return [self.encoder, self.g]

    def generate(self, x: Tensor, code: Tensor) -> Tensor:
        """G: images ``[N, 3, 32, 32]`` -> images ``[N, 1, 32, 32]``; f's codes are not looked at."""
        return self.draw(self.encoder(x))
