"""IcGAN: a conditional GAN, and two encoders that find the z and the y of an image.

Paper: Perarnau, van de Weijer, Raducanu & Alvarez, "Invertible Conditional GANs for image editing", 2016, arXiv
1611.06355, Section 4; a row of StarGAN's tables (arXiv 1711.09020). With y the labels of image x, y' wrong ones, z
normal, and BCE the binary cross-entropy of D's logit:

    L_D = BCE(D(x, y), 1) + 1/2 BCE(D(x, y'), 0) + 1/2 BCE(D(G(z, y), y), 0)
    L_G = BCE(D(G(z, y), y), 1)
    L_z = E (E_z(G(z, y)) - z)^2          L_y = E (E_y(x) - y)^2

First G and D learn, then G stands still and both encoders learn. An image is changed by drawing it anew:
G(E_z(x), y) with the y that is asked for.

Differences from the paper:

- The paper's networks are for 64 x 64. For 128 x 128 every one of them gets one more layer of the same kind, twice as
  wide (:mod:`retable.methods.stargan.icgan_networks`), which counts 70,983,024 parameters for RaFD's eight labels.
  StarGAN's Table 3 prints 67.8M; its layout is not published, and no plain choice of layers, hidden units and labels
  that we tried gives that number.
- The default number of steps is 40 epochs of CelebA's 200,599 training images. The paper trains G and D for 25 epochs
  and each encoder for 15; here both encoders learn in the same steps, so ``gan_share`` is 25 of 40.
- Wrong labels are those of another image of the batch and, where these happen to be the same, one of them is changed.
  Their weight in L_D is a choice, that of Reed et al. 2016, arXiv 1605.05396.
- The encoders' rate and first decay (1e-4, 0.1) are the released code's.
- With several data sets y is the labels of all of them, with zeros for those that an image's set does not know, and L_y
  is over those it knows.
- Weights start as torch starts them, not from DCGAN's N(0, 0.02). Images are mirrored at random, as for StarGAN.
- ``early``, ``decay_from`` and the sizes are settings for short runs; their defaults change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus
from torch.optim import Adam, Optimizer

from retable.methods.method import Info, Method, MethodSettings
from retable.methods.schedules import linear_decay, set_learning_rates
from retable.methods.stargan.icgan_networks import ConditionalDiscriminator, ConditionalGenerator, Encoder
from retable.methods.stargan.labels import Labels, as_bits
from retable.methods.training import held, mirror_and_crop
from retable.methods.types import Count, CountOrNone, Kept, OpenShare, Rate, Share, at_least


class IcGANSettings(MethodSettings):
    """Settings of IcGAN."""

    steps: int = 125_375
    """Of both phases together."""
    batch_size: Annotated[int, at_least(2, "batch norm compares the images of a batch")] = 64
    """Images of every data set."""
    gan_share: OpenShare = 25 / 40
    """Fraction of the steps that G and D learn in; the encoders have the rest."""
    early: CountOrNone = 0
    """While G learns, the encoders take one of so many steps too, and need fewer later; 0 lets them wait."""
    z: Count = 100
    """Length of z."""
    width: Count = 64
    """Channels of G's last and D's first layer."""
    width_e: Count = 32
    """Channels of the encoders' first layer."""
    hidden_z: Count = 4096
    """Units of E_z's fully connected layer."""
    hidden_y: Count = 512
    """Units of E_y's."""
    lr: Rate = 2e-4
    """Adam's learning rate for G."""
    lr_d: Rate = 2e-4
    """Adam's learning rate for D."""
    beta1: Kept = 0.5
    """Adam's first decay rate for G and D."""
    lr_e: Rate = 1e-4
    """Adam's learning rate for the encoders."""
    beta1_e: Kept = 0.1
    """Adam's first decay rate for the encoders."""
    decay_from: Share = 1.0
    """Fraction of a phase's steps after which its learning rates fall linearly to zero; 1 keeps them constant."""


def wrong_labels(label: Tensor, size: int) -> Tensor:
    """Labels that no image of the batch has in its own place: another's, or its own with one changed.

    Args:
        label: int64 bits ``[N, size]`` or classes ``[N]``.
        size: how many labels the data set has; at least two where they are classes.
    """
    n, device = len(label), label.device
    other = label[torch.randperm(n, device=device)]
    if label.ndim == 2:
        flipped = label ^ one_hot(torch.randint(size, (n,), device=device), size)
        return torch.where((other == label).all(1, keepdim=True), flipped, other)
    shifted = (label + torch.randint(1, size, (n,), device=device)) % size
    return torch.where(other == label, shifted, other)


