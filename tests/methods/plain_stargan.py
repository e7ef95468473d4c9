"""StarGAN's training step as the recipe tells it, line by line and with no short cut: what ours is compared with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Adam

from retable.methods.stargan.networks import Critic, Generator


class PlainLoop:
    """One data set with one class an image; the same random numbers in the same order as ours."""

    def __init__(self, g: Generator, d: Critic, labels: int, lr: float, critic_steps: int = 5) -> None:
        self.g, self.d, self.labels, self.critic_steps = g, d, labels, critic_steps
        self.opt_g = Adam(g.parameters(), lr=lr, betas=(0.5, 0.999))
        self.opt_d = Adam(d.parameters(), lr=lr, betas=(0.5, 0.999))

    def step(self, image: Tensor, label: Tensor, step: int) -> None:
        """Images ``[N, 3, S, S]`` in [-1, 1] and their classes ``[N]``."""
        mirrored = torch.rand(len(image), 1, 1, 1) < 0.5
        x = torch.where(mirrored, image.flip(3), image)
        wanted = label[torch.randperm(len(label))]
        c_org = functional.one_hot(label, self.labels).float()
        c_trg = functional.one_hot(wanted, self.labels).float()

        patches, kinds = self.d(x)
        l_real, l_cls = -patches.mean(), functional.cross_entropy(kinds, label)
        fake = self.g(x, c_trg)
        l_fake = self.d(fake.detach())[0].mean()
        alpha = torch.rand(len(x), 1, 1, 1)
        x_hat = (alpha * x + (1 - alpha) * fake.detach()).requires_grad_(True)
        out = self.d(x_hat)[0]
        gradient = torch.autograd.grad(out, x_hat, torch.ones_like(out), retain_graph=True, create_graph=True)[0]
        l_gp = ((gradient.view(len(x), -1).square().sum(1).sqrt() - 1) ** 2).mean()
        self.clear()
        (l_real + l_fake + l_cls + 10 * l_gp).backward()
        self.opt_d.step()

        if (step + 1) % self.critic_steps == 0:
            fake = self.g(x, c_trg)
            patches, kinds = self.d(fake)
            l_rec = (x - self.g(fake, c_org)).abs().mean()
            self.clear()
            (-patches.mean() + 10 * l_rec + functional.cross_entropy(kinds, wanted)).backward()
            self.opt_g.step()

    def clear(self) -> None:
        """Forget all gradients, of both networks."""
        self.opt_g.zero_grad()
        self.opt_d.zero_grad()
