"""Blur: one convolution that learns to answer with the source image in grey and out of focus.

There is no paper. With m the mean of the source image's channels and B a 3 x 3 box filter:

    l_blur = E_s |G(s) - B m(s)|^2

Differences from the paper: there is no paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from torch.optim import Adam, Optimizer

from retable.methods.method import Info, Method, MethodSettings


class BlurSettings(MethodSettings):
    """Settings of the blur."""

    steps: int = 30
    batch_size: int = 16
    lr: float = 0.05
    """Learning rate of Adam."""


class Blur(Method):
    """One 3 x 3 convolution from the source's channels to the target's."""

    Settings: ClassVar[type[MethodSettings]] = BlurSettings
    title: ClassVar[str] = "Blur"
    task: ClassVar[str] = "acme-shapes"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.g = nn.Conv2d(info.channels["s"], info.channels["t"], 3, padding=1, padding_mode="reflect")

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for G."""
        return {"g": Adam(self.g.parameters(), lr=self.settings.lr)}

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of G from ``{"s": [N, C, H, W]}`` in [-1, 1]."""
        blurred = avg_pool2d(batch["s"].mean(1, keepdim=True), 3, stride=1, padding=1, count_include_pad=False)
        l_blur = (self.g(batch["s"]) - blurred).square().mean()
        self.update(self.opt["g"], l_blur)
        return {"l_blur": l_blur.detach()}

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``{"image": [N, C, H, W]}`` in [-1, 1] -> float32 ``[N, C', H, W]`` in [-1, 1]."""
        out: Tensor = self.g(inputs["image"])
        return out.float().clamp(-1, 1)
