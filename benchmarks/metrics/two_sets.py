"""Scores of one set of images against another, whoever made them: what ``retable score`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from retable.benchmarks.errors import UserError, unknown
from retable.benchmarks.metrics.cache import cached
from retable.benchmarks.metrics.density_coverage import density_coverage_of
from retable.benchmarks.metrics.features import NETWORKS, Sides
from retable.benchmarks.metrics.fid import fid_of
from retable.benchmarks.metrics.image_sets import ImageSet
from retable.benchmarks.metrics.kid import kid_of
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.networks.extractors import EXTRACTORS, Extractor, get_extractor
from retable.benchmarks.metrics.networks.trunks import TRUNKS
from retable.benchmarks.metrics.precision_recall import precision_recall_of
from retable.reports.records.score import Score

OF_FEATURES: Mapping[str, Callable[[Sides], Iterator[Score]]] = {
    "fid": fid_of,
    "kid": kid_of,
    "precision_recall": precision_recall_of,
    "density_coverage": density_coverage_of,
}
"""Metrics that compare features, of which only these are held."""
OF_IMAGES = ("lpips_diversity", "intra_lpips", "nearest_shot")
"""Metrics that need the images themselves, all of one size; of the last two, the real set holds the training images."""
METRICS = (*OF_FEATURES, *OF_IMAGES)
Tell = Callable[[str, int, int], None]
"""Told what is being done, how far it is, and how far it goes."""


def score_sets(
    fake: ImageSet,
    real: ImageSet,
    metrics: Sequence[str],
    extractor: str,
    *,
    cache: Path | None = None,
    device: str = "cpu",
    seed: int = 0,
    tell: Tell | None = None,
) -> list[Score]:
    """Every metric of the generated set against the real one, in the order asked for.

    Args:
        fake: the generated images, of any sizes.
        real: what they are compared with.
        metrics: of :data:`METRICS`.
        extractor: ``lite0`` or another network that looks at the images.
        cache: folder that keeps features by the images' content; none by default.
        device: where networks run.
        seed: of KID's subsets.
        tell: told the progress.

    Raises:
        UserError: an unknown metric or network, one that the network cannot serve, too few images, or images of
            different sizes for LPIPS.
        DataError: an image that cannot be read.
    """
    for name in metrics:
        if name not in METRICS:
            raise UserError(unknown("metric", name, METRICS))
        if extractor not in NETWORKS:
            raise UserError(unknown("extractor", extractor, NETWORKS))
        known = EXTRACTORS if name in OF_FEATURES else TRUNKS
        if extractor not in known:
            raise UserError(f"metric {name!r} can use {', '.join(sorted(known))}, not {extractor!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no GPU here")
    if not metrics:
        raise UserError(f"no metric is named; there are {', '.join(METRICS)}")
    scores: list[Score] = []
    data = "two sets of images"
    features: list[NDArray[np.float32]] = []
    images: dict[ImageSet, Answer] = {}

    def whole(one: ImageSet) -> Answer:
        if one not in images:
            images[one] = Answer("images", one.whole(_part(tell, one)))
        return images[one]

    for metric in metrics:
        if metric in OF_FEATURES:
            network = get_extractor(extractor, device)
            features = features or [_features(one, network, cache, tell) for one in (fake, real)]
            # Of the images only the features are held.
            question = Question(metric, Answer("images", torch.empty(0)), data=data, seed=seed)
            scores += OF_FEATURES[metric](Sides(question, network, question.whole, *features))
            continue
        reference = None if metric == "lpips_diversity" else whole(real)
        more = {"extractors": (extractor,), "data": data, "seed": seed, "device": device}
        scores += measure(Question(metric, whole(fake), reference, **more))  # type: ignore[arg-type]
    return scores


def _part(tell: Tell | None, images: ImageSet) -> Callable[[int, int], None] | None:
    return None if tell is None else lambda done, total: tell(f"reading {images.path}", done, total)


def _features(images: ImageSet, extractor: Extractor, cache: Path | None, tell: Tell | None) -> NDArray[np.float32]:
    """Pooled features ``[N, d]``: of a few images at a time, so that their number is bounded by the features' size."""

    def compute() -> NDArray[np.float32]:
        return np.concatenate([extractor.features(batch) for batch in images.batches(_part(tell, images))])

    if cache is None:
        return compute()
    kind = torch.device(extractor.device).type
    key = f"set|{images.digest()}|{extractor.name}|{extractor.digest}|{extractor.resize}|{kind}"
    return cached(key, cache, compute)
