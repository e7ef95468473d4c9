"""MixDL on FastGAN: mixtures of latents stay as far from their parts as they are mixed, for G and for D.

Paper: Kong et al., "Few-shot Image Generation with Mixup-based Distance Learning", ECCV 2022, arXiv 2111.11672, Table
1, on FastGAN (:mod:`retable.methods.mixdl.fastgan`). Every second step draws N latents z and mixes them into N anchors
with random coefficients c. With the loss KL of :mod:`retable.methods.mixdl.similarity` between c and similarities of
features,

    L_G = -E[D(T(anchors))] + lambda_G KL on G's maps at a random layer                          (Section 3.2)
    L_D = hinge losses of the anchors and of x + reconstructions + lambda_D KL on D's projected last maps (Section 3.3)

The other steps are FastGAN's.

Differences from the paper:

- The training loop of this row is not released, only its networks; the choices here are ours, and those of the
  paper's StyleGAN2 rows where these say anything.
- FastGAN has no W: anchors are mixtures of z. They are shorter than a normal vector, which G is not told.
- The layers are G's maps of 4, 8, 16 and 32 pixels, as in the released networks, one at random for every anchor. The
  projection is a spectrally normalised linear layer of D's flattened last maps, with as many outputs as they have
  channels (8 x 8 x 512 to 512 with the code's width).
- There is no patch discriminator of its own: FastGAN's D scores patches already, 5 x 5 of the image and of its small
  copy, and its scores of the anchors alone are the adversarial loss of such a step.
- Anchors and parts go through G and D in one batch, so that batch norm sees both alike; both updates of a step see the
  same ones, as FastGAN's do. The running statistics that samples are drawn with are half from such batches.
- The distance loss is the released code's, as in the StyleGAN2 row (:mod:`retable.methods.mixdl.mixdl`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from retable.methods.method import MethodSettings
from retable.methods.mixdl.coefficients import MixingSettings, mixing, mixture
from retable.methods.mixdl.diffaugment import diff_augment
from retable.methods.mixdl.fastgan import POLICY, FastGAN, FastGANSettings
from retable.methods.mixdl.similarity import distance_loss, similarities, similarities_at
from retable.methods.training import held
from retable.methods.types import at_least


class FastGANMixDLSettings(MixingSettings, FastGANSettings):
    """Settings of MixDL on FastGAN."""

    batch_size: Annotated[int, at_least(2, "MixDL mixes the latents of a batch")] = 8


class FastGANMixDL(FastGAN):
    """MixDL on FastGAN."""

    Settings: ClassVar[type[MethodSettings]] = FastGANMixDLSettings

    @classmethod
    def projection(cls, settings: FastGANSettings) -> int:
        """As many outputs as D's last maps have channels, where D's distances count."""
        return 8 * settings.width_d if isinstance(settings, FastGANMixDLSettings) and settings.lambda_d else 0

    def learn(self, real: Tensor, step: int) -> dict[str, Tensor]:
        """A mixed step, or one of FastGAN's."""
        return self.mixed(real) if step % self.settings.mix_every == 0 else super().learn(real, step)

    def mixed(self, real: Tensor) -> dict[str, Tensor]:
        """A mixed step's updates of D and G."""
        s, n = self.settings, len(real)
        coefficients = mixing(s.coefficients, s.alpha, n, real.device)
        z = self.latents(real)
        image, small, maps = self.g(torch.cat([mixture(coefficients, z), z]))
        seen = diff_augment(image, POLICY), diff_augment(small, POLICY)

        found = self.judged(seen[0].detach(), seen[1].detach())
        terms = self.terms_d(real, found.scores[:n])
        if s.lambda_d:
            similarity = similarities(found.features[:n], found.features[n:])
            terms["l_d_dist"] = s.lambda_d * distance_loss(similarity, coefficients, s.reading)
        self.step("d", terms)

        with held(self.d):
            terms_g = {"l_g": -self.judged(*seen).scores[:n].mean()}
        if s.lambda_g:
            similarity = at_random_layers(maps, n)
            terms_g["l_g_dist"] = s.lambda_g * distance_loss(similarity, coefficients, s.reading)
        self.step("g", terms_g)
        # The ordinary steps' terms keep their names to themselves: the two kinds are different curves.
        named = {"l_d": "l_d_mix", "l_g": "l_g_mix"}
        return {named.get(key, key): term.detach() for key, term in (terms | terms_g).items()}


def at_random_layers(maps: Sequence[Tensor], n: int) -> Tensor:
    """Cosine similarities ``[n, N - n]`` of the first ``n`` rows of maps to the others, a random layer for each of n.

    Args:
        maps: per layer ``[N, C, H, W]``.
        n: number of anchors.
    """
    # Drawn on the CPU: a device would have to be waited for.
    layers = torch.randint(len(maps), (n,)).tolist()
    return similarities_at(layers, [each[:n] for each in maps], [each[n:] for each in maps])
