"""Layer-instance normalisation with learned and with predicted scale (U-GAT-IT, Kim et al. 2020, arXiv 1907.10830).

Soft-AdaLIN is photo2cartoon's: the scale and shift are a learned mixture of what the style and what the content of the
same depth in the encoder ask for.

The shares rho and w lie in [0, 1]. They are clipped after every step (:func:`clip_shares`) and not on the way through
the network: there, a share at 0, where w and LIN's rho start, would have no gradient and stay for ever.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPS = 1e-5


def layer_instance(x: Tensor, rho: Tensor) -> Tensor:
    """rho IN(x) + (1 - rho) LN(x) of ``[N, C, H, W]``, with rho ``[1, C, 1, 1]`` in [0, 1]."""
    variance, mean = torch.var_mean(x, (2, 3), keepdim=True)
    of_all, centre = torch.var_mean(x, (1, 2, 3), keepdim=True)
    return rho * (x - mean) * (variance + EPS).rsqrt() + (1 - rho) * (x - centre) * (of_all + EPS).rsqrt()


class Lin(nn.Module):
    """LIN with learned scale and shift; rho starts at 0, which is layer norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.gamma = nn.Parameter(torch.ones(1, width, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, width, H, W]`` -> the same."""
        return layer_instance(x, self.rho) * self.gamma + self.beta


class SoftAdaLin(nn.Module):
    """gamma = (1 - w) s(style) + w c(content), beta likewise; rho starts at 0.9, w at 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((1, width, 1, 1), 0.9))
        self.w_gamma = nn.Parameter(torch.zeros(1, width))
        self.w_beta = nn.Parameter(torch.zeros(1, width))
        self.c_gamma = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.c_beta = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.s_gamma = nn.Linear(width, width)
        self.s_beta = nn.Linear(width, width)

    def forward(self, x: Tensor, content: Tensor, style: Tensor) -> Tensor:
        """``[N, width, H, W]``, content and style ``[N, width]`` -> ``[N, width, H, W]``."""
        gamma = (1 - self.w_gamma) * self.s_gamma(style) + self.w_gamma * self.c_gamma(content)
        beta = (1 - self.w_beta) * self.s_beta(style) + self.w_beta * self.c_beta(content)
        out: Tensor = layer_instance(x, self.rho) * gamma[..., None, None] + beta[..., None, None]
        return out


def clip_shares(network: nn.Module) -> None:
    """Bring every rho and w of a network back into [0, 1], in place; called after each step of its optimiser."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, Lin | SoftAdaLin):
                layer.rho.clamp_(0, 1)
            if isinstance(layer, SoftAdaLin):
                layer.w_gamma.clamp_(0, 1)
                layer.w_beta.clamp_(0, 1)


class SoftAdaLinBlock(nn.Module):
    """Residual block of two 3 x 3 convolutions, each followed by soft-AdaLIN."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (
            nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect", bias=False) for _ in range(2)
        )
        self.norm1, self.norm2 = SoftAdaLin(width), SoftAdaLin(width)

    def forward(self, x: Tensor, content: Tensor, style: Tensor) -> Tensor:
        """As :meth:`SoftAdaLin.forward`."""
        out: Tensor = self.norm1(self.conv1(x), content, style).relu()
        out = self.norm2(self.conv2(out), content, style)
        return x + out
