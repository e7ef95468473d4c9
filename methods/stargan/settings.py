"""Settings that StarGAN, DIAT and CycleGAN share: sizes of the networks, learning rates, and their decay."""

from __future__ import annotations

from retable.methods.method import MethodSettings
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
    layers_d: Count = 6
    """Strided convolutions of the discriminator."""
    lr: Rate = 1e-4
    """Adam's learning rate for the generator."""
    lr_d: Rate = 1e-4
    """Adam's learning rate for the discriminator."""
    beta1: Kept = 0.5
    """Adam's first decay rate, for both."""
    decay_from: Share = 0.5
    """Fraction of the steps after which both learning rates fall linearly to zero."""
