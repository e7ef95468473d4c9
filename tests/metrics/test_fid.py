from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retable.benchmarks.metrics.fid import TOLERANCE, frechet_distance
from tests.metrics.factory import make_features

steady = settings(deadline=None, derandomize=True)  # the machine may be busy; every run tries the same examples
shapes = st.tuples(st.integers(2, 30), st.integers(2, 30), st.integers(1, 12), st.integers(0, 10_000))


def pair(shape: tuple[int, int, int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n, m, d, seed = shape
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) * rng.uniform(0.1, 3, d), rng.standard_normal((m, d)) + rng.uniform(-2, 2, d)


def size(*sets: NDArray[np.float64]) -> float:
    """The largest distance that rounding is measured against: sum of squared means and variances."""
    return float(sum((x.mean(0) ** 2).sum() + x.var(0, ddof=1).sum() for x in sets))


def exact_gaussian(n: int, mean: NDArray[np.float64], sd: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """A sample whose mean and covariance are exactly ``mean`` and ``diag(sd^2)``."""
    draw = np.random.default_rng(seed).standard_normal((n, len(sd)))
    white = np.linalg.qr(draw - draw.mean(0))[0] * np.sqrt(n - 1)
    return white * sd + mean


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n", "m", "d"), [(200, 300, 32), (600, 500, 64), (90, 400, 64)])
def test_agrees_with_clean_fid(n: int, m: int, d: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from cleanfid import fid

    # clean-fid calls sqrtm(disp=), which SciPy 1.18 removes: give it the call that it was written for
    def sqrtm(matrix: NDArray[np.float64], disp: bool = True) -> object:
        root = scipy.linalg.sqrtm(matrix)
        return root if disp else (root, 0.0)

    monkeypatch.setattr(fid, "linalg", SimpleNamespace(sqrtm=sqrtm))
    a, b = make_features(n, d, seed), make_features(m, d, seed + 100, shift=0.3)
    theirs = fid.frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert frechet_distance(a, b) == pytest.approx(theirs, rel=TOLERANCE.relative)


@pytest.mark.parametrize("n", [8, 40, 500])
def test_equals_the_closed_form_for_gaussians_with_diagonal_covariance(n: int) -> None:
    rng = np.random.default_rng(0)
    mean_a, mean_b = rng.normal(size=(2, 6))
    sd_a, sd_b = rng.uniform(0.2, 3, size=(2, 6))
    closed = ((mean_a - mean_b) ** 2).sum() + ((sd_a - sd_b) ** 2).sum()
    a, b = exact_gaussian(n, mean_a, sd_a, 1), exact_gaussian(n + 5, mean_b, sd_b, 2)
    assert frechet_distance(a, b) == pytest.approx(closed, rel=1e-10)


@steady
@given(shapes)
def test_in_one_dimension_it_is_the_gap_of_means_and_deviations(shape: tuple[int, int, int, int]) -> None:
    a, b = (x[:, :1] for x in pair(shape))
    closed = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    assert frechet_distance(a, b) == pytest.approx(closed, rel=1e-9, abs=1e-10)


@steady
@given(shapes)
def test_is_zero_for_equal_sets_and_never_negative(shape: tuple[int, int, int, int]) -> None:
    a, b = pair(shape)
    assert 0 <= frechet_distance(a, a) <= 1e-10 * max(1.0, size(a))
    assert frechet_distance(a, b) >= 0


Change = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


def turn(d: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(1).standard_normal((d, d)))[0]


UNCHANGED: dict[str, Change] = {
    "sides swapped": lambda a, b: (b, a),
    "images in another order": lambda a, b: (a[::-1], np.random.default_rng(0).permutation(b)),
    "a common translation": lambda a, b: (a - 17.5, b - 17.5),
    "a common rotation": lambda a, b: (a @ turn(a.shape[1]), b @ turn(b.shape[1])),
}


@pytest.mark.parametrize("change", UNCHANGED.values(), ids=UNCHANGED)
@steady
@given(shapes)
def test_does_not_notice(change: Change, shape: tuple[int, int, int, int]) -> None:
    a, b = pair(shape)
    changed = change(a, b)
    expected = pytest.approx(frechet_distance(a, b), rel=1e-9, abs=1e-10 * size(*changed))
    assert frechet_distance(*changed) == expected


@steady
@given(shapes, st.floats(0.01, 100))
def test_grows_with_the_square_of_a_common_scale(shape: tuple[int, int, int, int], scale: float) -> None:
    a, b = pair(shape)
    expected = pytest.approx(frechet_distance(a, b) * scale**2, rel=1e-9, abs=1e-10 * scale**2 * size(a, b))
    assert frechet_distance(a * scale, b * scale) == expected


def test_features_and_their_covariance_factor_give_the_same_distance() -> None:
    a, b = make_features(60, 40, 1), make_features(80, 40, 2, shift=0.2)
    wide = np.zeros((1, 60))  # 60 more features that are always 0 turn n > d into n < d and change nothing
    padded = frechet_distance(np.hstack([a, wide.repeat(60, 0)]), np.hstack([b, wide.repeat(80, 0)]))
    assert padded == pytest.approx(frechet_distance(a, b), rel=1e-10)
