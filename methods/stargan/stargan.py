"""StarGAN: one generator and one discriminator for all domains of one or several data sets.

Paper: Choi et al., "StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation",
CVPR 2018, arXiv 1711.09020. G(x, c) draws image x with the labels c; D says of every patch whether it is real (D_src)
and which labels the image has (D_cls). With c' the labels of x and c those of another image of the batch:

    L_D = L_adv + lambda_cls E[-log D_cls(c' | x)]           L_adv = E[D_src(G(x, c))] - E[D_src(x)] + lambda_gp GP
    L_G = -E[D_src(G(x, c))] + lambda_cls E[-log D_cls(c | G(x, c))] + lambda_rec E|x - G(G(x, c), c')|

(Eqs. 1 to 8), D every step and G every fifth. With several data sets every step takes a batch of each in turn, and the
labels carry a mask (:mod:`retable.methods.stargan.labels`): what an image's data set does not know is zero for G, and
D_cls is taught and asked only what the data set knows (Section 3.2). That is joint training, the paper's "StarGAN-JNT"
(Section 5.6), for any number of data sets: the same networks and losses, and a row of its own beside StarGAN trained on
a single data set.

Differences from the paper:

- Both learning rates fall linearly to zero over the second half of the steps, as the paper says. In the released code
  they do not: a decay of 1e-9 every 1,000 steps leaves them at 9.99e-5.
- ``steps`` counts D's updates; the default is the paper's 20 epochs of CelebA's 200,599 training images. RaFD's 200
  epochs are 54,400 (``--only 'stargan/stargan/attributes-expressions/*' --set method.steps=54400``).
- G's update takes the images that D's update of the same step has seen, G not having changed in between; the code draws
  the same ones again.
- :meth:`StarGAN.translate` leaves what is not asked for as D_cls takes it to be: the paper always knows all labels of
  its test images, a user does not.
- What is asked of two data sets at once is done one after the other, in the data sets' order.
- ``lambda_id`` is not in the paper. It is for short runs: instance norm takes an image's colours away, and G needs many
  steps to learn to give them back. Its default, 0, leaves it out.
- ``lambda_adv``, ``critic_steps``, the rates and the sizes are settings for short runs; their defaults are the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from retable.methods.method import Info, MethodSettings
from retable.methods.stargan.labels import Labels, classification
from retable.methods.stargan.losses import gradient_penalty
from retable.methods.stargan.networks import Critic, Generator, judged
from retable.methods.stargan.translation import Translation, TranslationSettings
from retable.methods.training import held, mirror_and_crop
from retable.methods.types import Count, Weight


class StarGANSettings(TranslationSettings):
    """Settings of StarGAN."""

    steps: int = 250_760
    """Updates of D."""
    batch_size: int = 16
    """Images of every data set."""
    critic_steps: Count = 5
    """Updates of D for one of G."""
    lambda_adv: Weight = 1.0
    """Weight of the critics' difference, for both networks; not of the gradient penalty."""
    lambda_cls: Weight = 1.0
    lambda_rec: Weight = 10.0
    lambda_gp: Weight = 10.0
    lambda_id: Weight = 0.0
    """Weight of E|x - G(x, c')|: an image with its own labels stays as it is; at 0 it is not computed."""


