"""What is said about numbers over seeds."""

from __future__ import annotations

import numpy as np
import pytest

from retable.reports.compute.statistics import bootstrap_interval, paired_differences, summarise


def test_below_five_seeds_every_point_is_kept_and_no_interval_is_claimed() -> None:
    summary = summarise([3.0, 1.0, 2.0])
    assert summary.mean == 2.0
    assert summary.points == (3.0, 1.0, 2.0)
    assert summary.interval is None


def test_from_five_seeds_an_interval_holds_the_mean() -> None:
    summary = summarise([1.0, 2.0, 3.0, 4.0, 9.0])
    assert summary.interval is not None
    low, high = summary.interval
    assert 1.0 <= low < summary.mean < high <= 9.0


def test_the_interval_is_the_same_every_time() -> None:
    values = [0.3, 0.9, 0.4, 0.7, 0.1, 0.5]
    assert bootstrap_interval(values) == bootstrap_interval(values)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    source = np.random.default_rng(1)
    trials = 200
    hits = 0
    for _ in range(trials):
        low, high = bootstrap_interval(source.normal(0, 1, 30).tolist(), resamples=600)
        hits += low <= 0 <= high
    # 95 % nominal; at n = 30 the bootstrap falls a little short, and 200 trials scatter by 1.5 points.
    assert 0.89 <= hits / trials <= 0.99


def test_a_skewed_sample_gets_an_interval_that_reaches_further_to_its_long_side() -> None:
    values = [1.0, 1.1, 1.2, 1.0, 1.1, 1.3, 1.2, 6.0]
    low, high = bootstrap_interval(values)
    mean = float(np.mean(values))
    assert high - mean > 2 * (mean - low)


def test_the_interval_moves_and_stretches_with_the_values() -> None:
    values = [1.0, 4.0, 2.0, 8.0, 5.0]
    low, high = bootstrap_interval(values)
    moved = bootstrap_interval([10 * value - 3 for value in values])
    assert moved == pytest.approx((10 * low - 3, 10 * high - 3))


def test_equal_values_have_an_interval_of_width_zero() -> None:
    assert bootstrap_interval([0.1] * 6) == pytest.approx((0.1, 0.1))


def test_differences_are_paired_by_seed_and_unshared_seeds_are_left_out() -> None:
    summary = paired_differences({0: 10.0, 1: 20.0, 7: 99.0}, {1: 15.0, 0: 9.0, 8: 0.0})
    assert summary is not None
    assert summary.points == (1.0, 5.0)
    assert paired_differences({0: 1.0}, {1: 1.0}) is None


def test_a_steady_advantage_is_seen_through_seeds_that_vary_more_than_it() -> None:
    other = dict(enumerate([10.0, 50.0, 30.0, 80.0, 20.0]))
    ours = {seed: value + 1.0 + seed / 10 for seed, value in other.items()}
    summary = paired_differences(ours, other)
    assert summary is not None
    assert summary.interval is not None
    assert summary.interval[0] > 0.9


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_no_summary_is_made_of_nothing_or_of_non_finite_values(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        summarise(values)
