"""The face recogniser F of the Face-ID loss: a shared stage, not a row.

The cartoon paper (Zhuang & Yang 2020, arXiv 2007.13332) builds on photo2cartoon, whose generators are held to the
identity of their input by 1 - cos(F(x), F(G(x))), with F a trained MobileFaceNet that looks at the middle of the image.
:attr:`Recogniser.embed` is F: differentiable images to features of unit length.

- ``mobilefacenet`` (photo2cartoon's): weights from a file, not trained here; see
  :mod:`retable.methods.cartoon.mobilefacenet`.
- ``small``: a few convolutions, trained on pairs of photographs of the same person with the contrastive loss NT-Xent
  (Sohn 2016; Chen et al. 2020, arXiv 2002.05709, Eq. 1). With z_1 ... z_2N the features of N pairs and p(i) the other
  photograph of z_i's person:

      L = - 1/2N sum_i log( exp(z_i.z_p(i) / T) / sum_{k != i} exp(z_i.z_k / T) )

It is asked what Labelled Faces in the Wild asks (Huang et al. 2007): are these two photographs of the same person? The
answer is a logistic function of the cosine, with a scale and a threshold that ``small`` learns beside its features
(they never move the features) and ``mobilefacenet`` has from its publisher.

Differences from the paper:

- ``small`` is ours: where the faces are drawn, a network trained on photographs of people has nothing to say, and no
  file is needed. Its loss, optimiser (Adam, one-cycle learning rate), flips and light changes are choices.
- Group norm instead of batch norm in ``small``: features are the same in training and after it, and no photograph's
  features depend on the others in its batch, from which a contrastive loss could be cheated.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, log
from typing import ClassVar, Literal, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer

from retable.methods.cartoon.mobilefacenet import IMAGE_SIZE, MobileFaceNet
from retable.methods.method import Info, Kind, Method, MethodSettings
from retable.methods.schedules import one_cycle, set_learning_rates
from retable.methods.training import mirror_and_crop
from retable.methods.types import Count, Positive, Rate, Weight

PUBLISHED_THRESHOLD = 0.25
"""Cosine above which MobileFaceNet's publisher calls two faces the same: a squared distance of 1.5 is 2 - 2 cos."""


class RecogniserSettings(MethodSettings):
    """Settings of the recogniser."""

    steps: int = 0
    """0 for ``mobilefacenet``; at least 1 for ``small``."""
    batch_size: int = 32
    """Pairs of photographs per step; each is told apart from the 2 * batch_size - 2 others."""
    architecture: Literal["small", "mobilefacenet"] = "mobilefacenet"
    """``mobilefacenet`` is the paper's and needs a file of weights; ``small`` is trained on the task's identities."""
    width: Count = 32
    """``small``: channels of the first convolution; the later ones have up to 4 times as many."""
    features: Count = 128
    """``small``: dimensions of the features. MobileFaceNet has 512."""
    lr: Rate = 2e-3
    """``small``: highest learning rate of the one-cycle schedule."""
    temperature: Positive = 0.1
    """``small``: T in NT-Xent."""
    jitter: Weight = 0.1
    """``small``: largest relative change of contrast and shift of brightness (images are in [-1, 1]) in training."""

    @model_validator(mode="after")
    def _trained_or_published(self) -> Self:
        if self.architecture == "mobilefacenet" and self.steps:
            raise ValueError(
                f"architecture = 'mobilefacenet' is not trained, its weights come from a file: set steps = 0 (now "
                f"{self.steps}) or architecture = 'small'"
            )
        if self.architecture == "small" and not self.steps:
            raise ValueError("architecture = 'small' has no published weights: set steps to at least 1")
        if self.architecture == "small" and self.batch_size < 2:
            raise ValueError("telling people apart needs at least two in a batch: set batch_size to 2 or more")
        return self


