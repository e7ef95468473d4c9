"""What StarGAN, DIAT and CycleGAN share: sizes of the networks, two optimisers, and the decay of their rates."""

from __future__ import annotations

from typing import ClassVar

from torch import nn
from torch.optim import Adam, Optimizer

from retable.methods.method import Method, MethodSettings
from retable.methods.schedules import linear_decay, set_learning_rates
from retable.methods.types import Count, CountOrNone, Kept, Kernel, Rate, Share


class TranslationSettings(MethodSettings):
    """Settings of a generator and a discriminator; of each of them, where a row trains several."""

    width: Count = 64
    """Channels of the generator's first layer."""
    blocks: CountOrNone = 6
    """Residual blocks of the generator."""
    kernel: Kernel = 7
    """Side of the generator's first and last convolution: 7 of 128 pixels are 2 of 32."""
    width_d: Count = 64
    """Channels of the discriminator's first layer."""
    layers_d: Count | None = None
    """Strided convolutions of the discriminator; ``None`` for as many as leave 2 x 2 patches, see
    :func:`~retable.methods.stargan.networks.layers_for`."""
    lr: Rate = 1e-4
    """Adam's learning rate for the generator."""
    lr_d: Rate = 1e-4
    """Adam's learning rate for the discriminator."""
    beta1: Kept = 0.5
    """Adam's first decay rate, for both."""
    decay_from: Share = 0.5
    """Fraction of the steps after which both learning rates fall linearly to zero."""


class Translation(Method):
    """Base of the rows that train a generator against a discriminator, or several pairs of them, as StarGAN does."""

    task: ClassVar[str] = "attributes"
    g: nn.Module
    d: nn.Module

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam ``g`` over the generators and ``d`` over the discriminators."""
        s = self.settings
        return {
            "g": Adam(self.g.parameters(), lr=s.lr, betas=(s.beta1, 0.999), fused=True),
            "d": Adam(self.d.parameters(), lr=s.lr_d, betas=(s.beta1, 0.999), fused=True),
        }

    def schedule(self, step: int) -> None:
        """Set both learning rates for this step."""
        s = self.settings
        set_learning_rates(self.opt, linear_decay(step, s.steps, s.decay_from), g=s.lr, d=s.lr_d)
