"""FID, precision and recall of images without their finest detail, beside the plain ones. Reference: the plain metrics.

Features made for photographs see how sharp a small image is, and not only what it shows. Here both sides lose what is
finer than two pixels before the network looks: the mean of every 2 x 2 pixels, brought back to the image's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from retable.benchmarks.metrics.cache import cached_features
from retable.benchmarks.metrics.features import both_sides
from retable.benchmarks.metrics.fid import frechet_distance
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.networks.extractors import Extractor
from retable.benchmarks.metrics.precision_recall import K, precision_recall
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("the plain metrics of filtered images", "the same code")
FILTER = "2x2 mean"


def low_pass(images: Tensor) -> Tensor:
    """``[N, C, H, W]`` -> the same shape: the mean of every 2 x 2 pixels, enlarged bilinearly.

    At an odd edge it is the mean of what there is.
    """
    means = avg_pool2d(images, 2, ceil_mode=True, count_include_pad=False)
    return interpolate(means, size=images.shape[2:], mode="bilinear", align_corners=False)


def _look(images: Tensor, extractor: Extractor, folder: Path | None) -> NDArray[np.float32]:
    return cached_features(low_pass(images), extractor, folder)


def score_low_passed(question: Question) -> Iterator[Score]:
    """``low_fid.EXTRACTOR``, lower is better, ``low_precision`` and ``low_recall``, in 0..1, higher is better."""
    for two in both_sides(question, look=_look):
        yield two.score("low_fid", frechet_distance(two.fake, two.real), "lower", detail=FILTER)
        for name, value in zip(("precision", "recall"), precision_recall(two.real, two.fake), strict=True):
            yield two.score(f"low_{name}", value, "higher", detail=f"{FILTER}, k={K}")
