"""Basic's training step as the recipe tells it, one pass after the other: what ours is compared with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss, mse_loss

from retable.methods.cartoon.adalin import clip_shares


class PlainLoop:
    """On the networks and optimisers of a row without branches and without Face-ID."""

    def __init__(self, method: Any) -> None:
        self.m, self.s = method, method.settings

    def translate(self, network: Any, image: Tensor) -> tuple[Tensor, Tensor]:
        """An image of the other domain and the CAM logits."""
        made: tuple[Tensor, Tensor] = network(image, torch.zeros(len(image), dtype=torch.int64))
        return made

    def adversarial(self, network: Any, image: Tensor, target: float) -> Tensor:
        """LSGAN of both discriminators of a domain, on patches and on CAM logits."""
        total = torch.zeros((), dtype=image.dtype)
        for one in network.both:
            seen = one(image)
            for logits in (seen.patches, seen.cam):
                total = total + mse_loss(logits, torch.full_like(logits, target))
        return total

    def step(self, photo: Tensor, cartoon: Tensor) -> None:
        """Images ``[N, 3, S, S]`` in [-1, 1] of both domains: D's update, then G's with images made anew."""
        self.update_discriminators(photo, cartoon)
        self.update_generators(photo, cartoon)

    def update_discriminators(self, photo: Tensor, cartoon: Tensor) -> None:
        """As the released code does: fakes keep their graph, whose gradients are thrown away."""
        m = self.m
        fakes = (self.translate(m.g_ba, cartoon)[0], self.translate(m.g_ab, photo)[0])
        total = torch.zeros((), dtype=photo.dtype)
        for network, real, fake in ((m.d_a, photo, fakes[0]), (m.d_b, cartoon, fakes[1])):
            total = total + self.adversarial(network, real, 1.0) + self.adversarial(network, fake, 0.0)
        m.opt["d"].zero_grad()
        (self.s.adv * total).backward()
        m.opt["d"].step()

    def update_generators(self, photo: Tensor, cartoon: Tensor) -> None:
        """Six passes of the generators, one after the other."""
        m, s = self.m, self.s
        a2b, cam_a2b = self.translate(m.g_ab, photo)
        b2a, cam_b2a = self.translate(m.g_ba, cartoon)
        a2b2a, b2a2b = self.translate(m.g_ba, a2b)[0], self.translate(m.g_ab, b2a)[0]
        a2a, cam_a2a = self.translate(m.g_ba, photo)
        b2b, cam_b2b = self.translate(m.g_ab, cartoon)
        told = binary_cross_entropy_with_logits
        total = s.adv * (self.adversarial(m.d_a, b2a, 1.0) + self.adversarial(m.d_b, a2b, 1.0))
        total = total + s.cycle * (l1_loss(a2b2a, photo) + l1_loss(b2a2b, cartoon))
        total = total + s.identity * (l1_loss(a2a, photo) + l1_loss(b2b, cartoon))
        total = total + s.cam * (told(cam_a2b, torch.ones_like(cam_a2b)) + told(cam_b2a, torch.ones_like(cam_b2a)))
        total = total + s.cam * (told(cam_b2b, torch.zeros_like(cam_b2b)) + told(cam_a2a, torch.zeros_like(cam_a2a)))
        m.opt["g"].zero_grad()
        total.backward()
        m.opt["g"].step()
        for network in (m.g_ab, m.g_ba):
            clip_shares(network)
