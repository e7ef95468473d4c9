"""Precision and recall against the paper's definition, pair by pair, and on sets whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.precision_recall import TOLERANCE, precision_recall
from tests.metrics.factory import make_features, make_images


def on_manifold(point: NDArray[np.float64], points: NDArray[np.float64], k: int) -> bool:
    """Eq. 1 of the paper: whether any point's ball, out to its k-th nearest neighbour, holds ``point``."""
    for index, centre in enumerate(points):
        others = np.delete(points, index, axis=0)
        radius = sorted(float(np.linalg.norm(other - centre)) for other in others)[k - 1]
        if float(np.linalg.norm(point - centre)) <= radius:
            return True
    return False


def by_definition(real: NDArray[np.float64], fake: NDArray[np.float64], k: int) -> tuple[float, float]:
    precision = np.mean([on_manifold(point, real, k) for point in fake])
    recall = np.mean([on_manifold(point, fake, k) for point in real])
    return float(precision), float(recall)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 0.6, 1.5])
def test_equals_the_definition_pair_by_pair(k: int, shift: float) -> None:
    real, fake = make_features(40, 5, 1), make_features(30, 5, 2, shift)
    found = precision_recall(real, fake, k)
    assert found == pytest.approx(by_definition(real, fake, k), rel=TOLERANCE.relative, abs=TOLERANCE.absolute)
    assert (k, shift) != (3, 0.6) or all(0 < value < 1 for value in found)  # the cases are not all extreme


def test_does_not_depend_on_order_or_blocks_or_a_far_common_translation() -> None:
    real, fake = make_features(50, 6, 1), make_features(40, 6, 2, 0.5)
    found = precision_recall(real, fake)
    assert precision_recall(real[::-1], np.roll(fake, 7, axis=0)) == found
    assert [precision_recall(real, fake, block=block) for block in (1, 7, 1024)] == [found] * 3
    assert precision_recall(real + 1e4, fake + 1e4) == found


def test_known_sets_have_known_precision_and_recall() -> None:
    real = make_features(60, 8, 1)
    assert precision_recall(real, real[::-1]) == (1.0, 1.0)
    assert precision_recall(real, real + 1e3) == (0.0, 0.0)
    assert precision_recall(real, np.repeat(real[:1], 20, axis=0)) == (1.0, 1 / 60)  # it repeats one real image


def test_both_scores_say_k_and_how_many_images() -> None:
    samples, reference = Answer("samples", make_images(6)), Answer("reference", make_images(9, seed=1))
    precision, recall = measure(Question("precision_recall", samples, reference=reference))
    assert (precision.name, recall.name) == ("precision.lite0", "recall.lite0")
    assert precision.protocol == recall.protocol
    assert (recall.protocol.detail, recall.protocol.n_real, recall.protocol.n_fake) == ("k=3", 9, 6)
    assert (precision.direction, recall.direction) == ("higher", "higher")