class IcGAN(Method):
    """A conditional GAN with two encoders."""

    Settings: ClassVar[type[MethodSettings]] = IcGANSettings
    task: ClassVar[str] = "attributes"
    watch: ClassVar[tuple[str, ...]] = ("l_z", "l_y")

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        s, size, self.labels = self.settings, info.image_size, Labels(info)
        channels, known = next(iter(info.channels.values())), self.labels.known
        self.gan_steps = round(s.steps * s.gan_share)
        """Steps of the first phase."""
        self.g: nn.Module = ConditionalGenerator(channels, size, s.z, known, s.width)
        self.d: nn.Module = ConditionalDiscriminator(channels, size, known, s.width)
        self.e_z: nn.Module = Encoder(channels, size, s.width_e, s.hidden_z, s.z)
        self.e_y: nn.Module = Encoder(channels, size, s.width_e, s.hidden_y, known)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam ``g``, ``d``, and ``e`` over both encoders."""
        s = self.settings
        encoders = chain(self.e_z.parameters(), self.e_y.parameters())
        return {
            "g": Adam(self.g.parameters(), lr=s.lr, betas=(s.beta1, 0.999), fused=True),
            "d": Adam(self.d.parameters(), lr=s.lr_d, betas=(s.beta1, 0.999), fused=True),
            "e": Adam(encoders, lr=s.lr_e, betas=(s.beta1_e, 0.999), fused=True),
        }

    def schedule(self, step: int) -> None:
        """Set the learning rates of this step's phase; encoders that learn early do so at their full rate."""
        s = self.settings
        first = step < self.gan_steps
        done, steps = (step, self.gan_steps) if first else (step - self.gan_steps, s.steps - self.gan_steps)
        factor = linear_decay(done, steps, s.decay_from)
        set_learning_rates(self.opt, factor, g=s.lr, d=s.lr_d)
        set_learning_rates(self.opt, 1.0 if first else factor, e=s.lr_e)

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of D and one of G, or one of both encoders.

        For every data set: ``SET.image [N, C, S, S]`` in [-1, 1] and ``SET.label``, bits ``[N, labels]`` or classes
        ``[N]``.
        """
        self.schedule(step)
        sets = self.labels.sets
        x = mirror_and_crop(torch.cat([batch[f"{name}.image"] for name in sets]), 1.0)
        y = torch.cat([self.vector(name, batch[f"{name}.label"]) for name in sets])
        z = torch.randn(len(x), self.settings.z, device=x.device)
        if step >= self.gan_steps:
            # What it will draw from in translation is the running statistics.
            self.g.eval()
            with torch.no_grad():
                fake = self.g(z, y)
            return self.update_encoders(x, y, z, fake, batch)
        fake = self.g(z, y)
        values = self.update_gan(x, y, fake, batch)
        if self.settings.early and step % self.settings.early == 0:
            values |= self.update_encoders(x, y, z, fake.detach(), batch)
        return values

    def vector(self, name: str, label: Tensor) -> Tensor:
        """y of images of one data set, float ``[N, known]``; the other sets' labels are zero."""
        return self.labels.vector(name, label)[:, : self.labels.known]

    def update_gan(self, x: Tensor, y: Tensor, fake: Tensor, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """L_D and L_G and a step of each; D's batch norm sees every kind as a batch of its own."""
        labels = self.labels
        wrong = torch.cat(
            [self.vector(name, wrong_labels(batch[f"{name}.label"], labels.sizes[name])) for name in labels.sets]
        )
        l_right, l_wrong = softplus(-self.d(x, y)).mean(), softplus(self.d(x, wrong)).mean()
        l_fake = softplus(self.d(fake.detach(), y)).mean()
        l_d = l_right + (l_wrong + l_fake) / 2
        self.update(self.opt["d"], l_d)
        with held(self.d):
            l_g = softplus(-self.d(fake, y)).mean()
        self.update(self.opt["g"], l_g)
        return {"l_d": l_d.detach(), "l_wrong": l_wrong.detach(), "l_g": l_g.detach()}

    def update_encoders(
        self, x: Tensor, y: Tensor, z: Tensor, fake: Tensor, batch: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """L_z from images that G made of z and y, L_y from real ones, and a step of both encoders."""
        l_z = (self.e_z(fake) - z).square().mean()
        known = torch.cat([self.known(name).to(y).expand(len(batch[f"{name}.label"]), -1) for name in self.labels.sets])
        l_y = (known * (self.e_y(x) - y).square()).sum() / known.sum()
        self.update(self.opt["e"], l_z + l_y)
        return {"l_z": l_z.detach(), "l_y": l_y.detach()}

    def known(self, name: str) -> Tensor:
        """1 for the labels that a data set has, 0 for those of others: float ``[1, known]``."""
        row = torch.zeros(1, self.labels.known)
        row[:, self.labels.part(name)] = 1.0
        return row

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``image [N, C, S, S]`` in [-1, 1] -> G's drawings of them, float32 ``[N, C, S, S]`` in [-1, 1].

        ``SET.to``: bits ``[N, labels]`` or classes ``[N]``; for -1, E_y's answer is taken.
        """
        x = inputs["image"]
        with torch.no_grad():
            seen = self.e_y(x)
            parts = [
                self.completed(inputs.get(f"{name}.to"), seen[:, self.labels.part(name)]) for name in self.labels.sets
            ]
            out: Tensor = self.g(self.e_z(x), torch.cat(parts, 1))
        return out.float()

    @staticmethod
    def completed(to: Tensor | None, seen: Tensor) -> Tensor:
        """What is asked of a data set's labels, filled in with what E_y says, ``[N, labels]`` of 0 and 1.

        Bits are rounded, of classes the highest is taken; rounded too where nothing says which of both they are.
        """
        rounded = seen > 0.5
        if to is None:
            return rounded.float()
        if to.ndim == 2:
            return torch.where(to >= 0, to, rounded.to(to.dtype)).float()
        return as_bits(torch.where(to >= 0, to, seen.argmax(1)), seen.shape[1])
