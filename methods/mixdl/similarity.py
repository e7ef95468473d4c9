"""MixDL's distance loss: features of a mixture shall be as similar to its parts' as the mixture is made of them.

Paper: Kong et al., "Few-shot Image Generation with Mixup-based Distance Learning", ECCV 2022, arXiv 2111.11672. For an
anchor with the mixing coefficients c over N latents, p = softmax(c), and with the cosine similarities s of its features
to those of the N images q = softmax(s). The loss is KL(q || p), the mean over anchors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Reading = Literal["paper", "code"]


def similarities(anchors: Tensor, others: Tensor) -> Tensor:
    """Cosine similarities ``[A, N]`` in [-1, 1] of features ``[A, ...]`` to features ``[N, ...]``: one product."""
    # The loss is weighted by a thousand: a product in lower precision would be felt.
    with torch.autocast(anchors.device.type, enabled=False):
        least = torch.promote_types(anchors.dtype, torch.float32)
        a, b = (functional.normalize(x.to(least).flatten(1), dim=1) for x in (anchors, others))
        return a @ b.T


def similarities_at(layers: Sequence[int], anchors: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """The same with a layer of its own for every anchor: one product for each layer that occurs.

    Args:
        layers: A numbers of layers.
        anchors: per layer ``[A, ...]``.
        others: per layer ``[N, ...]``.
    """
    rows: dict[int, Tensor] = {}
    for layer in sorted(set(layers)):
        chosen = [row for row, wanted in enumerate(layers) if wanted == layer]
        found = similarities(anchors[layer][chosen], others[layer])
        rows.update(zip(chosen, found, strict=True))
    return torch.stack([rows[row] for row in range(len(layers))])


def distance_loss(similarity: Tensor, coefficients: Tensor, reading: Reading = "code") -> Tensor:
    """How far the similarities are from the mixture, a scalar >= 0.

    Args:
        similarity: cosine similarities ``[A, N]``.
        coefficients: of the mixture ``[A, N]``.
        reading: ``paper``: KL(q || p), the mean over anchors. ``code``: what the released code computes, KL(p || q)
            divided by A N.
    """
    log_p, log_q = coefficients.log_softmax(1), similarity.log_softmax(1)
    if reading == "code":
        return (log_p.exp() * (log_p - log_q)).mean()
    return (log_q.exp() * (log_q - log_p)).sum(1).mean()
