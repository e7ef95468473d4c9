"""What the adaptors share: who looks at a question's images, what they see, and how a protocol says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics import trunks
from retable.benchmarks.metrics.extractors import EXTRACTORS, Extractor, get_extractor, unknown
from retable.benchmarks.metrics.features import Remembering, cached_features
from retable.benchmarks.metrics.measure import Question

Look = Callable[[Tensor, Extractor, Path | None], NDArray[np.float32]]


def features(
    question: Question, look: Look = cached_features
) -> Iterator[tuple[Extractor, dict[str, str], NDArray[np.float32], NDArray[np.float32]]]:
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
            yield extractor, part, fake[chosen.numpy()], theirs


def extractors_of(question: Question) -> Iterator[Extractor]:
    """The question's extractors of pooled features."""
    for name in _usable(question, EXTRACTORS):
        yield get_extractor(name, question.device)


def trunks_of(question: Question, *, remembering: bool = False) -> Iterator[trunks.Trunk]:
    """The question's LPIPS trunks; remembering ones, where another metric looks at the same images next."""
    for name in _usable(question, trunks.TRUNKS):
        trunk = trunks.get_trunk(name, question.device)
        yield Remembering(**vars(trunk)) if remembering else trunk


def protocol(seen: Extractor | trunks.Trunk, **more: str | int) -> dict[str, str | int]:
    """Fields of :class:`retable.reports.records.score.Protocol`: who looked, with which weights, at which size."""
    return {"extractor": seen.name, "weights": seen.digest[:16], "resize": seen.resize, **more}


def _usable(question: Question, known: Collection[str]) -> list[str]:
    """Those of the question's extractors that this metric can use; at least one, and none that nobody knows."""
    for name in question.extractors:
        if name not in EXTRACTORS and name not in trunks.TRUNKS:
            raise UserError(unknown(name, {*EXTRACTORS, *trunks.TRUNKS}))
    names = [name for name in question.extractors if name in known]
    if not names:
        asked = ", ".join(question.extractors) or "none"
        raise UserError(
            f"metric {question.metric!r} can use {', '.join(sorted(known))}; the extractors asked for are {asked}"
        )
    return names
