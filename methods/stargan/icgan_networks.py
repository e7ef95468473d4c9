"""IcGAN's networks: a DCGAN that is told y, and two encoders that invert it.

Source: Perarnau et al. 2016, arXiv 1611.06355, Section 4 and its Table 1 of layers, for 64 x 64: generator and
discriminator halve or double the size four times down to 4 x 4 (Radford et al. 2016, arXiv 1511.06434); y is
concatenated to z at the generator's input, and as constant maps after the discriminator's first layer. The encoders are
four convolutions of 5 x 5, stride 2, and two fully connected layers.

Other sizes keep the rule: as many halvings as leave a whole number of at least 4 pixels. So 128 x 128 has five, whose
widest layer has twice the channels, and 40 x 40 three, down to 5 x 5.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def halvings(image_size: int) -> tuple[int, int]:
    """How often the size is halved, and what is left of it: 64 -> (4, 4).

    Raises:
        ValueError: the size is below 32 or does not divide by 8.
    """
    if image_size < 32 or image_size % 8:
        raise ValueError(
            f"IcGAN's networks need images of 32 or more pixels that divide by 8, not {image_size}; change task.size"
        )
    layers, base = 3, image_size // 8
    while base % 2 == 0 and base >= 8:
        layers, base = layers + 1, base // 2
    return layers, base


class ConditionalGenerator(nn.Module):
    """G: z and y -> an image.

    Args:
        channels: of an image.
        image_size: its height and width, see :func:`halvings`.
        z: length of z.
        labels: length of y.
        width: channels before the last layer, 64 in DCGAN; they double towards the input.
    """

    def __init__(self, channels: int, image_size: int, z: int, labels: int, width: int = 64) -> None:
        super().__init__()
        layers, base = halvings(image_size)
        widths = [width << i for i in reversed(range(layers))]
        parts: list[nn.Module] = [nn.ConvTranspose2d(z + labels, widths[0], base, bias=False)]
        for i, o in pairwise(widths):
            parts += [nn.BatchNorm2d(i), nn.ReLU(inplace=True), nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False)]
        parts += [nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.ConvTranspose2d(width, channels, 4, 2, 1), nn.Tanh()]
        self.main = nn.Sequential(*parts)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """z ``[N, z]``, y float ``[N, labels]`` -> images ``[N, C, S, S]`` in [-1, 1]."""
        out: Tensor = self.main(torch.cat([z, y.to(z.dtype)], 1)[:, :, None, None])
        return out


class ConditionalDiscriminator(nn.Module):
    """D: is this a real image that has y? Arguments as for :class:`ConditionalGenerator`."""

    def __init__(self, channels: int, image_size: int, labels: int, width: int = 64) -> None:
        super().__init__()
        layers, base = halvings(image_size)
        self.first = nn.Sequential(nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True))
        parts: list[nn.Module] = []
        i = width + labels
        for o in (width << index for index in range(1, layers)):
            parts += [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2, inplace=True)]
            i = o
        self.main = nn.Sequential(*parts, nn.Conv2d(i, 1, base))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Images ``[N, C, S, S]`` in [-1, 1], y float ``[N, labels]`` -> logits ``[N]``."""
        seen = self.first(x)
        maps = y.to(seen.dtype)[:, :, None, None].expand(-1, -1, *seen.shape[2:])
        out: Tensor = self.main(torch.cat([seen, maps], 1))
        return out.flatten()


class Encoder(nn.Module):
    """E_z or E_y: an image -> numbers.

    Args:
        channels: of an image.
        image_size: its height and width, see :func:`halvings`.
        width: channels of the first layer, 32 in the paper; they double with every layer.
        hidden: outputs of the first fully connected layer; 4096 for z, 512 for y.
        out: outputs of the second.
    """

    def __init__(self, channels: int, image_size: int, width: int, hidden: int, out: int) -> None:
        super().__init__()
        layers, base = halvings(image_size)
        parts: list[nn.Module] = []
        i = channels
        for o in (width << index for index in range(layers)):
            parts += [nn.Conv2d(i, o, 5, 2, 2, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True)]
            i = o
        parts += [nn.Flatten(), nn.Linear(i * base * base, hidden, bias=False)]
        self.main = nn.Sequential(*parts, nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out))

    def forward(self, x: Tensor) -> Tensor:
        """Images ``[N, C, S, S]`` in [-1, 1] -> ``[N, out]``."""
        out: Tensor = self.main(x)
        return out
