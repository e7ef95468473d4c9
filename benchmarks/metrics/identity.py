"""How much of an image's identity survives a translation: cosine of features (cartoon faces, arXiv 2007.13332).
Reference: `torch.nn.functional.cosine_similarity`; photo2cartoon's face loss is 1 - cosine of face features.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.cache import cached_features
from retable.benchmarks.metrics.features import Features, extractors_of, score_means
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Score

TOLERANCE = Tolerance("`torch.nn.functional.cosine_similarity`", "float64 sums in another order", relative=1e-9)
EPS = 1e-12


def identity(a: Features, b: Features) -> NDArray[np.float64]:
    """Cosine between the features of every image and of its counterpart.

    Args:
        a: ``[n, d]`` with n >= 1, finite.
        b: ``[n, d]``.

    Returns:
        float64 ``[n]`` in [-1, 1]; 0 where a feature vector is zero.

    Raises:
        UserError: shapes do not fit, or values are not finite.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 2 or a.shape != b.shape or len(a) == 0:
        raise UserError(f"identity compares features one by one, got shapes {list(a.shape)} and {list(b.shape)}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UserError("identity: features must be finite")
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine: NDArray[np.float64] = np.clip((a * b).sum(axis=1) / np.maximum(lengths, EPS), -1.0, 1.0)
    return cosine


def score_identity(question: Question) -> Iterator[Score]:
    """``identity.EXTRACTOR``: mean cosine to the image that was translated, higher is better."""
    source = question.answer.source
    if source is None:
        raise UserError(f"metric 'identity' needs the input of every answer to {question.answer.request!r}")
    for extractor in extractors_of(question):
        ours = cached_features(question.answer.images, extractor)
        theirs = cached_features(source, extractor, question.cache)
        yield from score_means(question, "identity", identity(ours, theirs), "higher", extractor)
