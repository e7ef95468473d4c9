"""The networks of the digit experiment: encoder, decoder, discriminator. Taigman et al. 2017, Section 5.1.

The paper gives f as four convolutional blocks of 64, 128, 256 and 128 filters that end in a 128-d code, g as four
blocks of deconvolution from 128x1x1 to 32x32x1 with batch norm and ReLU, and D as four blocks of convolution with
batch norm. Kernels and strides are not given; the layouts here are those that public ports agree on:

- encoder: three 3x3 convolutions of stride 2 and a 4x4 one that leaves 1x1, each with batch norm; tanh bounds the code
  (896,384 parameters at full width with three input channels, the count of the TensorFlow port);
- decoder and discriminator: 4x4 kernels, strides of 2; batch norm between the first and the last layer
  (1,181,505 and, with three roles, 1,182,403 parameters: the counts of the PyTorch port with a ternary D).

``width`` scales all of them: 64 is the paper's. The code always has 128 dimensions.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from retable.methods.method import Info
from retable.methods.training import with_channels

CODE = 128
"""Dimensions of f's code."""
IMAGE_SIZE = 32
"""Height and width of every image of the digit experiment, in pixels."""


class Encoder(nn.Module):
    """f: images ``[N, 1 or channels, 32, 32]`` in [-1, 1] -> codes ``[N, 128]`` in [-1, 1]. Grey is replicated."""

    def __init__(self, channels: int = 3, width: int = 64) -> None:
        super().__init__()
        self.channels = channels
        sizes = [channels, width, 2 * width, 4 * width]
        layers: list[nn.Module] = []
        for i, o in pairwise(sizes):
            layers += [nn.Conv2d(i, o, 3, stride=2, padding=1), nn.BatchNorm2d(o), nn.ReLU()]
        layers += [nn.Conv2d(sizes[-1], CODE, 4), nn.BatchNorm2d(CODE), nn.Tanh(), nn.Flatten()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Images to codes."""
        code: Tensor = self.layers(with_channels(x, self.channels))
        return code


class Decoder(nn.Module):
    """g: codes ``[N, 128]`` -> images ``[N, channels, 32, 32]`` in [-1, 1]."""

    def __init__(self, channels: int = 1, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(CODE, 4 * width, 4),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, code: Tensor) -> Tensor:
        """Codes to images."""
        image: Tensor = self.layers(code[:, :, None, None])
        return image


class Discriminator(nn.Module):
    """D: images ``[N, channels, 32, 32]`` -> logits ``[N, roles]``."""

    def __init__(self, channels: int = 1, width: int = 64, roles: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1),
            nn.BatchNorm2d(4 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 2 * width, 4),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, roles, 1),
            nn.Flatten(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images to logits."""
        logits: Tensor = self.layers(x)
        return logits


def checked_size(info: Info) -> None:
    """Refuse a task whose images these networks cannot take.

    Raises:
        ValueError: the task's images are not 32 pixels wide, or it lacks one of the domains ``s`` and ``t``.
    """
    if info.image_size != IMAGE_SIZE:
        raise ValueError(f"DTN's digit networks take images of {IMAGE_SIZE} pixels; this task has {info.image_size}")
    if missing := {"s", "t"} - set(info.channels):
        raise ValueError(f"DTN needs the domains 's' and 't'; this task lacks {sorted(missing)}")
