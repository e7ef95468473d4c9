"""MSGAN, DistanceGAN and N-Div: regularisers that keep a generator's images apart, on StyleGAN2 (MixDL's Table 2).

Papers, with x = G(z) and d_ij a distance between two latents or two images of a batch:

- MSGAN: Mao, Lee, Tseng, Ma & Yang, "Mode Seeking Generative Adversarial Networks for Diverse Image Synthesis", CVPR
  2019, arXiv 1903.05628: L = 1 / (mean |x_1 - x_2| / mean |z_1 - z_2| + 1e-5).
- DistanceGAN: Benaim & Wolf, "One-Sided Unsupervised Domain Mapping", NeurIPS 2017, arXiv 1706.00826:
  L = E_ij |(|z_i - z_j| - mu_z) / sigma_z - (|x_i - x_j| - mu_x) / sigma_x|, mu and sigma the mean and the standard
  deviation of distances in the domains.
- N-Div: Liu, Zhang, Wangni & Shi, "Normalized Diversification", CVPR 2019, arXiv 1904.03608: with every row
  of distances divided by its sum, D_ij = d_ij / sum_k d_ik, and alpha = 0.8,
  L = 1 / (N (N - 1)) sum_ij max(0, alpha D_ij(z) - D_ij(x)).

Differences from the papers, none of which is about StyleGAN2 or ten images. How MixDL's authors attached them is not
published, so these are choices of ours:

- Latents are z, not w, and images are compared by their pixels. The term is added to L_G with the weights below.
- Styles are not mixed: an image would not be a function of the latent that it is compared by.
- MSGAN draws two latents for a condition; here there is none, and every image is compared with the next of its batch.
- DistanceGAN maps one data set to another. Here the first domain is the normal distribution, whose mu and sigma are
  known, and the second the shots, whose mu and sigma are gathered during the training: images shall be as far apart as
  the shots are. Distances are means over a latent's numbers or an image's pixels, which the normalisation cancels.
- N-Div measures images by the embedding of a trained network; here it is the Euclidean distance of pixels, and of
  z. As in the released code, the sums in D(x) are constants for the gradient: only so do images move apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from retable.methods.method import Info, MethodSettings
from retable.methods.mixdl.stylegan2 import StyleGAN2, StyleGAN2Settings
from retable.methods.types import Share, Weight, at_least

Term = Literal["msgan", "distancegan", "ndiv"]
WEIGHTS: Mapping[Term, float] = {"msgan": 1.0, "distancegan": 1.0, "ndiv": 10.0}
"""Weights of the terms in L_G. N-Div's is at most alpha / 3 in a batch of four."""


def mode_seeking(z: Tensor, images: Tensor, eps: float = 1e-5) -> Tensor:
    """MSGAN's term, a scalar in (0, 1 / eps], with every row's next one as its partner.

    Args:
        z: latents ``[N, L]``, N >= 2.
        images: drawn from them, ``[N, C, H, W]`` in [-1, 1].
        eps: keeps it finite where all images are alike.
    """
    apart = (images - images.roll(1, 0)).abs().mean()
    between = (z - z.roll(1, 0)).abs().mean()
    return 1 / (apart / between + eps)


def absolute_distances(x: Tensor) -> Tensor:
    """Mean absolute differences of all pairs i < j of ``[N, ...]``: ``[N (N - 1) / 2]``."""
    rows = x.flatten(1)
    i, j = torch.triu_indices(len(x), len(x), 1, device=x.device)
    return (rows[i] - rows[j]).abs().mean(1)


def distances_kept(
    z: Tensor, images: Tensor, mu_z: float, sigma_z: float, mu_x: Tensor | float, sigma_x: Tensor | float
) -> Tensor:
    """DistanceGAN's term, a scalar >= 0: the mean over all pairs of a batch.

    Args:
        z: latents ``[N, L]``, N >= 2.
        images: drawn from them, ``[N, C, H, W]``.
        mu_z: mean of :func:`absolute_distances` between latents.
        sigma_z: their standard deviation, > 0.
        mu_x: the mean between images of the data set.
        sigma_x: their standard deviation, > 0.
    """
    of_z = (absolute_distances(z) - mu_z) / sigma_z
    of_x = (absolute_distances(images) - mu_x) / sigma_x
    return (of_z - of_x).abs().mean()


