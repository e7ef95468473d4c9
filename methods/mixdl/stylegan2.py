"""StyleGAN2: the baseline that MixDL and most of its comparators are built on, with or without augmentation before d.

Paper: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv 1912.04958, as MixDL
(arXiv 2111.11672) trains it. With z standard normal, w = f(z) and the image g(w):

    L_D = E[softplus(d(g(w)))] + E[softplus(-d(x))]      L_G = E[softplus(-d(g(w)))]

and two regularisers in updates of their own, every few steps with their weight multiplied accordingly (Section 3.1):
R1 = E|grad_x d(x)|^2 / 2, and the path length E(|J_w^T y| - a)^2 with y a random image and a the running mean (Eq. 4).

``augment`` changes whatever d sees: :mod:`retable.methods.mixdl.diffaugment` or :mod:`retable.methods.mixdl.ada`, for
this method and for all that are built on it (rows "+ DA" and "+ ADA" of MixDL's Tables 1 and 3). p of ADA moves in
steps that judge whole images; MixDL's mixed steps and CDC's patch steps do not tell it anything. ``stream`` is what it
learns from: the shots, or one of the source domains that :mod:`retable.methods.mixdl.cdc` starts from.

Differences from the paper:

- Weights, rates and batch are those of MixDL's released code: batch 4, R1 10 every 16 steps, path length 2 every 4,
  style mixing 0.9. Its script for this row alone says batch 8 and 100,000 steps; we train all rows alike.
- Images have as few as 32 pixels, and ``width``, ``base``, ``latent`` and ``layers`` make the networks small for short
  runs; the defaults are the paper's.
- The path length is taken of at least one image, where the released code's share of a small batch may be none.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from copy import deepcopy
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Adam, Optimizer

from retable.methods.method import Info, Kind, Method, MethodSettings
from retable.methods.mixdl.ada import Ada
from retable.methods.mixdl.diffaugment import Change, diff_augment
from retable.methods.mixdl.stylegan2_networks import Discriminator, Mapping, Seen, Synthesis
from retable.methods.training import held, mirror_and_crop
from retable.methods.types import Count, Latent, Rate, Share, Sign, Weight


class StyleGAN2Settings(MethodSettings):
    """Settings of StyleGAN2."""

    steps: int = 150_001
    batch_size: int = 4
    stream: Literal["shots", "source-near", "source-far"] = "shots"
    """Images to learn from."""
    latent: Latent = 512
    """Length of z and w, at most 512."""
    layers: Count = 8
    """Of the mapping."""
    width: Count = 512
    """Most channels of a layer."""
    base: Count = 32_768
    """Channels of a layer times its resolution, where that is less than ``width``."""
    lr: Rate = 2e-3
    """Adam's learning rate, before the correction for lazy regularisers."""
    noise: bool = True
    """Whether every layer of g adds noise; few steps are not enough for it to become detail."""
    mapping_rate: Rate = 0.01
    """Learning rate of f relative to ``lr``."""
    r1: Weight = 10.0
    """Weight of R1; at 0 it is not computed."""
    r1_every: Count = 16
    path: Weight = 2.0
    """Weight of the path length; at 0 it is not computed."""
    path_every: Count = 4
    path_shrink: Count = 2
    """The path length is taken of the batch divided by this."""
    style_mixing: Share = 0.9
    """Probability that the styles of a batch come from two latents per image."""
    ema: Share = 0.5 ** (32 / 10_000)
    """What the averaged generator, whose images count, keeps of itself in a step."""
    augment: Literal["none", "diffaugment", "ada"] = "none"
    """Augmentation of everything that d sees."""
    policy: tuple[Change, ...] = ("color", "translation", "cutout")
    """Of DiffAugment: its changes, in the order in which they are applied."""
    ada_target: Sign = 0.6
    """Of ADA: r_t that p is steered towards."""
    ada_every: Count = 64
    """Of ADA: steps from one change of p to the next: 256 images, as the paper's 4 steps of 64."""
    ada_length: Count = 500_000
    """Of ADA: images in which p may go from 0 to 1."""


