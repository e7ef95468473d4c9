"""The rule's promises about false alarms, by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from retable.benchmarks.gate.tolerance import FALSE_ALARMS, MIN_SEEDS, factor, floor, tolerance

GATES, CHECKS = 3000, 20


def red_gates(seeds: int, shared: float, drop: float = 0.0) -> float:
    """Part of simulated gates that are red; ``shared`` is the correlation of the checks, ``drop`` in deviations."""
    rng = np.random.default_rng(7)
    own = rng.standard_normal((GATES, CHECKS, seeds + 1))
    common = rng.standard_normal((GATES, 1, seeds + 1))
    values = 1000 + np.sqrt(1 - shared) * own + np.sqrt(shared) * common
    red = 0
    for gate in values:
        for check in gate:
            mean, _, allowed = tolerance(check[:seeds].tolist(), CHECKS, unit="%", images=0)
            if check[seeds] - drop < mean - allowed:
                red += 1
                break
    return red / GATES


@pytest.fixture(autouse=True)
def _no_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The floor only makes gates more lenient; without it the rate itself is seen."""
    monkeypatch.setattr("retable.benchmarks.gate.tolerance.FLOOR_POINTS", 0.0)


@pytest.mark.parametrize("seeds", [5, 8])
def test_an_equally_good_run_is_red_no_more_often_than_promised(seeds: int) -> None:
    noise = 3 * math.sqrt(FALSE_ALARMS / GATES)
    rate = red_gates(seeds, shared=0.0)
    assert rate <= FALSE_ALARMS + noise
    # Bonferroni's bound is nearly reached when checks are independent: the tolerance is no wider than it must be.
    assert rate >= FALSE_ALARMS / 2


def test_the_promise_holds_when_checks_depend_on_each_other() -> None:
    assert red_gates(5, shared=0.9) <= FALSE_ALARMS + 3 * math.sqrt(FALSE_ALARMS / GATES)


def test_a_large_drop_is_seen() -> None:
    assert red_gates(5, shared=0.0, drop=12.0) > 0.99


def test_the_factor_is_students_prediction_interval() -> None:
    assert factor(5, 100) == pytest.approx(t.ppf(1 - 0.05 / 100, 4) * math.sqrt(1.2))
    assert factor(3, 100) == pytest.approx(36.5, abs=0.1)
    assert [round(factor(n, 100), 1) for n in (5, 8, 10)] == [9.4, 5.7, 5.0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=MIN_SEEDS, max_size=40), st.integers(1, 500))
def test_every_recorded_value_is_within_the_tolerance(values: list[float], checks: int) -> None:
    mean, spread, allowed = tolerance(values, checks, unit="", images=0)
    assert spread >= 0
    assert all(abs(value - mean) <= allowed for value in values)


def test_four_seeds_are_too_few() -> None:
    with pytest.raises(ValueError, match="4 seeds are too few"):
        tolerance([1.0] * 4, 1, unit="", images=0)


def test_the_floor_covers_three_images_and_two_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert floor(86.0, "%", images=10_000) == 1.0
    assert floor(86.0, "%", images=100) == 3.0
    assert floor(86.0, "%", images=0) == 1.0
    assert floor(-50.0, "", images=100) == 1.0
    assert tolerance([40.0] * 5, 10, unit="%", images=1000) == (40.0, 0.0, 1.0)
