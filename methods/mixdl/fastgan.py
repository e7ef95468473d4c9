"""FastGAN: a light GAN for few images, whose discriminator also learns to show what it has seen. And MixDL on it.

Paper: Liu, Zhu, Song & Elgammal, "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image
Synthesis", ICLR 2021, arXiv 2101.04775. With T differentiable augmentation (colour and translation), m a random margin
in [0.8, 1), z standard normal, and f D's maps of a real image with their decoders g (Eq. 3 to 5):

    L_D = E[max(0, m - D(T(x)))] + E[max(0, m + D(T(G(z))))] + lambda_rec E|g(f(T(x))) - T(x)|
    L_G = -E[D(T(G(z)))]

D judges patches of the image and of a small copy of it; g draws the whole image from the maps of either, and a random
quarter of it from earlier maps. |.| is LPIPS. What is sampled comes from an average of G's weights.

Differences from the paper:

- lambda_rec is 8 and not 1: the released code adds LPIPS up over its batch of eight, where Eq. 3 takes the mean. The
  margin, the average and the spectral norm are the code's as well.
- The averaged weights keep ``min(ema, (1 + step) / (10 + step))`` of themselves, so that short runs do not sample from
  what G was at the start; from step 8,990 on that is the code's 0.999. The running statistics of batch norm are
  averaged likewise: samples are drawn with them, so that an image does not depend on the others of its batch.
- ``reconstruction = "l1"`` does without VGG16's weights: |.| is then the mean absolute difference of pixels.
- ``width``, ``width_d`` and ``latent`` are settings for short runs; their defaults are the code's.
- The networks' differences: :mod:`retable.methods.mixdl.fastgan_networks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from retable.methods.method import Info, Kind, Method, MethodSettings
from retable.methods.mixdl.diffaugment import Change, diff_augment
from retable.methods.mixdl.fastgan_losses import LPIPS, Reconstruction, decoded_targets, hinge, l_recons
from retable.methods.mixdl.fastgan_networks import Discriminator, Generator, Judgement, small_side, smaller
from retable.methods.training import Frozen, held, mirror_and_crop
from retable.methods.types import Count, Kept, Latent, Rate, Weight

POLICY: tuple[Change, ...] = ("color", "translation")
"""Of the augmentation (Section 4.1)."""
VGG16 = "vgg16-397923af.pth"
"""torchvision's ImageNet weights, which LPIPS looks through."""


class FastGANSettings(MethodSettings):
    """Settings of FastGAN."""

    steps: int = 50_000
    batch_size: int = 8
    latent: Latent = 256
    """Dimensions of z, at most 512."""
    width: Count = 64
    """Channels of G's maps of 128 pixels; those of 4 have sixteen times as many."""
    width_d: Count = 64
    """Channels of D's maps of 64 pixels; those of 8 have eight times as many."""
    reconstruction: Reconstruction = "lpips"
    """How far decoded pictures are from what they show; ``lpips`` asks for VGG16's weights."""
    lambda_rec: Weight = 8.0
    """Weight of the reconstructions; at 0 nothing is decoded, and the decoders do not learn."""
    lr: Rate = 2e-4
    """Adam's learning rate for G and for D."""
    beta1: Kept = 0.5
    ema: Kept = 0.999
    """Share of itself that the averaged G keeps in a step, after the first ones."""