class PathLength(nn.Module):
    """The running mean of path lengths: a buffer, so that a checkpoint holds it."""

    mean: Tensor

    def __init__(self, decay: float = 0.01) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, lengths: Tensor) -> Tensor:
        """Lengths ``[N]`` -> their mean squared distance to the running mean, which moves first.

        The gradient also takes the way through the mean's move, as in the official code.
        """
        mean = self.mean.lerp(lengths.mean().to(self.mean.dtype), self.decay)
        self.mean.copy_(mean.detach())
        return (lengths - mean).square().mean()


class StyleGAN2(Method):
    """StyleGAN2, on the shots or on a source domain."""

    Settings: ClassVar[type[MethodSettings]] = StyleGAN2Settings
    task: ClassVar[str] = "ten-shot"
    kind: ClassVar[Kind] = "sample"
    watch: ClassVar[tuple[str, ...]] = ("l_d", "l_g")
    averages: ClassVar[tuple[str, ...]] = ("f_ema", "g_ema", "path", "ada")

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        s, size, (channels,) = self.settings, info.image_size, info.channels.values()
        self.f: nn.Module = Mapping(s.latent, s.layers, s.mapping_rate)
        synthesis = Synthesis(size, channels, s.latent, s.width, s.base, s.noise)
        self.styles = synthesis.styles
        self.g: nn.Module = synthesis
        self.d: nn.Module = Discriminator(size, channels, s.width, s.base)
        self.f_ema = deepcopy(self.f).requires_grad_(False)
        self.g_ema = deepcopy(self.g).requires_grad_(False)
        self.path = PathLength()
        self.ada = Ada(s.ada_target, s.ada_every, s.ada_length) if s.augment == "ada" else None

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam ``g`` for f and g, and ``d``; rates and moments corrected for the lazy regularisers (Section 3.1)."""
        s = self.settings
        return {
            "g": self.adam([self.f, self.g], s.path_every if s.path else 0),
            "d": self.adam(self.judging(), s.r1_every if s.r1 else 0),
        }

    def adam(self, networks: list[nn.Module], every: int) -> Optimizer:
        """One Adam for several networks, of which a regulariser takes one more step every so many (0: never)."""
        share = every / (every + 1) if every else 1.0
        weights = [parameter for network in networks for parameter in network.parameters()]
        return Adam(weights, lr=self.settings.lr * share, betas=(0.0, 0.99**share), fused=True)

    def judging(self) -> list[nn.Module]:
        """What D's optimiser moves."""
        return [self.d]

    def augment(self, images: Tensor) -> Tensor:
        """Real or drawn images ``[N, C, S, S]`` in [-1, 1] as d is to see them."""
        if self.ada is not None:
            return cast(Tensor, self.ada(images))
        return diff_augment(images, self.settings.policy) if self.settings.augment == "diffaugment" else images

    def diversity(self, z: Tensor, image: Tensor) -> dict[str, Tensor]:
        """Weighted terms to add to L_G, from latents and the images drawn from them; none here."""
        return {}

    def training_step(self, batch: MappingABC[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of d and one of f and g from ``image [N, C, S, S]`` in [-1, 1]; regularisers when due."""
        losses = self.learn(mirror_and_crop(batch["image"], 1.0), step)
        self.follow()
        return losses if self.ada is None else losses | {"ada_p": self.ada.p.clone(), "ada_r": self.ada.r.clone()}

    def learn(self, real: Tensor, step: int) -> dict[str, Tensor]:
        """The updates of a step, the averages' aside."""
        losses = self.update_d(real) | self.update_g(real)
        return losses | self.regularise(real, step)

    def regularise(self, real: Tensor, step: int) -> dict[str, Tensor]:
        """Updates for the regularisers that are due."""
        s, losses = self.settings, {}
        if s.r1 and self.r1_due(step):
            losses["l_r1"] = self.update_r1(real)
        if s.path and step % s.path_every == 0:
            losses["l_path"] = self.update_path(real)
        return losses

    def r1_due(self, step: int) -> bool:
        """Whether R1 has its turn in this step."""
        return step % int(self.settings.r1_every) == 0

    def update_d(self, real: Tensor) -> dict[str, Tensor]:
        """L_D and one step."""
        with torch.no_grad():
            image, _ = self.draw(self.latents(real))
        fake, true = self.judged(self.augment(torch.cat([image, real])), 2).score.chunk(2)
        l_d = softplus(fake).mean() + softplus(-true).mean()
        self.update(self.opt["d"], l_d)
        if self.ada is not None:
            self.ada.observe(true)
        terms = {"l_d": l_d, "d_real": true.mean(), "d_fake": fake.mean()}
        return {key: term.detach() for key, term in terms.items()}

    def update_r1(self, real: Tensor) -> Tensor:
        """R1 and one step: of what d sees under ADA, and of plain images under DiffAugment, as released."""
        image = (real if self.ada is None else self.augment(real)).detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(self.realness(image).sum(), image, create_graph=True)
        l_r1 = gradient.square().sum((1, 2, 3)).mean()
        self.update(self.opt["d"], self.settings.r1 / 2 * self.settings.r1_every * l_r1)
        return l_r1.detach()

    def realness(self, images: Tensor) -> Tensor:
        """The logits of images that R1 is about."""
        return self.judged(images).score

    def update_g(self, real: Tensor) -> dict[str, Tensor]:
        """L_G and one step. Of ``real`` only number and device count."""
        z = self.latents(real)
        with held(self.d):
            image, _ = self.draw(z)
            score = self.judged(self.augment(image)).score
        terms = {"l_g": softplus(-score).mean(), **self.diversity(z, image)}
        self.update(self.opt["g"], torch.stack(list(terms.values())).sum())
        return {key: term.detach() for key, term in terms.items()}

    def update_path(self, real: Tensor) -> Tensor:
        """The path length regulariser and one step."""
        s = self.settings
        w = self.styled(self.latents(real[: max(1, len(real) // s.path_shrink)]))
        image = cast(tuple[Tensor, Any], self.g(w))[0]
        noise = torch.randn_like(image) / (image.shape[2] * image.shape[3]) ** 0.5
        (gradient,) = torch.autograd.grad((image * noise).sum(), w, create_graph=True)
        lengths = gradient.square().sum(2).mean(1).sqrt()
        l_path = cast(Tensor, self.path(lengths))
        self.update(self.opt["g"], s.path * s.path_every * l_path)
        return l_path.detach()

    def latents(self, real: Tensor) -> Tensor:
        """New latents, one for every real image: ``[N, latent]``."""
        return torch.randn(len(real), self.settings.latent, device=real.device)

    def styled(self, z: Tensor) -> Tensor:
        """Styles ``[N, styles, latent]`` of latents; in some batches from other latents after a layer."""
        w = cast(Tensor, self.f(z))[:, None].expand(-1, self.styles, -1)
        if torch.rand(()) < self.settings.style_mixing:
            # The draws that decide shapes come from the CPU: a device would have to be waited for.
            after = int(torch.randint(1, self.styles, ()))
            other = cast(Tensor, self.f(torch.randn_like(z)))[:, None].expand(-1, self.styles - after, -1)
            w = torch.cat([w[:, :after], other], 1)
        return w

    def draw(self, z: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Images of latents with styles mixed, and the features of g's layers."""
        return cast(tuple[Tensor, list[Tensor]], self.g(self.styled(z)))

    def judged(self, images: Tensor, parts: int = 1) -> Seen:
        """What d makes of so many batches of images, one after the other."""
        return cast(Seen, self.d(images, parts))

    def follow(self) -> None:
        """The averaged f and g move a little towards the trained ones."""
        with torch.no_grad():
            for mean, network in ((self.f_ema, self.f), (self.g_ema, self.g)):
                torch._foreach_lerp_(list(mean.parameters()), list(network.parameters()), 1 - self.settings.ema)

    def sample(self, inputs: MappingABC[str, Tensor]) -> Tensor:
        """``z [N, 512]``, of which the first ``latent`` numbers count -> images ``[N, C, S, S]`` in [-1, 1]."""
        w = self.f_ema(inputs["z"][:, : self.settings.latent])
        image = cast(tuple[Tensor, Any], self.g_ema(w))[0]
        return image.float().clamp(-1, 1)
