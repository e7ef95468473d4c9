"""Per-target models, which DIAT and CycleGAN share: one model for everything that can be asked for, applied in turn.

StarGAN's tables give both rows 52.6M parameters a model. That is CycleGAN's generator with six residual blocks
(7,837,699; Zhu et al. 2017, arXiv 1703.10593, Section 7.2) and StarGAN's discriminator without its label head
(44,721,088): 52,558,787 at 128 x 128.

All models of a row are trained in one run, taking turns: the step's batch says whose turn it is. One optimiser holds
all of them; it passes over weights without a gradient, so a model that is not trained neither moves nor ages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from retable.methods.method import Info, MethodSettings
from retable.methods.stargan.networks import Critic
from retable.methods.stargan.translation import Translation, TranslationSettings
from retable.methods.types import Factor, Rate


class Block(nn.Module):
    """x + two 3 x 3 convolutions padded by reflection: ``[N, C, H, W]`` -> the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect"),
            *_normalised(width),
            nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features ``[N, C, H, W]``."""
        out: Tensor = x + self.main(x)
        return out


class Translator(nn.Module):
    """CycleGAN's generator: images of one domain -> of another.

    Args:
        channels: of an image.
        width: channels of the first layer, 64 in the paper.
        blocks: residual blocks, 6 for images of 128 x 128.
        kernel: side of the first and of the last convolution, odd; 7 in the paper.
    """

    def __init__(self, channels: int = 3, width: int = 64, blocks: int = 6, kernel: int = 7) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, kernel, padding=kernel // 2, padding_mode="reflect")]
        for i in (width, 2 * width):
            layers += [*_normalised(i), nn.Conv2d(i, 2 * i, 3, 2, 1)]
        layers += [*_normalised(4 * width), *(Block(4 * width) for _ in range(blocks))]
        for i in (4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(i, i // 2, 3, 2, 1, output_padding=1), *_normalised(i // 2)]
        layers += [nn.Conv2d(width, channels, kernel, padding=kernel // 2, padding_mode="reflect"), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``[N, C, H, W]`` in [-1, 1] -> the same; H and W divide by 4."""
        out: Tensor = self.main(x)
        return out


def _normalised(width: int) -> list[nn.Module]:
    return [nn.InstanceNorm2d(width), nn.ReLU(inplace=True)]


class Translators(nn.Module):
    """The generators of all models."""

    def __init__(self, networks: list[Translator]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, which: int, x: Tensor) -> Tensor:
        """Images ``[N, C, H, W]`` through generator ``which``."""
        out: Tensor = self.networks[which](x)
        return out


class Critics(nn.Module):
    """The discriminators of all models; number ``which`` judges what generator ``which`` makes."""

    def __init__(self, networks: list[Critic]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, which: int, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Images ``[N, C, H, W]`` -> patch outputs ``[N, 1, h, w]``, and the activations of every strided layer."""
        critic = self.networks[which]
        seen = cast(list[Tensor], critic(x, features=True))
        return cast(Critic, critic).source(seen[-1]), seen


def one_after_the_other(images: Tensor, models: Tensor, apply: Callable[[int, Tensor], Tensor]) -> Tensor:
    """Apply to each image its models, in their order.

    Args:
        images: float32 ``[N, C, H, W]``.
        models: int64 ``[N, K]``: the number of the model to apply first, second, ...; -1 for none.
        apply: a model's number and images ``[n, C, H, W]`` -> images; called once for all images that need it.

    Returns:
        New images ``[N, C, H, W]``; those without a model are copies.
    """
    out = images.clone()
    for column in models.T:
        for which in sorted(set(column.tolist()) - {-1}):
            rows = column == which
            out[rows] = apply(which, out[rows]).to(out.dtype)
    return out


class SeparateSettings(TranslationSettings):
    """Settings that DIAT and CycleGAN share."""

    lr: Rate = 2e-4
    lr_d: Rate = 2e-4
    enlarge: Factor = 1.0
    """How much larger mirrored images are made before a random crop brings them back; 1 leaves it at mirroring."""


class SeparateModels(Translation):
    """Base of the rows that train one model (generator and discriminator) for everything that can be asked for."""

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        if info.image_size % 4:
            raise ValueError(
                f"the generator needs images whose size divides by 4, not {info.image_size}; see task.size"
            )
        s, channels = self.settings, next(iter(info.channels.values()))
        self.g = Translators([Translator(channels, s.width, s.blocks, s.kernel) for _ in range(self.models())])
        self.d = self.critics(
            [Critic(channels, s.width_d, s.layers_d, info.image_size, 0) for _ in range(self.models())]
        )

    def models(self) -> int:
        """How many separate models the row trains."""
        raise NotImplementedError

    def chosen(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The numbers of the models that a request needs, int64 ``[N, K]``, see :func:`one_after_the_other`."""
        raise NotImplementedError

    def critics(self, networks: list[Critic]) -> nn.Module:
        """What holds the discriminators of all models."""
        return Critics(networks)

    def judged(self, which: int, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Patch outputs and activations of discriminator ``which``, see :class:`Critics`."""
        return cast(tuple[Tensor, list[Tensor]], self.d(which, images))

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``image [N, C, S, S]`` in [-1, 1] and labels -> images like it, float32 in [-1, 1].

        The labels are those of :mod:`retable.methods.stargan.model_choice`.
        """
        with torch.no_grad():
            return one_after_the_other(inputs["image"], self.chosen(inputs), lambda i, x: self.g(i, x)).float()


def total(weights: Mapping[str, float], terms: Mapping[str, Tensor]) -> Tensor:
    """The weighted sum of loss terms, all scalars."""
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()
