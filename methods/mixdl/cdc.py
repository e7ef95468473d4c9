"""CDC: a generator of another domain, adapted to ten images while its images keep their distances.

Paper: Ojha et al., "Few-shot Image Generation via Cross-domain Correspondence", CVPR 2021, arXiv 2104.06820. f, g and d
start as a source generator's (a stage: StyleGAN2 on photographs). With q_i the softmax of the cosine similarities
between the features of image i and those of the other images of a batch, at a random layer, of the source (s) and of
the adapted generator (t),

    L_G = softplus(-d or patches) + lambda_dist KL(q_s || q_t)                                   (Eqs. 1 to 4)

Only images near a few fixed latents, the anchors, are judged as wholes, every fourth step; all others by their patches
(Section 3.2).

Differences from the paper:

- MixDL's table starts from FFHQ, and the paper's farther sources are paintings and objects. Here the source is trained
  on photographs of other people or, for the row ``cdc-far``, on street digits, which are no faces: how far the source
  is decides what there is to be kept.
- The order of the divergence and the weights are the released code's: lambda 1000, 10 anchors with a spread of 0.1,
  one image-level step of four, 5,002 steps. It divides the sum of an image's divergence by the three other images of
  its batch; we divide by three at every batch, so that lambda means the same.
- At the published intervals R1 is always due in a step on whole images. The path length is taken of any latents.
- The source draws with its constant noise.
- The patch discriminator has a head on each of four maps of d, of which a step takes one, as in MixDL.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Annotated, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from retable.methods.method import Info, Method, MethodSettings
from retable.methods.mixdl.similarity import similarities_at
from retable.methods.mixdl.stylegan2 import StyleGAN2, StyleGAN2Settings
from retable.methods.mixdl.stylegan2_networks import Discriminator, Heads, Seen
from retable.methods.training import Frozen, held
from retable.methods.types import Count, Weight, at_least

OTHERS = 3
"""Images that every image is compared with in the released code, whose batch is four."""


class CDCSettings(StyleGAN2Settings):
    """Settings of CDC. The networks are the source's: ``latent``, ``layers``, ``width`` and ``base`` must be equal."""

    steps: int = 5_002
    batch_size: Annotated[int, at_least(2, "CDC compares the images of a batch")] = 4
    lambda_dist: Weight = 1000.0
    """Weight of the distances' loss."""
    anchors: Count = 10
    """Fixed latents."""
    anchor_spread: Weight = 0.1
    """Deviation around them of the latents that are judged as wholes."""
    anchor_every: Count = 4
    """One step of so many judges wholes."""


class Anchors(nn.Module):
    """The fixed latents ``[K, latent]``: a buffer, so that a checkpoint holds them."""

    z: Tensor

    def __init__(self, count: int, latent: int) -> None:
        super().__init__()
        self.register_buffer("z", torch.randn(count, latent))


