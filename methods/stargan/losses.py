"""StarGAN's adversarial losses: Wasserstein with gradient penalty (Choi et al. 2018, Eq. 8; Gulrajani et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from retable.methods.stargan.networks import judged


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """E (|grad D_src(x^)| - 1)^2, a scalar, with x^ on the line between every real image and its fake.

    An image's place on its line is uniform, and D_src(x^) is the sum over its patches, as in the released code.

    Args:
        critic: D.
        real: images ``[N, C, H, W]``.
        fake: as many, detached.
    """
    alpha = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    patches, _ = judged(critic, between)
    (gradient,) = torch.autograd.grad(patches.sum(), between, create_graph=True)
    norm = gradient.flatten(1).norm(dim=1)
    penalty: Tensor = (norm - 1).square().mean()
    return penalty
