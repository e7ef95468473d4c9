"""The terms of the objective, each one number per image ``[N]``, so that a row can weigh its groups.

Source: photo2cartoon's objective (U-GAT-IT, arXiv 1907.10830, Section 2.2, with LSGAN for every adversarial term), its
Face-ID term, and the few-shot paper's group classification, which is a square error against one-hot labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from retable.methods.cartoon.discriminator import Seen


def l_adv(seen: Sequence[Seen], target: float) -> Tensor:
    """LSGAN: sum over discriminators of (logit - target)^2, on patches and, separately, on CAM logits: ``[N]``."""
    terms = [per_image((logits - target) ** 2) for one in seen for logits in (one.patches, one.cam)]
    return torch.stack(terms).sum(0)


def l_group(seen: Sequence[Seen], group: Tensor) -> Tensor:
    """Sum over discriminators of the mean square error between the groups' scores and one-hot labels: ``[N]``."""
    terms = []
    for one in seen:
        truth = functional.one_hot(group, one.groups.shape[1]).to(one.groups.dtype)
        terms.append(per_image((one.groups - truth) ** 2))
    return torch.stack(terms).sum(0)


def l_cam(from_other: Tensor, from_own: Tensor) -> Tensor:
    """Binary cross-entropy of a generator's CAM logits ``[N, 2]``: 1 for images to translate, 0 for its own domain."""
    told = functional.binary_cross_entropy_with_logits(from_other, torch.ones_like(from_other), reduction="none")
    own = functional.binary_cross_entropy_with_logits(from_own, torch.zeros_like(from_own), reduction="none")
    return per_image(told) + per_image(own)


def l_1(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference of every image: ``[N]``."""
    return per_image((one - other).abs())


def l_face(one: Tensor, other: Tensor) -> Tensor:
    """1 - cosine of a recogniser's features ``[N, d]``: ``[N]`` in [0, 2]."""
    return 1 - functional.cosine_similarity(one, other)


def per_image(values: Tensor) -> Tensor:
    """Mean over everything but the first axis."""
    return values.flatten(1).mean(1)
