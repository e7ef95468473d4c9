"""Hourglass blocks of photo2cartoon's generator (after Newell et al. 2016, arXiv 1603.06937).

Every convolution is preceded by instance norm and ReLU and padded by reflection.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate


def normed_conv(i: int, o: int) -> nn.Sequential:
    """Instance norm, ReLU, 3 x 3 convolution without bias that keeps the size: i -> o channels."""
    return nn.Sequential(
        nn.InstanceNorm2d(i), nn.ReLU(), nn.Conv2d(i, o, 3, padding=1, padding_mode="reflect", bias=False)
    )


class Unit(nn.Module):
    """Three convolutions whose outputs (o/2, o/4 and o/4 channels) are concatenated, plus a residual."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.conv1 = normed_conv(i, o // 2)
        self.conv2 = normed_conv(o // 2, o // 4)
        self.conv3 = normed_conv(o // 4, o // 4)
        # The official network builds this one also where the residual is the input itself: it counts as parameters.
        self.residual = nn.Sequential(nn.InstanceNorm2d(i), nn.ReLU(), nn.Conv2d(i, o, 1, bias=False))
        self.plain = i == o

    def forward(self, x: Tensor) -> Tensor:
        """``[N, i, H, W]`` -> ``[N, o, H, W]``."""
        one = self.conv1(x)
        two = self.conv2(one)
        three = self.conv3(two)
        out: Tensor = torch.cat([one, two, three], 1) + (x if self.plain else self.residual(x))
        return out


class Levels(nn.Module):
    """``depth`` levels of halving, units and additive skips: 3 depth + 1 units."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.skip, self.down, self.up = (Unit(width, width) for _ in range(3))
        self.inner = Levels(width, depth - 1) if depth > 1 else Unit(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width, H, W]`` -> the same; H and W must be divisible by 2^depth."""
        low = self.up(self.inner(self.down(avg_pool2d(x, 2))))
        out: Tensor = self.skip(x) + interpolate(low, scale_factor=2, mode="nearest")
        return out


class HourGlass(nn.Module):
    """An hourglass with the image it draws fed back (``residual``), or with only that image as its output.

    With ``depth`` 0 nothing is halved: one unit is left.
    """

    def __init__(self, width: int, depth: int, channels: int, *, residual: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Levels(width, depth) if depth else nn.Identity(),
            Unit(width, width),
            nn.Conv2d(width, width, 1, bias=False),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
        )
        self.draw = nn.Conv2d(width, channels, 1)
        if residual:
            self.keep = nn.Conv2d(width, width, 1)
            self.back = nn.Conv2d(channels, width, 1)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width, H, W]`` -> the same, or ``[N, channels, H, W]`` without residual."""
        features = self.body(x)
        image: Tensor = self.draw(features)
        if not self.residual:
            return image
        out: Tensor = x + self.keep(features) + self.back(image)
        return out
