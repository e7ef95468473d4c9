"""f: the encoder that all of DTN's rows start from.

Paper: Taigman, Polyak & Wolf, ICLR 2017, arXiv 1611.02200, Section 5.1. A classifier of the source's labels; its last
hidden layer, 128 numbers, is the code f(x). Trained once, then frozen: a shared stage, not a row.

Differences from the paper:

- Strides instead of max pooling, batch norm, and a tanh on the code: see :mod:`retable.methods.dtn.networks`.
- How the paper trains f is not given: cross-entropy, AdamW, a one-cycle learning rate and small random affine maps
  here.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from retable.methods.classifier import Classifier, ClassifierSettings
from retable.methods.dtn.networks import CODE, Encoder, checked_size
from retable.methods.method import Info, MethodSettings
from retable.methods.types import Count


class FSettings(ClassifierSettings):
    """Settings of f."""

    width: Count = 64
    """Channels of the first block; the next ones have 2 and 4 times as many. 64 is the paper's."""


class F(Classifier):
    """The encoder f with a linear classifier on top."""

    Settings: ClassVar[type[MethodSettings]] = FSettings
    task: ClassVar[str] = "digits"
    stream = "f"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        checked_size(info)
        self.encoder: nn.Module = Encoder(info.channels["s"], self.settings.width)
        self.head: nn.Module = nn.Linear(CODE, len(info.classes[self.label]))

    def code(self, images: Tensor) -> Tensor:
        """Images ``[N, 1 or 3, 32, 32]`` in [-1, 1] -> codes ``[N, 128]`` in [-1, 1]; one channel is replicated."""
        out: Tensor = self.encoder(images)
        return out

    def logits(self, images: Tensor) -> Tensor:
        """Images ``[N, 1 or 3, 32, 32]`` in [-1, 1] -> logits ``[N, 10]``."""
        out: Tensor = self.head(self.code(images))
        return out
