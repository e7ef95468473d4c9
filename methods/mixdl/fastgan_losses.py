"""FastGAN's terms: the hinge loss with random margins, and how far D's decoded pictures are from what it saw.

Paper: Liu et al., ICLR 2021, arXiv 2101.04775, Section 3.2 and Eq. 3 to 5. LPIPS: Zhang et al., "The Unreasonable
Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018, arXiv 1801.03924, Eq. 1, on VGG16.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import starmap
from pathlib import Path
from typing import Literal, Self

import torch
from torch import Tensor, nn

from retable.methods.mixdl.fastgan_networks import quarter_of, smaller

Reconstruction = Literal["lpips", "l1"]

EPS = 1e-10
"""Keeps features of length zero from being divided by it, as in the package lpips."""


def hinge(scores: Tensor) -> Tensor:
    """E[max(0, m - scores)] with a margin m of its own for every score, uniform in [0.8, 1); a scalar >= 0.

    Args:
        scores: D's for real images, or the negative ones for drawn images; any shape.
    """
    return (0.8 + 0.2 * torch.rand_like(scores) - scores).relu().mean()


def l_1(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference of images ``[N, C, H, W]``, per image: ``[N]``."""
    return (one - other).abs().mean((1, 2, 3))


class LPIPS(nn.Module):
    """Perceptual distance of pairs of images: VGG16's features of unit length, weighted by the published heads.

    The trunk's weights come from :meth:`take`; before that every distance is 0. Nothing here is trained.
    """

    def __init__(self) -> None:
        super().__init__()
        import lpips

        # On the meta device: to make up 138 million weights that a file replaces takes seconds.
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchvision on the package's spelling of "no weights"
            trunk: nn.Module = lpips.pretrained_networks.vgg16(pretrained=False)
        self.trunk = trunk.to_empty(device="cpu")
        for parameter in self.trunk.parameters():
            nn.init.zeros_(parameter)
        self.scale: nn.Module = lpips.ScalingLayer()
        file = Path(lpips.__file__).parent / "weights" / "v0.1" / "vgg.pth"
        heads = torch.load(file, map_location="cpu", weights_only=True).values()
        self.heads = nn.ParameterList(head.flatten() for head in heads)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode, whatever ``mode`` says."""
        return super().train(False)

    def take(self, state: Mapping[str, Tensor]) -> None:
        """Take VGG16's weights over, named as torchvision names them; those of its classifier are left alone.

        Raises:
            RuntimeError: a weight is missing or of another shape; the message names it.
        """
        wanted = {name: f"features.{name.split('.', 1)[1]}" for name in self.trunk.state_dict()}
        missing = sorted(set(wanted.values()) - state.keys())
        if missing:
            raise RuntimeError(f"these are not torchvision's weights of VGG16: {missing[0]} is missing")
        self.trunk.load_state_dict({name: state[source] for name, source in wanted.items()})

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` in [-1, 1], H and W at least 16 -> distances ``[N]``, at least 0."""
        total = one.new_zeros(len(one))
        for head, x, y in zip(self.heads, self.trunk(self.scale(one)), self.trunk(self.scale(other)), strict=True):
            total = total + ((_unit(x) - _unit(y)).square() * head[:, None, None]).sum(1).mean((1, 2))
        return total


def _unit(x: Tensor) -> Tensor:
    """Features ``[N, C, H, W]`` of length one at every place."""
    # The square root's slope at zero is infinite: where all features are zero, gradients would be nan.
    return x / ((x.square().sum(1, keepdim=True) + EPS**2).sqrt() + EPS)


def decoded_targets(images: Tensor, quarter: int, side: int) -> list[Tensor]:
    """What D is to decode of images ``[N, C, H, H]``: the image, the image once more (from the small copy), a quarter.

    Returns:
        Three times ``[N, C, side, side]``.
    """
    whole = smaller(images, side)
    return [whole, whole, smaller(quarter_of(images, quarter), side)]


def l_recons(distance: nn.Module | None, pictures: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Sum over the three kinds of pictures of their mean distance to what they show (Eq. 3); a scalar >= 0.

    Args:
        distance: pairs of images to ``[N]``; ``None`` for :func:`l_1`.
        pictures: what D decoded.
        targets: of :func:`decoded_targets`.
    """
    found = starmap(distance or l_1, zip(pictures, targets, strict=True))
    return torch.stack([each.mean() for each in found]).sum()
