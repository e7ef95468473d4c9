"""Judges: classifiers trained by us on data that no method sees. They give accuracy, never a training signal.

A judge is a network for one domain of its task; a subclass says what network, and its settings which label or domain.

Differences from the paper: Taigman et al. (2017, Section 5) judge with a classifier of f's own architecture trained on
MNIST. Ours has another architecture on purpose, and its training images are kept from every row, so that a row cannot
please the judge by sharing its blind spots. Zhuang & Yang (2020) have no judge: their groups are compared by eye.
Choi et al. (2018, StarGAN, Section 5.5) judge expressions with a ResNet-18 trained on 90 % of RaFD, which is right on
99.55 % of the rest; they say neither how it was trained nor whether it saw the images that the rows learn from. Ours
learns from people whom no row sees. They ask people, not a network, about hair, gender and age; we ask three more.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor, nn

from retable.methods.classifier import Classifier, ClassifierSettings
from retable.methods.method import Info, MethodSettings
from retable.methods.resnet import resnet18
from retable.methods.training import grey, mirror_and_crop
from retable.methods.types import Count


class JudgeSettings(ClassifierSettings):
    """Settings of a judge."""

    width: Count = 32
    """Channels of the first block; the others have 2 and 4 times as many."""


def block(i: int, o: int, kernel: int, stride: int) -> list[nn.Module]:
    """Convolution, batch norm, ReLU: ``[N, i, H, W]`` -> ``[N, o, H / stride, W / stride]``."""
    conv = nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(o), nn.ReLU()]


def judge_network(channels: int, width: int, image_size: int, classes: int) -> nn.Sequential:
    """For digits: three blocks of convolution, batch norm and ReLU, each halving the image, then a linear layer.

    Images ``[N, channels, image_size, image_size]`` -> logits ``[N, classes]``. The first two halve by their strides,
    the last by pooling: at full resolution a convolution would cost more than all the rest.
    """
    return nn.Sequential(
        *block(channels, width, 5, 2),
        *block(width, 2 * width, 3, 2),
        *block(2 * width, 4 * width, 3, 1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(4 * width * (image_size // 8) ** 2, classes),
    )


def face_network(channels: int, width: int, image_size: int, classes: int) -> nn.Sequential:
    """For faces: halving blocks down to 4 to 7 pixels, one more block there, the mean over all places, a linear layer.

    Images ``[N, channels, image_size, image_size]`` -> logits ``[N, classes]``. Channels double from ``width`` to four
    times ``width``, so that large images cost more time and hardly more weights.
    """
    layers, o, side = block(channels, width, 5, 2), width, (image_size + 1) // 2
    while side >= 8:
        i, o = o, min(2 * o, 4 * width)
        layers += block(i, o, 3, 2)
        side = (side + 1) // 2
    return nn.Sequential(
        *layers,
        *block(o, 4 * width, 3, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(4 * width, classes),
    )


class Judge(Classifier):
    """Base of every judge: what network it is, and what it judges, which its settings may say."""

    Settings: ClassVar[type[MethodSettings]] = JudgeSettings
    domain: str | None = None
    """The task's domain that it judges; ``None`` where all have the same channels and it may be any of them."""
    mirrored: ClassVar[bool] = True
    """Whether images are mirrored at random in training: faces may be, digits not."""

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.label = getattr(settings, "label", self.label)
        self.domain = getattr(settings, "domain", self.domain)
        classes = len(info.classes[self.label])
        domain = self.domain if self.domain is not None else next(iter(info.channels))
        self.network = self.build(info.channels[domain], self.settings.width, info.image_size, classes)

    @staticmethod
    @abstractmethod
    def build(channels: int, width: int, image_size: int, classes: int) -> nn.Module:
        """The network: images ``[N, channels, image_size, image_size]`` in [-1, 1] -> logits ``[N, classes]``."""

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update from ``{"image": [N, C, S, S], LABEL: [N]}``."""
        image = mirror_and_crop(batch["image"], 1.0) if self.mirrored else batch["image"]
        return super().training_step({**batch, "image": image}, step)

    def logits(self, images: Tensor) -> Tensor:
        """Images ``[N, C, H, W]`` in [-1, 1] -> logits ``[N, classes]``."""
        out: Tensor = self.network(images)
        return out


class DigitJudge(Judge):
    """Judge of MNIST's digits: sees one-channel images; coloured ones are turned grey first."""

    task: ClassVar[str] = "digits"
    stream = "judge-mnist"
    domain = "t"
    mirrored: ClassVar[bool] = False
    build = staticmethod(judge_network)

    def logits(self, images: Tensor) -> Tensor:
        """Images ``[N, 1 or 3, H, W]`` in [-1, 1] -> logits ``[N, 10]``."""
        return super().logits(grey(images))


class GroupJudgeSettings(JudgeSettings):
    """Settings of a judge of groups."""

    domain: Literal["cartoon", "photo"] = "cartoon"
    """What it looks at."""


class GroupJudge(Judge):
    """Tells woman, man, kids and old apart, at any image size: one judge for cartoons, one for portraits."""

    Settings: ClassVar[type[MethodSettings]] = GroupJudgeSettings
    task: ClassVar[str] = "cartoon-groups"
    label = "group"
    build = staticmethod(face_network)

    @classmethod
    def stream_of(cls, settings: GroupJudgeSettings) -> str:
        """The images of its domain that no row sees."""
        return f"judge-{settings.domain}"


class FaceJudgeSettings(JudgeSettings):
    """Settings of a judge of faces."""

    label: Literal["expression", "hair", "gender", "age"] = "expression"
    """The trait that it judges: one of eight expressions, neutral among them, as in StarGAN's Table 3; black, blond or
    brown hair; and, as CelebA labels them, female or male, old or young."""
    width: Count = 64
    """Channels of the first stage, 64 in the paper; the others have 2, 4 and 8 times as many."""


class FaceJudge(Judge):
    """Judge of one trait of a face, a ResNet-18."""

    Settings: ClassVar[type[MethodSettings]] = FaceJudgeSettings
    task: ClassVar[str] = "attributes"
    build = staticmethod(resnet18)

    @classmethod
    def stream_of(cls, settings: FaceJudgeSettings) -> str:
        """The people with this label whom no row sees."""
        return f"judge-{settings.label}"