class FastGAN(Method):
    """FastGAN."""

    Settings: ClassVar[type[MethodSettings]] = FastGANSettings
    task: ClassVar[str] = "ten-shot"
    kind: ClassVar[Kind] = "sample"
    without_files: ClassVar[str] = "--set 'mixdl/fastgan*:method.reconstruction=l1', which compares pixels"
    stream = "shots"
    watch: ClassVar[tuple[str, ...]] = ("l_d", "l_g", "l_rec")
    averages: ClassVar[tuple[str, ...]] = ("g_ema",)

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        s, size, channels = self.settings, info.image_size, info.channels["image"]
        self.small = small_side(size)
        self.g: nn.Module = Generator(size, channels, s.latent, s.width)
        self.d: nn.Module = Discriminator(size, channels, s.width_d, self.projection(s))
        self.g_ema: nn.Module = Frozen(deepcopy(self.g))
        self.distance: nn.Module | None = LPIPS() if self.files(s) else None

    @classmethod
    def projection(cls, settings: FastGANSettings) -> int:
        """Outputs of the projection of D's last maps; there is none here."""
        return 0

    @classmethod
    def files(cls, settings: FastGANSettings) -> Mapping[str, str]:
        """VGG16's weights, where LPIPS judges the decoded pictures."""
        return {"vgg16": VGG16} if settings.reconstruction == "lpips" and settings.lambda_rec else {}

    def take_file(self, role: str, state: Mapping[str, Tensor]) -> None:
        """Take VGG16's weights over.

        Raises:
            RuntimeError: they are not torchvision's weights of VGG16.
            ValueError: a role that is not in :meth:`files`.
        """
        if role not in self.files(self.settings):
            raise ValueError(f"reconstruction = {self.settings.reconstruction!r} takes no file as {role!r}")
        cast(LPIPS, self.distance).take(state)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam ``g`` and ``d``; the decoders are D's, and left out where they have nothing to learn."""
        s = self.settings
        judging = [p for name, p in self.d.named_parameters() if s.lambda_rec or not name.startswith("decode")]
        return {
            "g": Adam(self.g.parameters(), lr=s.lr, betas=(s.beta1, 0.999), fused=True),
            "d": Adam(judging, lr=s.lr, betas=(s.beta1, 0.999), fused=True),
        }

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of D and one of G from the same drawn images; ``image [N, C, S, S]`` in [-1, 1]."""
        losses = self.learn(mirror_and_crop(batch["image"], 1.0), step)
        kept = min(self.settings.ema, (1 + step) / (10 + step))
        follow(cast(Frozen, self.g_ema).network, self.g, 1 - kept)
        return losses

    def learn(self, real: Tensor, step: int) -> dict[str, Tensor]:
        """The updates of a step, from mirrored images."""
        image, small, _ = self.g(self.latents(real))
        seen = diff_augment(image, POLICY), diff_augment(small, POLICY)
        fake = self.judged(seen[0].detach(), seen[1].detach())
        terms = self.terms_d(real, fake.scores)
        self.step("d", terms)
        with held(self.d):
            terms_g = {"l_g": -self.judged(*seen).scores.mean()}
        self.step("g", terms_g)
        return {key: term.detach() for key, term in (terms | terms_g).items()}

    def terms_d(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """L_D's terms, weighted, from mirrored images and from D's scores of drawn ones."""
        s = self.settings
        # Drawn on the CPU: a device would have to be waited for.
        quarter = int(torch.randint(4, ())) if s.lambda_rec else None
        images = diff_augment(real, POLICY)
        found = self.judged(images, smaller(images, self.small), quarter)
        terms = {"l_d": hinge(found.scores) + hinge(-fake)}
        if quarter is not None:
            targets = decoded_targets(images, quarter, self.small)
            terms["l_rec"] = s.lambda_rec * l_recons(self.distance, found.pictures, targets)
        return terms

    def step(self, name: str, terms: Mapping[str, Tensor]) -> None:
        """Add weighted terms up, and one step of the optimiser of that name."""
        self.update(self.opt[name], torch.stack(list(terms.values())).sum())

    def latents(self, real: Tensor) -> Tensor:
        """New latents, one for every real image: ``[N, latent]``."""
        return torch.randn(len(real), self.settings.latent, device=real.device)

    def judged(self, image: Tensor, small: Tensor, quarter: int | None = None) -> Judgement:
        """What D says of images and their small copies."""
        return cast(Judgement, self.d(image, small, quarter))

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``z [N, 512]``, of which the first ``latent`` numbers count -> float32 images ``[N, C, S, S]`` in [-1, 1]."""
        image: Tensor = self.g_ema(inputs["z"][:, : self.settings.latent])[0]
        return image.float()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, share: float) -> None:
    """Move an average this share of the way to its network; batch norm's statistics too, other buffers are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), share)
    for (name, mean), value in zip(average.named_buffers(), network.buffers(), strict=True):
        if name.endswith(("running_mean", "running_var")):
            mean.lerp_(value, share)
        else:
            mean.copy_(value)
