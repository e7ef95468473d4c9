"""MixDL: StyleGAN2 whose generator and discriminator keep mixtures as far apart as they are mixed.

Paper: Kong et al., "Few-shot Image Generation with Mixup-based Distance Learning", ECCV 2022, arXiv 2111.11672. Every
second step draws N latents and mixes their w into N anchors with random coefficients c (Section 3.1; Dirichlet(1) in
the paper). With the loss of :mod:`retable.methods.mixdl.similarity` between c and the similarities of features,

    L_G = softplus(-patch(anchors)) + lambda_G KL on g's features at a random layer              (Section 3.2)
    L_D = softplus(patch(anchors)) + softplus(-patch(x)) + lambda_D KL on d's projected features (Section 3.3)

where a patch discriminator reads one of four of d's maps, chosen at random: what mixtures look like as a whole is left
free. The other steps are StyleGAN2's. Table 5 leaves one of the two distance losses out (``lambda_g`` or
``lambda_d`` 0), Table 6 draws other coefficients (``coefficients``, ``alpha``): with Dirichlet(0.1) an anchor is mostly
one of its latents, with Dirichlet(10) all anchors are near the middle.

Differences from the paper:

- Where the paper is silent we do as the released code: every second step, which maps, the batch.
- The distance loss is the released code's KL(p || q) divided by N^2, whose lambda_G is 1000. ``reading = "paper"`` is
  the paper's KL(q || p), with a gradient about N times as large at the same lambda.
- R1 is due every so many steps of either kind, on the head that the step trains. In the released code every R1 step is
  a mixed one (16 is even), so that the head for whole images never gets any.
- L_G's distances are taken of the images that its adversarial loss judges; the released code draws others for them. One
  patch head judges real and drawn images, and is linear.
- The released trainer multiplies coefficients ``[N, N]`` with styles ``[N, layers, latent]``, which fails; anchors are
  mixed in w before it is repeated for the layers.
- Anchors take no second latent (style mixing): their coefficients would say nothing of half of the layers.
- At less than 256 px the maps of patches have 16 and 8 locations a side (32 and 16 in the paper), and some of their
  locations see all of a small image: at 32 px those of one head of four.
- ``mix_from``, and a batch larger than the four ``anchors``, are for short runs; their defaults are the paper's.
- ``gaussian`` and ``uniform`` coefficients are those of Table 6, defined as in the released code.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Self, cast

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn.functional import softplus

from retable.methods.method import Info, MethodSettings
from retable.methods.mixdl.coefficients import MixingSettings, mixing, mixture
from retable.methods.mixdl.similarity import distance_loss, similarities, similarities_at
from retable.methods.mixdl.stylegan2 import StyleGAN2, StyleGAN2Settings
from retable.methods.mixdl.stylegan2_layers import EqualLinear
from retable.methods.mixdl.stylegan2_networks import Discriminator, Heads, Seen
from retable.methods.training import held
from retable.methods.types import Share, at_least


class MixDLSettings(MixingSettings, StyleGAN2Settings):
    """Settings of MixDL."""

    mix_from: Share = 0.0
    """Fraction of the steps before which none mixes: in short runs there is nothing yet whose distances would count."""
    anchors: Annotated[int, at_least(2, "a mixture is made of several latents")] = 4
    """Latents that a mixed step draws, and anchors that it mixes of them."""

    @model_validator(mode="after")
    def _as_many_images(self) -> Self:
        if self.anchors > self.batch_size:
            raise ValueError(
                f"{self.anchors} anchors are judged beside as many images, but a batch has {self.batch_size}; "
                "lower method.anchors or raise method.batch_size"
            )
        return self


class MixDL(StyleGAN2):
    """MixDL on StyleGAN2."""

    Settings: ClassVar[type[MethodSettings]] = MixDLSettings
    watch: ClassVar[tuple[str, ...]] = ("l_d", "l_g", "l_g_dist", "l_d_dist")

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        d = cast(Discriminator, self.d)
        self.heads: nn.Module = Heads(d.map_channels)
        hidden = d.hidden.weight.shape[0]
        self.projection: nn.Module | None = EqualLinear(hidden, hidden) if self.settings.lambda_d else None
        self._mixed = False
        """Whether the current step mixes: what R1 is about."""
        every = self.settings.mix_every
        self._first = math.ceil(self.settings.mix_from * self.settings.steps / every) * every
        """The first step that mixes."""
        self._maps = len(d.map_channels)

    def judging(self) -> list[nn.Module]:
        """d, the patch heads and the projection."""
        return [self.d, self.heads, *([] if self.projection is None else [self.projection])]

    def learn(self, real: Tensor, step: int) -> dict[str, Tensor]:
        """A mixed step, or one of StyleGAN2's."""
        s = self.settings
        self._mixed = step >= self._first and step % s.mix_every == 0
        if not self._mixed:
            return super().learn(real, step)
        return self.mixed_d(real) | self.mixed_g(real) | self.regularise(real, step)

    def r1_due(self, step: int) -> bool:
        """Every ``r1_every`` steps of either kind."""
        s = self.settings
        mixed = -((self._first - step) // s.mix_every) if step > self._first else 0
        return (mixed if self._mixed else step - mixed) % int(s.r1_every) == 0

    def realness(self, images: Tensor) -> Tensor:
        """The logits of images, or of their patches, whichever this step trains.

        Of patches it is an image's mean, as in the released code.
        """
        if not self._mixed:
            return super().realness(images)
        return self.patches(self.judged(images)).mean((1, 2, 3))

    def mixed_d(self, real: Tensor) -> dict[str, Tensor]:
        """L_D of a mixed step, and one step."""
        s, n = self.settings, self.settings.anchors
        with torch.no_grad():
            coefficients, w, anchors = self.mixed(real)
            images, _ = self.g(torch.cat([anchors, w]) if s.lambda_d else anchors)
        # The deviation within a batch is that of anchors and parts together, as in the released code.
        true, seen = (self.judged(self.augment(shown)) for shown in (real[:n], images))
        which = self.drawn_map()
        true_patches, patches = (self.heads(each.maps, which) for each in (true, seen))
        terms = {"l_d_patch": softplus(-true_patches).mean() + softplus(patches[:n]).mean()}
        if s.lambda_d:
            hidden = cast(nn.Module, self.projection)(seen.hidden)
            terms["l_d_dist"] = s.lambda_d * distance_loss(similarities(*hidden.chunk(2)), coefficients, s.reading)
        self.update(self.opt["d"], torch.stack(list(terms.values())).sum())
        return {key: term.detach() for key, term in terms.items()}

    def mixed_g(self, real: Tensor) -> dict[str, Tensor]:
        """L_G of a mixed step, and one step."""
        s, n = self.settings, self.settings.anchors
        coefficients, w, anchors = self.mixed(real)
        images, features = self.g(torch.cat([anchors, w]) if s.lambda_g else anchors)
        with held(self.d), held(self.heads):
            terms = {"l_g_patch": softplus(-self.patches(self.judged(self.augment(images[:n])))).mean()}
        if s.lambda_g:
            layers = torch.randint(1, len(features) - 1, (n,)).tolist()
            found = similarities_at(layers, [x[:n] for x in features], [x[n:] for x in features])
            terms["l_g_dist"] = s.lambda_g * distance_loss(found, coefficients, s.reading)
        self.update(self.opt["g"], torch.stack(list(terms.values())).sum())
        return {key: term.detach() for key, term in terms.items()}

    def mixed(self, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Coefficients ``[N, N]``, new styles ``[N, latent]`` and the anchors mixed of them ``[N, latent]``."""
        s = self.settings
        coefficients = mixing(s.coefficients, s.alpha, s.anchors, real.device)
        w = cast(Tensor, self.f(self.latents(real[: s.anchors])))
        return coefficients, w, mixture(coefficients, w)

    def patches(self, seen: Seen) -> Tensor:
        """Logits of every patch of one of d's maps."""
        return cast(Tensor, self.heads(seen.maps, self.drawn_map()))

    def drawn_map(self) -> int:
        """Number of one of d's maps, drawn on the CPU: a device would have to be waited for."""
        return int(torch.randint(self._maps, ()))
