"""How MixDL mixes its anchors: rows of coefficients over latents (arXiv 2111.11672, Table 6), and its settings."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel
from torch import Tensor

from retable.methods.mixdl.similarity import Reading
from retable.methods.types import Count, Positive, Weight

Coefficients = Literal["dirichlet", "gaussian", "uniform"]


class MixingSettings(BaseModel):
    """What MixDL adds to the settings of the method that it is put on."""

    lambda_g: Weight = 1000.0
    """Weight of the generator's distance loss; at 0 it is not computed."""
    lambda_d: Weight = 1.0
    """Weight of the discriminator's; at 0 it is not computed, and there is no projection."""
    mix_every: Count = 2
    """One of so many steps mixes."""
    coefficients: Coefficients = "dirichlet"
    alpha: Positive = 1.0
    """Of the Dirichlet distribution."""
    reading: Reading = "code"
    """The distance loss as the released code has it, or as the paper writes it, which is about N times as strong."""


def mixing(kind: Coefficients, alpha: float, n: int, device: torch.device | str = "cpu") -> Tensor:
    """Coefficients float32 ``[n, n]``, each row non-negative with the sum one; drawn from torch's global state.

    Args:
        kind: ``dirichlet``: Dirichlet(alpha, ..., alpha); ``gaussian``: the softmax of standard normal numbers;
            ``uniform``: numbers from U(0, 1), divided by their sum.
        alpha: of the Dirichlet distribution, > 0: below one a row has few large coefficients, above many alike.
        n: number of anchors and of latents.
        device: where they are drawn.
    """
    if kind == "gaussian":
        return torch.randn(n, n, device=device).softmax(1)
    if kind == "uniform":
        numbers = torch.rand(n, n, device=device)
        return numbers / numbers.sum(1, keepdim=True)
    # Checking the arguments would wait for the device.
    return torch.distributions.Dirichlet(torch.full((n, n), float(alpha), device=device), validate_args=False).sample()


def mixture(coefficients: Tensor, parts: Tensor) -> Tensor:
    """Anchors ``[n, latent]`` from coefficients ``[n, n]`` and latents, in no less than single precision."""
    with torch.autocast(parts.device.type, enabled=False):
        return coefficients @ parts.to(torch.promote_types(parts.dtype, torch.float32))
