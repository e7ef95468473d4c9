"""The losses of the domain transfer network, as the equations stand.

Source: Taigman, Polyak & Wolf, ICLR 2017, arXiv 1611.02200, Section 4. ``s`` is the source domain,
``t`` the target domain, ``f`` the frozen encoder, ``G = g(f(.))`` and ``D`` a ternary classifier. Every loss is a
scalar, a mean over the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FROM_S, FROM_T, REAL = 0, 1, 2
"""What the three outputs of D stand for, D1 to D3 in the paper: ``G(s)``, ``G(t)``, and a true image of ``t``."""


def nll(logits: Tensor, role: int) -> Tensor:
    """``- E log D_role``: logits ``[N, roles]`` -> mean cross-entropy against one role for the whole batch."""
    target = torch.full((len(logits),), role, dtype=torch.long, device=logits.device)
    return functional.cross_entropy(logits.float(), target)


def l_d(d_s: Tensor, d_t: Tensor, d_real: Tensor) -> Tensor:
    """``L_D = - E_s log D1(G(x)) - E_t log D2(G(x)) - E_t log D3(x)``; each argument is logits ``[N, 3]``."""
    return nll(d_s, FROM_S) + nll(d_t, FROM_T) + nll(d_real, REAL)


def l_gang(d_s: Tensor, d_t: Tensor) -> Tensor:
    """``L_GANG = - E_s log D3(G(x)) - E_t log D3(G(x))``; each argument is logits ``[N, 3]``."""
    return nll(d_s, REAL) + nll(d_t, REAL)


def l_const(code: Tensor, code_of_output: Tensor) -> Tensor:
    """``L_CONST = E_s d(f(x), f(G(x)))``, d the mean square difference; codes ``[N, K]``."""
    return functional.mse_loss(code_of_output.float(), code.float())


def l_tid(x: Tensor, output: Tensor) -> Tensor:
    """``L_TID = E_t d2(x, G(x))``, d2 the mean square difference; images ``[N, C, H, W]``."""
    return functional.mse_loss(output.float(), x.float())


def l_tv(z: Tensor, exponent: float = 1.0) -> Tensor:
    """``L_TV(z) = sum_ij ((z_i,j+1 - z_ij)^2 + (z_i+1,j - z_ij)^2)^(B/2)``, a mean over images ``[N, C, H, W]``.

    ``exponent`` is B. The last row and column, which lack one neighbour, are left out of the sum.
    """
    z = z.float()
    across = z[..., :-1, 1:] - z[..., :-1, :-1]
    down = z[..., 1:, :-1] - z[..., :-1, :-1]
    square = across**2 + down**2
    # the root has no gradient at zero, where flat images are: a floor far below one grey level
    return (square + 1e-8).pow(exponent / 2).sum() / len(z)


def l_d_binary(d_fake: Tensor, d_real: Tensor) -> Tensor:
    """R_GAN of Section 3, as D sees it: ``- E_s log(1 - D(G(x))) - E_t log D(x)``; logits ``[N, 2]``, 1 is real."""
    return nll(d_fake, 0) + nll(d_real, 1)


def l_g_binary(d_fake: Tensor) -> Tensor:
    """R_GAN of Section 3, as G sees it, in the non-saturating form ``- E_s log D(G(x))``; logits ``[N, 2]``."""
    return nll(d_fake, 1)
