"""The cartoon method: two generators, two pairs of discriminators, one objective.

Paper: Zhuang & Yang, "Few-shot Knowledge Transfer for Fine-grained Cartoon Face Generation", ICME 2021, arXiv
2007.13332, on the base model of photo2cartoon. With A photographs, B cartoons, G_A2B and G_B2A, and D_A, D_B (each a
global and a local discriminator), for one image of each domain:

    L_D   = adv [l_adv(D(real), 1) + l_adv(D(fake), 0)]          for D_A and D_B
    L_G_A = adv l_adv(D_A(B2A), 1) + cycle |A2B2A - A| + identity |A2A - A|
            + cam l_cam(G_B2A; B, A) + face_id (1 - cos(F(A), F(A2B)))
    L_G   = L_G_A + L_G_B

with the terms of :mod:`retable.methods.cartoon.losses`. The weights come from the released code, because the arXiv text
does not print them. A row chooses the images it sees (``stream``) and what it starts from (``from_basic``); subclasses
also choose how the groups are weighed and what they share: the full transfer, with selective back-propagation, is
:mod:`retable.methods.cartoon.transfer`, and Baseline 3 :mod:`retable.methods.cartoon.baseline3`. Rows of this class
(Section 4, Fig. 4):

- Basic: photo2cartoon on group 0 alone, young women (Section 3.1). At test time every group goes through it. Every
  other row but Baseline 1 starts from its networks, discriminators included.
- Baseline 1: all groups mixed, their labels ignored, group 0 most of them because it has most images.
- Baseline 2: Basic fine-tuned on groups 1 to 3 merged, nothing frozen; group 0 is never seen again.

Differences from the paper:

- The weights (adv 1, cycle 50, identity 10, cam 1000, face_id 1), Adam's settings and the schedule are those of the
  released code; the text's own are not known to us.
- D's update comes first and learns from the same generated images as the generators' update, as in the code, but they
  are detached: the code lets D's loss flow into the generators and then throws those gradients away.
- The batch's images of both domains, and the images that a generator is to leave as they are, go through it together:
  no layer mixes the rows of a batch, so this changes nothing but the time.
- Augmentation follows the code (mirror, enlarge by 286/256, crop) with bilinear interpolation on tensors.
- How long Basic was trained is not known (photo2cartoon's default is 1,000,000 steps; its users found about 90,000
  best), nor is Baseline 2's number of steps; the default is the second stage's 100,000. Whether Baseline 1 started from
  Basic is not said; here it starts from nothing, as a model for mixed data would.
- ``lr_d``, ``decay_from`` and the sizes of the networks are settings for short runs; their defaults are the code's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from retable.methods.cartoon.adalin import clip_shares
from retable.methods.cartoon.discriminator import Discriminators, halves
from retable.methods.cartoon.generator import Generator
from retable.methods.cartoon.losses import l_1, l_adv, l_cam, l_face, l_group
from retable.methods.cartoon.recogniser import Recogniser
from retable.methods.method import Info, Method, MethodSettings
from retable.methods.schedules import linear_decay, set_learning_rates
from retable.methods.training import Frozen, held, mirror_and_crop
from retable.methods.types import Count, CountOrNone, Factor, Kept, Rate, Share, Weight, at_least

Stream = Literal["woman", "mixed", "rare", "rare-groups", "groups"]
Layers = Annotated[int, at_least(3, "layers of a discriminator")]


class CartoonSettings(MethodSettings):
    """Settings of every row of the cartoon paper."""

    steps: int = 100_000
    batch_size: int = 1
    stream: Stream = "woman"
    """Images to learn from: ``woman`` is group 0, ``mixed`` all groups and ``rare`` groups 1 to 3 without their labels;
    ``groups`` and ``rare-groups`` have them."""
    from_basic: bool = False
    """Whether to start from Basic's networks."""
    width: Count = 32
    """Channels of a generator's first layer."""
    depth: CountOrNone = 4
    """Levels of every hourglass; at 0 one unit of each is left."""
    blocks: Count = 4
    """Encoding and decoding blocks of a generator."""
    light: bool = False
    """Pool before the generator's FC layers (photo2cartoon's small model)."""
    hourglasses: bool = True
    """Whether a generator's trunk has its two hourglasses; the branches always have theirs."""
    width_d: Count = 32
    """Channels of a discriminator's first layer."""
    layers_d: tuple[Layers, Layers] = (7, 5)
    """Layers of the global and of the local discriminator."""
    adv: Weight = 1.0
    cycle: Weight = 50.0
    identity: Weight = 10.0
    cam: Weight = 1000.0
    face_id: Weight = 1.0
    """Weight of the Face-ID term; 0 does without a recogniser, which photo2cartoon advises where it destabilises."""
    cls: Weight = 1.0
    """Weight of the group classification in the generators' loss, over the mean of the four discriminators."""
    lr: Rate = 1e-4
    """Adam's learning rate for the generators."""
    lr_d: Rate = 1e-4
    """Adam's learning rate for the discriminators."""
    beta1: Kept = 0.5
    weight_decay: Weight = 1e-4
    """Adam's L2 penalty, for both."""
    decay_from: Share = 0.5
    """Fraction of the steps after which both learning rates fall linearly to zero."""
    enlarge: Factor = 286 / 256
    """How much larger images are made before a random crop brings them back; 1 leaves them as they are."""