class CDC(StyleGAN2):
    """CDC, from a source generator that is a stage of its own: StyleGAN2 on another domain."""

    Settings: ClassVar[type[MethodSettings]] = CDCSettings
    watch: ClassVar[tuple[str, ...]] = ("l_d", "l_g", "l_dist")
    needs: ClassVar[Mapping[str, str]] = {"source": "mixdl/source"}

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        d = cast(Discriminator, self.d)
        self.heads: nn.Module = Heads(d.map_channels)
        self.anchors = Anchors(self.settings.anchors, self.settings.latent)
        self.f_source = Frozen(deepcopy(self.f))
        self.g_source = Frozen(deepcopy(self.g))
        self._maps = len(d.map_channels)
        self._whole = True
        """Whether the current step judges whole images."""

    def start_from(self, role: str, other: Method) -> None:
        """Take over the source's averaged generator, to be kept and to be adapted, and its discriminator.

        Raises:
            RuntimeError: the source's networks have other sizes.
        """
        theirs = other.networks()
        pairs = [("f_ema", (self.f, self.f_ema, self.f_source.network)), ("d", (self.d,))]
        pairs.append(("g_ema", (self.g, self.g_ema, self.g_source.network)))
        for name, ours in pairs:
            for network in ours:
                try:
                    network.load_state_dict(theirs[name].state_dict())
                except RuntimeError as error:
                    raise RuntimeError("latent, layers, width, base and noise must be the source's") from error

    def judging(self) -> list[nn.Module]:
        """d and the patch heads."""
        return [self.d, self.heads]

    def learn(self, real: Tensor, step: int) -> dict[str, Tensor]:
        """A step on whole images near the anchors, or on patches of any."""
        self._whole = step % self.settings.anchor_every == 0
        return super().learn(real, step)

    def latents(self, real: Tensor) -> Tensor:
        """New latents ``[N, latent]``, near the anchors where whole images are judged."""
        z = super().latents(real)
        if not self._whole:
            return z
        chosen = torch.randint(len(self.anchors.z), (len(z),), device=z.device)
        near: Tensor = self.anchors.z[chosen] + self.settings.anchor_spread * z
        return near

    def draw(self, z: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Images of latents and g's features; near the anchors no second latent takes part."""
        return cast(tuple[Tensor, list[Tensor]], self.g(self.f(z))) if self._whole else super().draw(z)

    def logits(self, seen: Seen) -> Tensor:
        """Of whole images ``[N]``, or of their patches on one of d's maps ``[N, 1, H, W]``."""
        return seen.score if self._whole else cast(Tensor, self.heads(seen.maps, int(torch.randint(self._maps, ()))))

    def update_d(self, real: Tensor) -> dict[str, Tensor]:
        """L_D and one step."""
        with torch.no_grad():
            image, _ = self.draw(self.latents(real))
        fake, true = self.logits(self.judged(self.augment(torch.cat([image, real])), 2)).chunk(2)
        l_d = softplus(fake).mean() + softplus(-true).mean()
        self.update(self.opt["d"], l_d)
        if self.ada is not None and self._whole:
            self.ada.observe(true)
        return {"l_d": l_d.detach(), "d_real": true.mean().detach(), "d_fake": fake.mean().detach()}

    def realness(self, images: Tensor) -> Tensor:
        """The logits of images, or the mean of their patches', whichever this step trains."""
        found = self.logits(self.judged(images))
        return found if self._whole else found.mean((1, 2, 3))

    def update_path(self, real: Tensor) -> Tensor:
        """The path length of latents anywhere, as in the row StyleGAN2, and one step."""
        whole, self._whole = self._whole, False
        l_path = super().update_path(real)
        self._whole = whole
        return l_path

    def update_g(self, real: Tensor) -> dict[str, Tensor]:
        """L_G and one step."""
        image, _ = self.draw(self.latents(real))
        with held(self.d), held(self.heads):
            l_g = softplus(-self.logits(self.judged(self.augment(image)))).mean()
        l_dist = self.settings.lambda_dist * self.distances(real)
        self.update(self.opt["g"], l_g + l_dist)
        return {"l_g": l_g.detach(), "l_dist": l_dist.detach()}

    def distances(self, real: Tensor) -> Tensor:
        """How far the similarities within a batch are from the source's, a scalar >= 0."""
        z = super().latents(real)
        with torch.no_grad():
            _, before = self.g_source(self.f_source(z))
        _, after = self.g(self.f(z))
        layers = torch.randint(1, len(after), (len(z),)).tolist()
        log_s, log_t = (others(similarities_at(layers, x, x)).log_softmax(1) for x in (before, after))
        return (log_s.exp() * (log_s - log_t)).sum(1).mean() / OTHERS


def others(similarity: Tensor) -> Tensor:
    """``[N, N]`` without its diagonal: ``[N, N - 1]``."""
    n = len(similarity)
    return similarity.flatten()[:-1].view(n - 1, n + 1)[:, 1:].reshape(n, n - 1)