class StarGAN(Translation):
    """StarGAN, on one data set or several."""

    Settings: ClassVar[type[MethodSettings]] = StarGANSettings
    watch: ClassVar[tuple[str, ...]] = ("l_rec", "l_cls_fake", "l_cls_real")

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        s, self.labels = self.settings, Labels(info)
        channels, *others = sorted(set(info.channels.values()))
        if others or info.image_size % 4:
            raise ValueError(
                "StarGAN's data sets have equally many channels and a size that divides by 4, "
                f"not {dict(info.channels)} and {info.image_size}; change task.size"
            )
        self.g = Generator(channels, self.labels.length, s.width, s.blocks, s.kernel)
        self.d = Critic(channels, s.width_d, s.layers_d, info.image_size, self.labels.known)

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of D, and every ``critic_steps``-th time one of G, from each data set in turn.

        For every data set: ``SET.image [N, 3, S, S]`` in [-1, 1] and ``SET.label``, bits ``[N, labels]`` or classes
        ``[N]``. Gives every loss as its mean over the data sets.
        """
        self.schedule(step)
        turn = (step + 1) % self.settings.critic_steps == 0
        each = [
            self.learn(name, mirror_and_crop(batch[f"{name}.image"], 1.0), batch[f"{name}.label"], turn)
            for name in self.labels.sets
        ]
        return {key: torch.stack([losses[key] for losses in each]).mean() for key in each[0]}

    def learn(self, name: str, real: Tensor, label: Tensor, turn: bool) -> dict[str, Tensor]:
        """D's update and, when it is its turn, G's, from images of one data set and their labels."""
        wanted = label[torch.randperm(len(label), device=label.device)]
        with torch.set_grad_enabled(turn):
            fake = self.g(real, self.labels.vector(name, wanted))
        losses = self.update_d(name, real, label, fake.detach())
        return losses | self.update_g(name, real, label, wanted, fake) if turn else losses

    def update_d(self, name: str, real: Tensor, label: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """L_D and one step."""
        s = self.settings
        patches, kinds = judged(self.d, torch.cat([real, fake]))
        score_real, score_fake = patches[: len(real)].mean(), patches[len(real) :].mean()
        l_cls = classification(kinds[: len(real), self.labels.part(name)], label)
        l_gp = gradient_penalty(self.d, real, fake)
        self.update(self.opt["d"], s.lambda_adv * (score_fake - score_real) + s.lambda_cls * l_cls + s.lambda_gp * l_gp)
        terms = {"l_w": score_real - score_fake, "l_cls_real": l_cls, "l_gp": l_gp}
        return {key: term.detach() for key, term in terms.items()}

    def update_g(self, name: str, real: Tensor, label: Tensor, wanted: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """L_G and one step."""
        s = self.settings
        with held(self.d):
            patches, kinds = judged(self.d, fake)
        l_cls = classification(kinds[:, self.labels.part(name)], wanted)
        own = self.labels.vector(name, label)
        l_rec = (real - self.g(fake, own)).abs().mean()
        terms = {"l_adv": -patches.mean(), "l_cls_fake": l_cls, "l_rec": l_rec}
        total = s.lambda_adv * terms["l_adv"] + s.lambda_cls * l_cls + s.lambda_rec * l_rec
        if s.lambda_id:
            terms["l_id"] = (real - self.g(real, own)).abs().mean()
            total = total + s.lambda_id * terms["l_id"]
        self.update(self.opt["g"], total)
        return {key: term.detach() for key, term in terms.items()}

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Images ``[N, 3, S, S]`` in [-1, 1] -> float32 images like them with what is asked for.

        ``SET.to``: bits ``[N, labels]`` or classes ``[N]`` of a data set, -1 for what is to stay as it is; an image of
        which nothing is asked stays untouched. ``mask [N]`` (optional): the data set that the mask vector names,
        instead of the one whose labels are given.
        """
        images = inputs["image"]
        with torch.no_grad():
            for name in self.labels.sets:
                to = inputs.get(f"{name}.to")
                if to is None:
                    continue
                chosen = (to >= 0).flatten(1).any(1) if to.ndim == 2 else to >= 0
                if chosen.any():
                    mask = inputs["mask"][chosen] if "mask" in inputs else None
                    images = images.clone()
                    vector = self.labels.vector(name, self.completed(name, images[chosen], to[chosen]), mask)
                    images[chosen] = self.g(images[chosen], vector).to(images.dtype)
        return images.float()

    def completed(self, name: str, images: Tensor, to: Tensor) -> Tensor:
        """What is asked for, with the bits that are not filled in as D_cls sees them."""
        if to.ndim == 1 or bool((to >= 0).all()):
            return to
        seen = judged(self.d, images)[1][:, self.labels.part(name)] > 0
        return torch.where(to >= 0, to, seen.to(to.dtype))
