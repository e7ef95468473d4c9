"""Judges: classifiers trained by us on data that no method sees. They give accuracy, never a training signal.

Differences from the paper: Taigman et al. (2017, Section 5) judge with a classifier of f's own architecture trained on
MNIST. Ours has another architecture on purpose, and its training images are kept from every row, so that a row cannot
please the judge by sharing its blind spots.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from methods.classifier import Classifier, ClassifierSettings
from methods.method import Info, MethodSettings
from methods.training import grey


class JudgeSettings(ClassifierSettings):
    """Settings of a judge."""

    width: int = 32
    """Channels of the first block; the others have 2 and 4 times as many."""


def judge_network(channels: int, width: int, image_size: int, classes: int) -> nn.Sequential:
    """Three blocks of convolution, batch norm and ReLU, each halving the image, then a linear layer.

    Images ``[N, channels, image_size, image_size]`` -> logits ``[N, classes]``. The first two halve by their strides,
    the last by pooling: at full resolution a convolution would cost more than all the rest.
    """

    def block(i: int, o: int, kernel: int, stride: int) -> list[nn.Module]:
        conv = nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=False)
        return [conv, nn.BatchNorm2d(o), nn.ReLU()]

    return nn.Sequential(
        *block(channels, width, 5, 2),
        *block(width, 2 * width, 3, 2),
        *block(2 * width, 4 * width, 3, 1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(4 * width * (image_size // 8) ** 2, classes),
    )


class MnistJudge(Classifier):
    """Judge of the target domain: sees one-channel images; coloured ones are turned grey first."""

    Settings: ClassVar[type[MethodSettings]] = JudgeSettings
    title: ClassVar[str] = "MNIST judge"
    task: ClassVar[str] = "digits"
    stream: ClassVar[str] = "judge-mnist"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        classes = len(info.classes[self.label])
        self.network = judge_network(info.channels["t"], self.settings.width, info.image_size, classes)

    def logits(self, images: Tensor) -> Tensor:
        """Images ``[N, 1 or 3, H, W]`` in [-1, 1] -> logits ``[N, 10]``."""
        out: Tensor = self.network(grey(images))
        return out


class StreetJudge(Classifier):
    """Judge of the source domain."""

    Settings: ClassVar[type[MethodSettings]] = JudgeSettings
    title: ClassVar[str] = "Street-digit judge"
    task: ClassVar[str] = "digits"
    stream: ClassVar[str] = "judge-street"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        classes = len(info.classes[self.label])
        self.network = judge_network(info.channels["s"], self.settings.width, info.image_size, classes)

    def logits(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` in [-1, 1] -> logits ``[N, 10]``."""
        out: Tensor = self.network(images)
        return out
