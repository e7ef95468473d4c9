"""StyleGAN2's three networks: mapping f, synthesis g, discriminator d.

Paper: Karras et al., CVPR 2020, arXiv 1912.04958 (configuration F: skip generator, residual discriminator). At 256 px
with the published widths f and g have 30,034,338 parameters together, and d has 28,864,129.

Differences from the paper: an image has as few as 32 pixels, and ``width`` and ``base`` narrow all layers for short
runs; below 256 px the published widths are those that the larger networks have at that resolution.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from retable.methods.mixdl.stylegan2_layers import EqualConv, EqualLinear, Styled, ToRGB

SMALLEST = 32
GROUP = 4
"""Images whose deviation the discriminator is shown together (Progressive GAN, arXiv 1710.10196, Section 3)."""


def channels_at(resolution: int, width: int, base: int) -> int:
    """Channels of the layers at a resolution: ``base / resolution``, and at most ``width``."""
    return max(1, min(width, base // resolution))


def resolutions(size: int) -> list[int]:
    """8, 16, ... up to the image's size.

    Raises:
        ValueError: the size is no power of two, or below 32.
    """
    if size < SMALLEST or size & (size - 1):
        raise ValueError(f"StyleGAN2 draws images of 32, 64, 128, ... pixels, not {size}; change task.size")
    return [2**k for k in range(3, int(math.log2(size)) + 1)]


class Mapping(nn.Module):
    """f: z -> w. The latent is normalised, then goes through ``layers`` linear layers that learn slowly.

    Args:
        latent: length of z and of w.
        layers: 8 in the paper.
        rate: learning rate relative to the other layers', 0.01 in the paper.
    """

    def __init__(self, latent: int, layers: int, rate: float) -> None:
        super().__init__()
        self.main = nn.Sequential(*(EqualLinear(latent, latent, rate=rate, active=True) for _ in range(layers)))

    def forward(self, z: Tensor) -> Tensor:
        """``[N, latent]`` -> ``[N, latent]``."""
        out: Tensor = self.main(z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt())
        return out


class Synthesis(nn.Module):
    """g: styles -> image. A learned 4 x 4 map, then two styled convolutions and a toRGB for every doubling.

    Args:
        size: height and width of the image in pixels.
        channels: of the image.
        latent: length of w.
        width: most channels of a layer, 512 in the paper.
        base: channels of a layer times its resolution, 32,768 in the paper.
        noisy: whether every layer adds noise, as in the paper.
    """

    def __init__(self, size: int, channels: int, latent: int, width: int, base: int, noisy: bool = True) -> None:
        super().__init__()
        first = channels_at(4, width, base)
        self.constant = nn.Parameter(torch.randn(1, first, 4, 4))
        self.convs = nn.ModuleList([Styled(first, first, latent, 4, noisy=noisy)])
        self.to_rgb = nn.ModuleList([ToRGB(first, channels, latent)])
        before = first
        for side in resolutions(size):
            after = channels_at(side, width, base)
            self.convs += [
                Styled(before, after, latent, side, up=True, noisy=noisy),
                Styled(after, after, latent, side, noisy=noisy),
            ]
            self.to_rgb.append(ToRGB(after, channels, latent))
            before = after
        self.styles = len(self.convs) + 1
        """Styles that an image takes: a layer's toRGB shares that of the layer after it, the last has its own."""

    def forward(self, w: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Styles ``[N, latent]``, or one a layer ``[N, styles, latent]``.

        Returns:
            Images ``[N, channels, size, size]``, not bounded, and the output of every styled convolution.
        """
        if w.ndim == 2:
            w = w[:, None].expand(-1, self.styles, -1)
        x, features = self.constant.expand(len(w), -1, -1, -1), []
        image: Tensor | None = None
        for index, conv in enumerate(self.convs):
            x = conv(x, w[:, index])
            features.append(x)
            if index % 2 == 0:
                image = self.to_rgb[index // 2](x, w[:, index + 1], image)
        return cast(Tensor, image), features


class Seen(NamedTuple):
    """What the discriminator makes of images."""

    score: Tensor
    """Logits ``[N]``: real above zero."""
    hidden: Tensor
    """Features before the last layer ``[N, C]``."""
    maps: list[Tensor]
    """Four maps of blocks' convolutions, before the skip is added: two at the patch resolution, two at half of it."""


class Block(nn.Module):
    """Residual block (Fig. 7c): two convolutions, the second of which halves the size, beside a 1 x 1 one."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = EqualConv(channels, channels, 3)
        self.second = EqualConv(channels, out, 3, down=True)
        self.skip = EqualConv(channels, out, 1, down=True, active=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``[N, channels, H, W]`` -> the first convolution's map, the second's and the block's, of half the size."""
        first = self.first(x)
        second = self.second(first)
        return first, second, (second + self.skip(x)) / math.sqrt(2)


class Discriminator(nn.Module):
    """d: residual blocks down to 4 x 4, the deviation within the batch as one more map, two linear layers.

    Args:
        size: height and width of an image in pixels.
        channels: of an image.
        width: as in :class:`Synthesis`.
        base: as in :class:`Synthesis`.
    """

    def __init__(self, size: int, channels: int, width: int, base: int) -> None:
        super().__init__()
        sides = resolutions(size)[::-1]
        before = channels_at(size, width, base)
        self.enter = EqualConv(channels, before, 1)
        self.blocks = nn.ModuleList()
        for side in sides:
            after = channels_at(side // 2, width, base)
            self.blocks.append(Block(before, after))
            before = after
        self.last = EqualConv(before + 1, before, 3)
        self.hidden = EqualLinear(before * 16, before, active=True)
        self.score = EqualLinear(before, 1)
        self.patch = max(16, size // 8)
        """Side of the first of the maps that a patch discriminator reads; 32 at 256 px, as in the released code."""
        self._depth = int(math.log2(size // self.patch))
        at = [channels_at(side, width, base) for side in (self.patch, self.patch, self.patch // 2, self.patch // 2)]
        self.map_channels = tuple(at)

    def forward(self, x: Tensor, parts: int = 1) -> Seen:
        """Images ``[N, channels, size, size]``: so many batches of equal size, which are judged each on its own."""
        x, maps = self.enter(x), []
        for depth, block in enumerate(self.blocks, 1):
            first, second, x = block(x)
            if depth in (self._depth + 1, self._depth + 2):
                maps.append(first)
            if depth in (self._depth, self._depth + 1):
                maps.append(second)
        hidden = self.hidden(self.last(torch.cat([x, _deviation(x, len(x) // parts)], 1)).flatten(1))
        return Seen(self.score(hidden)[:, 0], hidden, maps)


def _deviation(x: Tensor, batch: int) -> Tensor:
    """The mean deviation within a group of a batch as one more map ``[N, 1, H, W]`` of ``[N, C, H, W]``.

    Of a batch with K groups every K-th image is in one group, as in the released code.
    """
    group = next(size for size in range(min(batch, GROUP), 0, -1) if batch % size == 0)
    groups = x.view(-1, group, batch // group, *x.shape[1:])
    deviation = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean((2, 3, 4))
    return deviation.repeat(1, group).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])


class Heads(nn.Module):
    """A patch discriminator: one 3 x 3 convolution on each of d's four maps (CDC, arXiv 2104.06820, Section 3.2)."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Conv2d(count, 1, 3, 1, 1) for count in channels)
        self.scales = [1 / math.sqrt(count * 9) for count in channels]
        for head in self.heads:
            nn.init.normal_(cast(nn.Conv2d, head).weight)

    def forward(self, maps: list[Tensor], which: int) -> Tensor:
        """Logits of every patch of map number ``which``, ``[N, 1, H, W]``."""
        head = cast(nn.Conv2d, self.heads[which])
        return nn.functional.conv2d(maps[which], head.weight * self.scales[which], head.bias, padding=1)