class SmallEmbedder(nn.Module):
    """A small F: images float32 ``[N, channels, S, S]`` in [-1, 1] -> features ``[N, features]`` of unit length.

    Strided convolutions with group norm halve the image to 4 to 7 pixels; a linear layer reads what stands where.
    """

    def __init__(self, channels: int, width: int, image_size: int, features: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        side, o = image_size, channels
        while side >= 8:
            i, o = o, width if side == image_size else min(2 * o, 4 * width)
            kernel = 5 if side == image_size else 3
            layers += [nn.Conv2d(i, o, kernel, 2, kernel // 2, bias=False), nn.GroupNorm(gcd(8, o), o), nn.ReLU()]
            side = (side + 1) // 2
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(o * side**2, features))

    def forward(self, x: Tensor) -> Tensor:
        """Images to features."""
        return functional.normalize(self.layers(x).float())


class FaceCrop(nn.Module):
    """MobileFaceNet on the middle of an image: ``[N, 3, S, S]`` in [-1, 1] -> features ``[N, 512]`` of unit length."""

    def __init__(self, network: MobileFaceNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Images to features."""
        features: Tensor = self.network(cropped(x)).float()
        return features


def cropped(images: Tensor) -> Tensor:
    """photo2cartoon's view of a face: ``[N, C, H, W]`` -> ``[N, C, 112, 112]``.

    From row H/2.1 * 0.47 down to row H - H/2.1 * 0.3 (rounded towards zero), a square in the middle of the width,
    brought to size bilinearly with aligned corners.
    """
    height, width = images.shape[2:]
    top, bottom = int(height / 2.1 * 0.47), int(height - height / 2.1 * 0.3)
    side = bottom - top
    left = int(width / 2 - side / 2)
    face = images[:, :, top:bottom, left : left + side]
    return functional.interpolate(face, (IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", align_corners=True)


class Verifier(nn.Module):
    """Cosines ``[N]`` -> logits ``[N, 2]`` of "different" and "same": same when the cosine is above a threshold."""

    def __init__(self, threshold: float, scale: float) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(threshold))
        # the logarithm keeps the scale positive: a higher cosine always speaks for the same person
        self.log_scale = nn.Parameter(torch.tensor(log(scale)))

    def forward(self, cosine: Tensor) -> Tensor:
        """Cosines to logits."""
        half = self.log_scale.exp() * (cosine - self.threshold) / 2
        return torch.stack([-half, half], 1)


def jittered(images: Tensor, amount: float) -> Tensor:
    """Every image mirrored or not, with its own contrast (factor 1 - amount to 1 + amount) and brightness (+- amount).

    Images ``[N, C, H, W]`` in [-1, 1] -> the same. The random numbers come from torch's global state of their device.
    """
    images = mirror_and_crop(images, 1.0)
    contrast, brightness = amount * (2 * torch.rand(2, len(images), 1, 1, 1, device=images.device) - 1)
    mean = images.mean((1, 2, 3), keepdim=True)
    out: Tensor = (mean + (images - mean) * (1 + contrast) + brightness).clamp(-1, 1)
    return out


def nt_xent(z: Tensor, other: Tensor, temperature: Positive) -> Tensor:
    """NT-Xent, Chen et al. 2020, Eq. 1, over both photographs of every pair.

    Args:
        z: features ``[N, d]`` of unit length.
        other: features ``[N, d]`` of unit length; row i is the same person as row i of ``z``.
        temperature: T; small ones look at the hardest others only.

    Returns:
        A scalar: the mean of -log p(the true partner among the 2N - 1 others).
    """
    both = torch.cat([z, other])
    n = len(both)
    logits = (both @ both.T / temperature).masked_fill(torch.eye(n, dtype=torch.bool, device=z.device), -torch.inf)
    return functional.cross_entropy(logits, torch.arange(n, device=z.device).roll(n // 2))


def verification_loss(verifier: nn.Module, cosines: Tensor) -> Tensor:
    """Cross-entropy of the verifier's answers for all pairs of a batch, same and different weighing equally.

    ``cosines`` is ``[N, N]``; row i and column j are the same person exactly when i = j. Returns a scalar.
    """
    same = torch.eye(len(cosines), dtype=torch.bool, device=cosines.device).flatten()
    log_p = functional.log_softmax(verifier(cosines.flatten()), 1)
    return -(log_p[same, 1].mean() + log_p[~same, 0].mean()) / 2


class Recogniser(Method):
    """F, with its verifier."""

    Settings: ClassVar[type[MethodSettings]] = RecogniserSettings
    task: ClassVar[str] = "cartoon-groups"
    kind: ClassVar[Kind] = "predict"
    without_files: ClassVar[str] = "--set 'cartoon/*:method.face_id=0', which leaves the Face-ID term out"
    stream = "identities"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        s = self.settings
        channels = info.channels["photo"]
        self.embed: nn.Module
        if s.architecture == "small":
            self.embed = SmallEmbedder(channels, s.width, info.image_size, s.features)
            self.verifier: nn.Module = Verifier(threshold=0.5, scale=10.0)
        else:
            if channels != 3:
                raise ValueError(f"MobileFaceNet looks at images of 3 channels; this task's photos have {channels}")
            self.embed = FaceCrop(MobileFaceNet()).requires_grad_(False)
            self.verifier = Verifier(PUBLISHED_THRESHOLD, scale=10.0).requires_grad_(False)

    @classmethod
    def files(cls, settings: RecogniserSettings) -> Mapping[str, str]:
        """Role -> name of the file of weights that this method needs: MobileFaceNet's, where that is chosen."""
        return {"mobilefacenet": "mobilefacenet.pth"} if settings.architecture == "mobilefacenet" else {}

    def take_file(self, role: str, state: Mapping[str, Tensor]) -> None:
        """Take MobileFaceNet's weights over.

        Raises:
            RuntimeError: not a MobileFaceNet's weights; the message names what is missing or too much.
            ValueError: a role that is not in :meth:`files`.
        """
        if role not in self.files(self.settings) or not isinstance(self.embed, FaceCrop):
            raise ValueError(f"architecture = {self.settings.architecture!r} takes no file as {role!r}")
        self.embed.network.take(state)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam ``embed`` for the features and ``verifier`` for scale and threshold; none for MobileFaceNet."""
        if self.settings.architecture == "mobilefacenet":
            return {}
        lr = self.settings.lr
        return {
            "embed": Adam(self.embed.parameters(), lr=lr),
            "verifier": Adam(self.verifier.parameters(), lr=lr),
        }

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update from ``{"image", "other"}``, both ``[N, 3, S, S]``: rows pair a person, differ between people.

        Gives ``l_nt_xent``, ``l_same`` (the verifier's) and ``accuracy``: how often, in percent, the nearest to a
        photograph among all ``other`` is the one of the same person.
        """
        s = self.settings
        # The verifier's two numbers have a long way to go: they can take larger steps than weights.
        set_learning_rates(self.opt, one_cycle(step, s.steps), embed=s.lr, verifier=10 * s.lr)
        n = len(batch["image"])
        z: Tensor = self.embed(jittered(torch.cat([batch["image"], batch["other"]]), s.jitter))
        l_nt_xent = nt_xent(z[:n], z[n:], s.temperature)
        self.update(self.opt["embed"], l_nt_xent)
        cosines = z[:n].detach() @ z[n:].detach().T
        l_same = verification_loss(self.verifier, cosines)
        self.update(self.opt["verifier"], l_same)
        right = cosines.argmax(1) == torch.arange(n, device=cosines.device)
        return {
            "l_nt_xent": l_nt_xent.detach(),
            "l_same": l_same.detach(),
            "accuracy": right.float().mean() * 100,
        }

    def predict(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Pairs ``{"image": [N, 3, S, S], "other": [N, 3, S, S]}`` in [-1, 1] -> logits float32 ``[N, 2]``.

        The classes are "different" and "same".
        """
        with torch.no_grad():
            cosine = (self.embed(inputs["image"]) * self.embed(inputs["other"])).sum(1)
            logits: Tensor = self.verifier(cosine)
            return logits.float()
