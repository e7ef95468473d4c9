"""What the metrics share: from a question to features of both sides, the networks it names, and means per slice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from retable.benchmarks.errors import UserError, unknown
from retable.benchmarks.metrics.cache import Remembering, cached_features
from retable.benchmarks.metrics.measure import Direction, Interval, Question
from retable.benchmarks.metrics.networks.extractors import EXTRACTORS, Extractor, get_extractor
from retable.benchmarks.metrics.networks.trunks import TRUNKS, Trunk, get_trunk, weights_file
from retable.reports.records.score import Score

Features = NDArray[np.floating]
Look = Callable[[Tensor, Extractor, Path | None], NDArray[np.float32]]
NETWORKS = frozenset({*EXTRACTORS, *TRUNKS})


@dataclass(frozen=True)
class Sides:
    """What one extractor sees of generated and of real images, in one slice."""

    question: Question
    extractor: Extractor
    part: dict[str, str]
    fake: NDArray[np.float32]
    """``[n, d]``."""
    real: NDArray[np.float32]
    """``[m, d]``."""

    def score(
        self, name: str, value: float, direction: Direction, *, detail: str = "", interval: Interval = None
    ) -> Score:
        """A score of this slice, as :meth:`Question.score`."""
        n, m = len(self.fake), len(self.real)
        return self.question.score(
            name, value, self.part, direction, self.extractor, interval=interval, n_real=m, n_fake=n, detail=detail
        )


def both_sides(question: Question, look: Look = cached_features) -> Iterator[Sides]:
    """Features of the answer and of the reference, for every extractor and slice.

    A slice of the answer is compared with the same slice of the reference, or with all of it if that lacks the label.
    """
    reference = question.needs_reference()
    same = question.by is not None and question.by in reference.labels
    for extractor in extractors_of(question):
        fake = look(question.answer.images, extractor, None)
        real = look(reference.images, extractor, question.cache)
        for part, chosen in question.slices():
            theirs = real
            if same and len(part) > 1:
                value = question.labels(question.by)[chosen][0]
                theirs = real[(question.labels(question.by, of=reference) == value).numpy()]
            yield Sides(question, extractor, part, fake[chosen.numpy()], theirs)


def score_means(
    question: Question,
    name: str,
    values: NDArray[np.float64],
    direction: Direction,
    network: Extractor | Trunk | None = None,
) -> Iterator[Score]:
    """The mean of one value per image, over everything and per slice; every image has its counterpart."""
    for part, chosen in question.slices():
        few = values[chosen.numpy()]
        yield question.score(name, float(few.mean()), part, direction, network, n_real=len(few), n_fake=len(few))


def extractors_of(question: Question) -> Iterator[Extractor]:
    """The question's extractors of pooled features."""
    for name in _usable(question, EXTRACTORS):
        yield get_extractor(name, question.device)


def trunks_of(question: Question, *, remembering: bool = False) -> Iterator[Trunk]:
    """The question's LPIPS trunks; ``remembering`` where another metric looks at the same images next."""
    for name in _usable(question, TRUNKS):
        trunk = get_trunk(name, question.device)
        yield Remembering(**vars(trunk)) if remembering else trunk


def _usable(question: Question, known: Collection[str]) -> list[str]:
    """Those of the question's extractors that this metric can use, at least one. Unknown names are errors."""
    for name in question.extractors:
        if name not in NETWORKS:
            raise UserError(unknown("extractor", name, NETWORKS))
    names = [name for name in question.extractors if name in known]
    if not names:
        asked = ", ".join(question.extractors) or "none"
        raise UserError(
            f"metric {question.metric!r} can use {', '.join(sorted(known))}; the extractors asked for are {asked}"
        )
    return names


def check_available(name: str) -> None:
    """Whether an extractor or LPIPS trunk can be used here.

    Raises:
        UserError: it cannot, with the reason and the way out.
    """
    if name not in NETWORKS:
        raise UserError(unknown("extractor", name, NETWORKS))
    EXTRACTORS[name].weights_file() if name in EXTRACTORS else weights_file(name)


def check_features(a: Features, b: Features) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both sets as float64, after making sure that they can be compared.

    Raises:
        UserError: shapes do not fit, fewer than two rows, or values that are not finite.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1:] != b.shape[1:]:
        raise UserError(f"two sets of features must be [n, d] and [m, d], got {list(a.shape)} and {list(b.shape)}")
    if min(len(a), len(b)) < 2:
        raise UserError(
            f"a distance between distributions needs at least 2 images on each side, got {len(a)} and {len(b)}"
        )
    for x in (a, b):
        if not np.isfinite(x).all():
            raise UserError(
                f"features must be finite; {int((~np.isfinite(x)).any(axis=1).sum())} of {len(x)} rows are not"
            )
    return np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
