"""Share of images that a classifier takes for what they should be: DTN (arXiv 1611.02200) Tables 1, 3; StarGAN Table 3.
Reference: scikit-learn's `accuracy_score`; ties go to the lower class, as in `torch.argmax`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from retable.benchmarks.errors import UserError


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Percentage of rows whose largest logit is the label's.

    Args:
        logits: float ``[N, classes]`` with N >= 1, finite.
        labels: int64 ``[N]`` in 0..classes - 1.

    Raises:
        UserError: shapes do not fit, a logit is not finite, or a label is no class.
    """
    if logits.ndim != 2 or labels.ndim != 1 or len(logits) != len(labels) or len(labels) == 0:
        raise UserError(
            f"accuracy needs logits [N, classes] and labels [N], got {list(logits.shape)} and {list(labels.shape)}"
        )
    if not bool(torch.isfinite(logits).all()):
        raise UserError("accuracy: the classifier's logits are not all finite")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= logits.shape[1]:
        raise UserError(
            f"accuracy: labels span {low}..{high}, but the classifier knows classes 0..{logits.shape[1] - 1}"
        )
    return 100.0 * float((logits.argmax(dim=1) == labels.to(logits.device)).double().mean())


def classification_error(logits: Tensor, labels: Tensor) -> float:
    """Percentage of rows whose largest logit is not the label's; arguments and errors as :func:`accuracy`."""
    return 100.0 - accuracy(logits, labels)
