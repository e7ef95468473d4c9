"""StarGAN's generator and discriminator, layer by layer as in the paper's appendix (arXiv 1711.09020, Tables 4 and 5).

At 128 x 128 with width 64, six residual blocks and six strided convolutions they have 53,192,576 parameters together
for the five labels of CelebA and 53,226,560 for the eight of RaFD: the "53.2M" of Table 3.

Differences from the paper: padding, biases and the slope 0.01 are those of the released code, which the tables leave
open. Instance norm has no running averages: the paper's results were made with every image's own statistics, because
the released code never leaves training mode; what is drawn for an image never depends on other images.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

SLOPE = 0.01
"""Of D's leaky ReLU; torch's default, which the released code leaves as it is."""


def _norm(channels: int) -> nn.Module:
    return nn.InstanceNorm2d(channels, affine=True)


class Residual(nn.Module):
    """x + two 3 x 3 convolutions with instance norm: ``[N, C, H, W]`` -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            _norm(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            _norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features ``[N, C, H, W]``."""
        out: Tensor = x + self.main(x)
        return out


class Generator(nn.Module):
    """G: an image and the labels that it shall have -> the image with them.

    Args:
        channels: of an image.
        labels: length of the label vector; it is tiled to maps and stacked on the image.
        width: channels of the first layer, 64 in the paper.
        blocks: residual blocks, 6 in the paper.
        kernel: side of the first and of the last convolution, odd; 7 in the paper.
    """

    def __init__(self, channels: int, labels: int, width: int = 64, blocks: int = 6, kernel: int = 7) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(channels + labels, width, kernel, 1, kernel // 2, bias=False),
            _norm(width),
            nn.ReLU(inplace=True),
        ]
        for i in (width, 2 * width):
            layers += [nn.Conv2d(i, 2 * i, 4, 2, 1, bias=False), _norm(2 * i), nn.ReLU(inplace=True)]
        layers += [Residual(4 * width) for _ in range(blocks)]
        for i in (4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(i, i // 2, 4, 2, 1, bias=False), _norm(i // 2), nn.ReLU(inplace=True)]
        layers += [nn.Conv2d(width, channels, kernel, 1, kernel // 2, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """Images ``[N, C, H, W]`` in [-1, 1] and labels ``[N, labels]`` -> images like ``x``; H and W divide by 4."""
        maps = c[:, :, None, None].expand(-1, -1, *x.shape[2:])
        out: Tensor = self.main(torch.cat([x, maps.to(x.dtype)], 1))
        return out


def layers_for(image_size: int) -> int:
    """Strided convolutions that leave 2 x 2 patches (3 x 3 where no power of two leaves 2): 128 -> 6, 32 -> 4.

    A shorter critic does not see the whole image. Its gradient penalty bounds the sum over more patches while the loss
    takes their mean, so the adversarial term loses its weight against the others.
    """
    return max(1, image_size.bit_length() - 2)


class Critic(nn.Module):
    """D: is every patch real (D_src), and which labels has the image (D_cls)?

    Args:
        channels: of an image.
        width: channels of the first layer, 64 in the paper; they double with every layer.
        layers: strided convolutions, 6 in the paper; ``None`` for :func:`layers_for`.
        image_size: height and width of an image in pixels, at least ``2 ** layers``.
        labels: outputs of D_cls; 0 for no such head (the comparators' discriminator).

    Raises:
        ValueError: the image is too small for so many layers.
    """

    def __init__(self, channels: int, width: int, layers: int | None, image_size: int, labels: int) -> None:
        super().__init__()
        layers = layers_for(image_size) if layers is None else layers
        if layers < 1 or image_size >> layers < 1:
            raise ValueError(
                f"a discriminator of {layers} strided layers needs images of at least {2**layers} pixels, "
                f"not {image_size}; change method.layers_d or task.size"
            )
        widths = [channels, *(width << i for i in range(layers))]
        self.main = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 4, 2, 1), nn.LeakyReLU(SLOPE)) for i, o in pairwise(widths)
        )
        self.source = nn.Conv2d(widths[-1], 1, 3, 1, 1, bias=False)
        self.kind = nn.Conv2d(widths[-1], labels, image_size >> layers, bias=False) if labels else None

    def forward(self, x: Tensor, features: bool = False) -> tuple[Tensor, Tensor] | list[Tensor]:
        """Images ``[N, C, H, W]`` in [-1, 1].

        Returns:
            Patch outputs ``[N, 1, h, w]`` (no probabilities) and label logits ``[N, labels]``; with ``features`` the
            activations after every strided convolution instead.
        """
        seen = []
        for layer in self.main:
            x = layer(x)
            seen.append(x)
        if features:
            return seen
        patches: Tensor = self.source(x)
        return patches, x.new_zeros(len(x), 0) if self.kind is None else self.kind(x).flatten(1)


def judged(critic: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Patch outputs ``[N, 1, h, w]`` and label logits ``[N, labels]`` of a critic for images ``[N, C, H, W]``."""
    return cast(tuple[Tensor, Tensor], critic(images))
