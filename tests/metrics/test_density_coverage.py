"""Density and coverage against the authors' package, and on sets whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from prdc import compute_prdc

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.density_coverage import TOLERANCE, density_coverage
from retable.benchmarks.metrics.measure import Answer, Question, measure
from tests.metrics.factory import make_features, make_images


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 0.6, 1.5])
def test_equals_the_authors_package(k: int, shift: float) -> None:
    real, fake = make_features(60, 5, 1), make_features(40, 5, 2, shift)
    theirs = compute_prdc(real, fake, nearest_k=k)
    assert density_coverage(real, fake, k) == pytest.approx(
        (theirs["density"], theirs["coverage"]), rel=TOLERANCE.relative
    )
    assert (k, shift) != (3, 0.6) or 0 < theirs["coverage"] < 1  # the cases are not all extreme


def test_known_sets_have_known_density_and_coverage() -> None:
    real = make_features(60, 8, 1)
    # Every point lies in its own ball, and in those whose k-th neighbour it is not beyond: k + 1 a ball.
    assert density_coverage(real, real[::-1], 5) == pytest.approx((6 / 5, 1.0), rel=0.01)
    assert density_coverage(real, real + 1e3) == (0.0, 0.0)
    dense, covered = density_coverage(real, np.repeat(real[:1], 20, axis=0))
    assert covered == pytest.approx(dense * 5 / 60)  # as many balls as hold the one image
    assert 0 < covered < 0.5


def test_too_few_real_images_are_refused() -> None:
    with pytest.raises(UserError, match="k = 5 need more than 5 real images, got 5"):
        density_coverage(make_features(5, 3), make_features(9, 3))


def test_both_scores_say_k_and_how_many_images() -> None:
    samples, reference = Answer("samples", make_images(6)), Answer("reference", make_images(9, seed=1))
    density, coverage = measure(Question("density_coverage", samples, reference=reference))
    assert (density.name, coverage.name) == ("density.lite0", "coverage.lite0")
    assert (coverage.protocol.detail, coverage.protocol.n_real, coverage.protocol.n_fake) == ("k=5", 9, 6)