@dataclass
class Pass:
    """Everything that the generators' loss looks at, for some rows of a batch; every tensor's first axis is a row."""

    photo: Tensor
    cartoon: Tensor
    group: Tensor
    a2b: Tensor
    b2a: Tensor
    a2a: Tensor
    b2b: Tensor
    a2b2a: Tensor
    b2a2b: Tensor
    cam_a2b: Tensor
    """CAM logits of G_A2B for A (to be translated)."""
    cam_b2b: Tensor
    """CAM logits of G_A2B for B (its own domain)."""
    cam_b2a: Tensor
    cam_a2a: Tensor

    @classmethod
    def joined(cls, passes: Iterable[Pass]) -> Pass:
        """The rows of several passes, one after the other."""
        several = list(passes)
        return cls(*(torch.cat([getattr(one, field.name) for one in several]) for field in fields(cls)))


class CartoonMethod(Method):
    """Basic and Baselines 1 and 2; base of the other rows."""

    Settings: ClassVar[type[MethodSettings]] = CartoonSettings
    task: ClassVar[str] = "cartoon-groups"
    needs: ClassVar[Mapping[str, str]] = {"recogniser": "cartoon/recogniser", "basic": "cartoon/basic"}
    watch: ClassVar[tuple[str, ...]] = ("l_cycle", "l_identity", "l_cam", "l_adv")
    branches: ClassVar[bool] = False
    """Whether every group has its own branch and the discriminators tell the groups apart."""

    g_ab: nn.Module
    g_ba: nn.Module
    d_a: nn.Module
    d_b: nn.Module
    face: Frozen

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.groups = len(info.classes["group"])
        self.g_ab, self.g_ba = self.generator(), self.generator()
        self.d_a, self.d_b = self.discriminators("photo"), self.discriminators("cartoon")

    @classmethod
    def needed(cls, settings: Any) -> Mapping[str, str]:
        """The recogniser where there is a Face-ID term, and Basic where its networks are the start."""
        wanted = {"recogniser": settings.face_id > 0, "basic": settings.from_basic}
        return {role: name for role, name in cls.needs.items() if wanted[role]}

    def generator(self) -> nn.Module:
        """A new generator."""
        s = self.settings
        groups = self.groups if self.branches else 1
        return Generator(
            self.info.image_size,
            self.info.channels["photo"],
            s.width,
            s.depth,
            s.blocks,
            light=s.light,
            hourglasses=s.hourglasses,
            groups=groups,
        )

    def discriminators(self, domain: str) -> nn.Module:
        """The new discriminators of a domain."""
        s, size = self.settings, self.info.image_size
        if size < 3 * 2 ** (max(s.layers_d) - 2):
            raise ValueError(
                f"a discriminator of {max(s.layers_d)} layers needs images of at least "
                f"{3 * 2 ** (max(s.layers_d) - 2)} pixels, not {size}; change task.size or method.layers_d"
            )
        groups = self.groups if self.branches else 0
        return Discriminators(self.info.channels[domain], s.width_d, s.layers_d, groups)

    def start_from(self, role: str, other: Method) -> None:
        """Take the recogniser, frozen, or the trained networks of Basic."""
        if role == "recogniser" and isinstance(other, Recogniser):
            self.face = Frozen(deepcopy(other.embed))
        elif role == "basic" and isinstance(other, CartoonMethod):
            for name in ("g_ab", "g_ba", "d_a", "d_b"):
                self.take_over(getattr(self, name), getattr(other, name))
        else:
            raise ValueError(f"{type(self).__name__} cannot start from {type(other).__name__} as {role!r}")

    def take_over(self, mine: Any, theirs: nn.Module) -> None:
        """Fill one of our networks from Basic's."""
        mine.start_from(theirs)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam ``g`` over both generators and ``d`` over all discriminators."""
        return {"g": self.adam(self.g_ab, self.g_ba), "d": self.adam(self.d_a, self.d_b)}

    def adam(self, *networks: nn.Module) -> Optimizer:
        """Adam over what is trained of these networks."""
        s = self.settings
        parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
        return Adam(parameters, lr=s.lr, betas=(s.beta1, 0.999), weight_decay=s.weight_decay, fused=True)

    def schedule(self, step: int) -> None:
        """Set the learning rates of this step."""
        s = self.settings
        factor = linear_decay(step, s.steps, s.decay_from)
        set_learning_rates(self.opt, factor, g=s.lr, branches=s.lr, d=s.lr_d)

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """One update of the discriminators and one of the generators.

        ``{"photo": [N, 3, S, S], "cartoon": [N, 3, S, S]}`` in [-1, 1] and, for rows that know them, ``group [N]``.
        """
        self.schedule(step)
        photo, cartoon = (mirror_and_crop(batch[name], self.settings.enlarge) for name in ("photo", "cartoon"))
        group = batch.get("group", torch.zeros(len(photo), dtype=torch.int64, device=photo.device))
        made = self.generate(photo, cartoon, group)
        values = {"l_d": self.update_discriminators(made)}
        return values | self.update_generators(made)

    def generate(self, photo: Tensor, cartoon: Tensor, group: Tensor) -> Pass:
        """Both generators on both domains, and back."""
        n, twice = len(photo), torch.cat([group, group])
        to_b, cam_b = self.g_ab(torch.cat([photo, cartoon]), twice)
        to_a, cam_a = self.g_ba(torch.cat([cartoon, photo]), twice)
        a2b, b2b, b2a, a2a = to_b[:n], to_b[n:], to_a[:n], to_a[n:]
        a2b2a, b2a2b = self.g_ba(a2b, group)[0], self.g_ab(b2a, group)[0]
        return Pass(photo, cartoon, group, a2b, b2a, a2a, b2b, a2b2a, b2a2b, cam_b[:n], cam_b[n:], cam_a[:n], cam_a[n:])

    def weights(self, group: Tensor) -> Tensor:
        """How much every row of the batch counts, ``[N]``: here all the same, with sum 1."""
        return torch.full(group.shape, 1 / len(group), device=group.device)

    def weights_d(self, group: Tensor) -> Tensor:
        """The same for the discriminators' loss."""
        return self.weights(group)

    def update_discriminators(self, made: Pass) -> Tensor:
        """L_D, with the group classification of real images where there is one; gives its value."""
        loss = made.photo.new_zeros(len(made.group))
        for network, real, fake in ((self.d_a, made.photo, made.b2a), (self.d_b, made.cartoon, made.a2b)):
            seen = network(torch.cat([real, fake.detach()]), torch.cat([made.group, made.group]))
            real_seen, fake_seen = halves(seen)
            loss = loss + self.settings.adv * (l_adv(real_seen, 1.0) + l_adv(fake_seen, 0.0))
            if self.branches:
                loss = loss + l_group(real_seen, made.group)
        total = (self.weights_d(made.group) * loss).sum()
        self.update(self.opt["d"], total)
        return total.detach()

    def update_generators(self, made: Pass) -> dict[str, Tensor]:
        """L_G of all rows and one step; gives the terms' values, weighted over the batch."""
        terms = self.terms(made)
        weights = self.weights(made.group)
        self.step_generators("g", (weights * self.total(terms)).sum())
        return self.values(terms, weights)

    def step_generators(self, name: str, loss: Tensor) -> None:
        """Update by one of the generators' optimisers, and keep their normalisations' shares in [0, 1]."""
        self.update(self.opt[name], loss)
        for network in (self.g_ab, self.g_ba):
            clip_shares(network)

    def terms(self, made: Pass) -> dict[str, Tensor]:
        """The generators' losses, both directions together, unweighted: name -> ``[N]``."""
        with ExitStack() as stack:
            for network in (self.d_a, self.d_b):
                stack.enter_context(held(network))
            seen = [*self.d_a(made.b2a, made.group), *self.d_b(made.a2b, made.group)]
        terms = {
            "adv": l_adv(seen, 1.0),
            "cycle": l_1(made.a2b2a, made.photo) + l_1(made.b2a2b, made.cartoon),
            "identity": l_1(made.a2a, made.photo) + l_1(made.b2b, made.cartoon),
            "cam": l_cam(made.cam_b2a, made.cam_a2a) + l_cam(made.cam_a2b, made.cam_b2b),
        }
        if self.settings.face_id:
            terms["face_id"] = l_face(*self.faces(made.photo, made.a2b)) + l_face(*self.faces(made.cartoon, made.b2a))
        if self.branches:
            terms["cls"] = l_group(seen, made.group) / len(seen)
        return terms

    def faces(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The recogniser's features of images and of what became of them; gradients reach the second alone."""
        with torch.no_grad():
            wanted = self.face(real)
        return wanted, self.face(fake)

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of terms: ``[N]``."""
        first = next(iter(terms.values()))
        return sum((getattr(self.settings, name) * term for name, term in terms.items()), torch.zeros_like(first))

    def values(self, terms: Mapping[str, Tensor], weights: Tensor) -> dict[str, Tensor]:
        """Every term's mean over the batch under the weights, for the curves."""
        share = weights / weights.sum()
        return {f"l_{name}": (share * term).sum().detach() for name, term in terms.items()}

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Images of one domain -> of the other, float32 ``[N, 3, S, S]`` in [-1, 1].

        ``image [N, 3, S, S]`` in [-1, 1]; ``group [N]`` (0 where it is not given) chooses the branch; ``to [N]`` the
        domain, 1 (the default) for cartoons and 0 for photographs.
        """
        images = inputs["image"]
        zeros = torch.zeros(len(images), dtype=torch.int64, device=images.device)
        group, to = inputs.get("group", zeros), inputs.get("to", zeros + 1)
        out = torch.empty_like(images)
        with torch.no_grad():
            for domain, network in ((0, self.g_ba), (1, self.g_ab)):
                chosen = to == domain
                if chosen.any():
                    out[chosen] = network(images[chosen], group[chosen])[0].to(out.dtype)
        return out.float()
