from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from retable.benchmarks.metrics import kid as module
from retable.benchmarks.metrics.kid import TOLERANCE, kid
from tests.metrics.factory import make_features


def by_definition(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Gretton et al. 2012, Eq. 3, with k(x, y) = (x.y / d + 1)^3: two explicit loops."""

    def k(u: NDArray[np.float64], v: NDArray[np.float64]) -> float:
        return float((u @ v / len(u) + 1) ** 3)

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    xy = sum(k(x[i], y[j]) for i in range(n) for j in range(m)) / (n * m)
    return xx + yy - 2 * xy


def test_equals_the_estimators_definition_in_any_order() -> None:
    a, b = make_features(25, 8, 1), make_features(25, 8, 2, shift=0.4)
    for images in (a, a[::-1]):
        assert kid(images, b, seed=0) == (pytest.approx(by_definition(a, b), rel=TOLERANCE.relative), 0)


@pytest.mark.parametrize("rows_at_once", [module._GRAM_ROWS, 0])
def test_every_subset_equals_the_definition_on_it(rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRAM_ROWS", rows_at_once)  # subsets are cut out of one kernel matrix, or not
    a, b = make_features(30, 8, 1), make_features(20, 8, 2, shift=0.4)
    value, spread = kid(a, b, subsets=4, subset_size=10, seed=5)
    rng = np.random.default_rng(5)
    drawn = [(rng.choice(30, 10, replace=False), rng.choice(20, 10, replace=False)) for _ in range(4)]
    expected = [by_definition(a[i], b[j]) for i, j in drawn]
    assert value == pytest.approx(np.mean(expected), rel=TOLERANCE.relative)
    assert spread == pytest.approx(np.std(expected), rel=TOLERANCE.relative)
    assert kid(a, b, subsets=4, subset_size=10, seed=5) == (value, spread)
    assert kid(a, b, subsets=4, subset_size=10, seed=6) != (value, spread)


def test_equals_clean_fids_kernel_distance() -> None:
    from cleanfid.fid import kernel_distance

    a, b = make_features(80, 32, 1), make_features(80, 32, 2, shift=0.2)
    theirs = kernel_distance(a, b, num_subsets=1, max_subset_size=80)
    assert kid(a, b, seed=0)[0] == pytest.approx(theirs, rel=TOLERANCE.relative)


def test_is_zero_on_average_for_equal_distributions() -> None:
    values = [kid(make_features(20, 16, 2 * s), make_features(20, 16, 2 * s + 1), seed=0)[0] for s in range(400)]
    standard_error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 3 * standard_error
    assert min(values) < 0 < max(values)


def test_tells_different_distributions_apart() -> None:
    same, other = (
        [kid(make_features(100, 16, s), make_features(100, 16, s + 50, shift), seed=0)[0] for s in range(10)]
        for shift in (0.0, 0.5)
    )
    assert min(other) > 3 * max(abs(v) for v in same)


def test_subsets_are_never_larger_than_either_set() -> None:
    assert (module.effective_size(30, 2000, 500), module.effective_size(2000, 2000, 500)) == (30, 500)
