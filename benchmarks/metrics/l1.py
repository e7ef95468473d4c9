"""Mean absolute difference to the truth, of pixels in 0..1. Reference: `torch.nn.functional.l1_loss`.

It sees colours and positions and nothing of what an image shows: read it beside LPIPS, which is the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.features import score_means
from retable.benchmarks.metrics.images import check_images
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("`torch.nn.functional.l1_loss`, halved", "sums in another order", relative=1e-6)


def l1(x: Tensor, y: Tensor) -> NDArray[np.float64]:
    """Mean absolute difference of every image to its counterpart, float64 ``[N]`` in 0..1; lower is closer.

    Args:
        x: float32 ``[N, 1 or 3, H, W]`` in [-1, 1].
        y: float32 of the same shape.

    Raises:
        UserError: the two do not fit together, or are not images in [-1, 1].
    """
    check_images(x)
    check_images(y)
    if x.shape != y.shape:
        raise UserError(f"l1 compares images one by one, got shapes {list(x.shape)} and {list(y.shape)}")
    return np.asarray(((x.double() - y.double()).abs() / 2).flatten(1).mean(1).cpu())


def score_l1(question: Question) -> Iterator[Score]:
    """``l1``: mean distance to the truth, in 0..1, lower is better."""
    if (truth := question.answer.truth) is None:
        raise UserError(f"metric 'l1' needs a true image for every answer to {question.answer.request!r}")
    yield from score_means(question, "l1", l1(question.answer.images, truth), "lower")
