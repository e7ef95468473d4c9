"""Truth: the true image with a little noise, or a little blurred. No translation can be expected to do better.

How far a score is from its best by something that nobody minds: a metric that rates the blurred truth as poorly as a
wrong image measures sharpness. Nothing is trained, and no other row sees the truth.

Differences from the paper: no paper has these rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from retable.methods.anchors.shown import Shown
from retable.methods.method import MethodSettings
from retable.methods.types import Weight


class TruthSettings(MethodSettings):
    """What is done to the true image."""

    steps: int = 0
    noise: Weight = 0.0
    """Standard deviation of the noise, of a range of 2: 0.05 is six of 255 grey levels."""
    blur: Weight = 0.0
    """Standard deviation of the Gaussian that it is blurred with, in pixels."""


class Truth(Shown):
    """The true image, damaged."""

    Settings: ClassVar[type[MethodSettings]] = TruthSettings
    task: ClassVar[str] = "cartoon-groups"
    also: ClassVar[tuple[str, ...]] = ("attributes",)
    stream = "truth"

    def shown(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``{"truth": [N, C, H, W], ...}`` in [-1, 1] -> float32 of the same shape and range."""
        images = super().shown(inputs)
        damaged: Tensor = blurred(images, self.settings.blur) + self.settings.noise * noise_of(images)
        return damaged.clamp(-1, 1)


def noise_of(images: Tensor) -> Tensor:
    """Standard normal, of the shape of the images ``[N, C, H, W]``; equal images have equal noise."""
    seeds = [zlib.crc32(image.cpu().numpy().tobytes()) for image in images]
    noise = [torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(noise).to(images.device)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images ``[N, C, H, W]`` under a Gaussian cut off at three sigma, the border repeated outside."""
    if sigma == 0:
        return images
    reach = round(3 * sigma + 0.5)
    line = torch.exp(-((torch.arange(-reach, reach + 1, device=images.device) / sigma) ** 2) / 2)
    line = (line / line.sum()).repeat(images.shape[1], 1, 1, 1)
    around = pad(images, [reach] * 4, mode="replicate")
    return conv2d(conv2d(around, line, groups=len(line)), line.mT, groups=len(line))