def normal_distances(length: int) -> tuple[float, float]:
    """Mean and standard deviation of :func:`absolute_distances` between standard normal vectors of this length.

    A difference is normal with variance 2, and its absolute value has the mean 2 / sqrt(pi).
    """
    mean = 2 / math.sqrt(math.pi)
    return mean, math.sqrt((2 - mean**2) / length)


def normalised_distances(x: Tensor) -> Tensor:
    """D of ``[N, ...]``: Euclidean distances ``[N, N]``, every row divided by its sum, which takes no gradient."""
    rows = x.flatten(1)
    n = len(rows)
    square = (rows[:, None] - rows[None, :]).square().sum(2)
    # The diagonal's root has no gradient: there the distance is put in as a constant.
    itself = torch.eye(n, dtype=torch.bool, device=x.device)
    distances = square.masked_fill(itself, 1.0).clamp(min=1e-12).sqrt().masked_fill(itself, 0.0)
    return distances / distances.sum(1, keepdim=True).detach()


def normalised_diversification(z: Tensor, images: Tensor, alpha: float = 0.8) -> Tensor:
    """N-Div's term, a scalar in [0, alpha / (N - 1)].

    Args:
        z: latents ``[N, L]``, N >= 2.
        images: drawn from them, ``[N, C, H, W]``.
        alpha: how much nearer than the latents images may be.
    """
    n = len(z)
    short = alpha * normalised_distances(z) - normalised_distances(images)
    return short.clamp(min=0).sum() / (n * (n - 1))


class DiverseSettings(StyleGAN2Settings):
    """Settings of StyleGAN2 with a regulariser of its images' diversity."""

    batch_size: Annotated[int, at_least(2, "a regulariser of diversity compares the images of a batch")] = 4
    term: Term = "msgan"
    """Whose regulariser."""
    diverse: Weight | None = None
    """Weight of the term in L_G, by default that of :data:`WEIGHTS`; at 0 it is not computed."""
    alpha: Share = 0.8
    """Of N-Div: how near images may be, as a share of their latents' distance."""
    style_mixing: Share = 0.0


class Spread(nn.Module):
    """Mean and standard deviation of the distances between real images so far; a checkpoint holds them."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(3, dtype=torch.float64))

    sums: Tensor
    """How many distances, their sum, and the sum of their squares."""

    @torch.no_grad()
    def see(self, images: Tensor) -> None:
        """Take in the distances of all pairs of different images of a batch ``[N, C, H, W]``."""
        found = absolute_distances(images.float()).double()
        # A batch that begins a new round may hold an image twice.
        self.sums += torch.stack([(found > 0).sum().double(), found.sum(), found.square().sum()])

    def forward(self) -> tuple[Tensor, Tensor]:
        """The mean, and the standard deviation, which is at least a hundredth of it: float32 scalars."""
        n, total, squares = self.sums.unbind()
        mean = total / n.clamp(min=1)
        deviation = (squares / n.clamp(min=1) - mean.square()).clamp(min=0).sqrt()
        # Few shots may be all about as far apart; the term's gradient must not grow without bound.
        return mean.float(), torch.maximum(deviation, mean / 100).clamp(min=1e-4).float()


class Diverse(StyleGAN2):
    """StyleGAN2 with one of the three terms in L_G."""

    Settings: ClassVar[type[MethodSettings]] = DiverseSettings
    averages: ClassVar[tuple[str, ...]] = (*StyleGAN2.averages, "spread")

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.spread = Spread() if self.settings.term == "distancegan" else None

    def learn(self, real: Tensor, step: int) -> dict[str, Tensor]:
        """The updates of a step, once the distances between its shots are known."""
        if self.spread is not None:
            self.spread.see(real)
        return super().learn(real, step)

    def diversity(self, z: Tensor, image: Tensor) -> dict[str, Tensor]:
        """The term, weighted, of latents ``[N, L]`` and their images."""
        s, image = self.settings, image.float()
        weight = WEIGHTS[s.term] if s.diverse is None else s.diverse
        if not weight:
            return {}
        if self.spread is not None:
            return {"l_distance": weight * distances_kept(z, image, *normal_distances(z.shape[1]), *self.spread())}
        if s.term == "ndiv":
            return {"l_ndiv": weight * normalised_diversification(z, image, s.alpha)}
        return {"l_msgan": weight * mode_seeking(z, image)}
