"""The statistics: how often chance alone turns a gate red, and what is found for certain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import sqrt
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from retable.benchmarks.gate.expectations import FALSE_ALARMS, Expectation
from retable.benchmarks.gate.tolerance import (
    HALF,
    MIN_SEEDS,
    decide,
    factor,
    floor,
    judge,
    lone_tolerance,
    mean_tolerance,
    tolerance,
)
from retable.reports.records.score import Protocol, Score

GATES, CHECKS = 3000, 20
COMPARISONS, RUNS = 40, 150
LIMIT = FALSE_ALARMS + 2 * sqrt(FALSE_ALARMS * (1 - FALSE_ALARMS) / RUNS)
"""Two standard errors above the promised rate: 8.6 %."""


def kind(unit: str = "", images: int = 0, direction: str = "higher") -> Score:
    """Any score of this kind; its own value does not matter."""
    protocol = Protocol(metric="m", n_fake=images)
    return Score(name="m", value=0, unit=unit, direction=direction, protocol=protocol)  # type: ignore[arg-type]


def known(values: Sequence[float], spread: float, allowed: float, seeds: int) -> Expectation:
    """What was recorded of a score."""
    about = {"cell": "p/m/t/s0", "name": "m", "direction": "higher", "protocol": Protocol(metric="m")}
    return Expectation(value=fmean(values), spread=spread, tolerance=allowed, seeds=seeds, **about)  # type: ignore[arg-type]


def verdict(base: Sequence[float], head: Sequence[float], score: Score, recorded: Expectation | None = None) -> str:
    sides = ([score.model_copy(update={"value": float(value)}) for value in side] for side in (base, head))
    return judge(dict(enumerate(zip(*sides, strict=True))), COMPARISONS, recorded).verdict


def red_gates(monkeypatch: pytest.MonkeyPatch, seeds: int, shared: float, drop: float = 0.0) -> float:
    """Part of simulated gates that are red; ``shared`` is the correlation of the checks, ``drop`` in deviations."""
    # The floor only makes gates more lenient; without it the rate itself is seen.
    monkeypatch.setattr("retable.benchmarks.gate.tolerance.FLOOR_POINTS", 0.0)
    rng, score = np.random.default_rng(7), kind("%")
    own = rng.standard_normal((GATES, CHECKS, seeds + 1))
    values = 1000 + sqrt(1 - shared) * own + sqrt(shared) * rng.standard_normal((GATES, 1, seeds + 1))
    red = 0
    for gate in values:
        for check in gate:
            if check[seeds] - drop < check[:seeds].mean() - tolerance(check[:seeds].tolist(), CHECKS, score):
                red += 1
                break
    return red / GATES


@pytest.mark.parametrize(("seeds", "shared"), [(5, 0.0), (8, 0.0), (5, 0.9)])
def test_an_equally_good_run_is_red_no_more_often_than_promised(
    monkeypatch: pytest.MonkeyPatch, seeds: int, shared: float
) -> None:
    rate = red_gates(monkeypatch, seeds, shared)
    assert rate <= FALSE_ALARMS + 3 * sqrt(FALSE_ALARMS / GATES)
    # Bonferroni's bound is nearly reached when checks are independent: the tolerance is no wider than it must be.
    assert shared or rate >= FALSE_ALARMS / 2


def test_a_large_drop_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert red_gates(monkeypatch, 5, shared=0.0, drop=12.0) > 0.99


def test_the_factor_is_students_prediction_interval() -> None:
    assert factor(5, 100) == pytest.approx(t.ppf(1 - 0.05 / 100, 4) * sqrt(1.2))
    assert factor(3, 100) == pytest.approx(36.5, abs=0.1)
    assert [round(factor(n, 100), 1) for n in (5, 8, 10)] == [9.4, 5.7, 5.0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=MIN_SEEDS, max_size=40), st.integers(1, 500))
def test_every_recorded_value_is_within_the_tolerance(values: list[float], checks: int) -> None:
    assert max(abs(value - fmean(values)) for value in values) <= tolerance(values, checks, kind())


def test_the_floor_covers_three_images_and_two_percent() -> None:
    assert [floor(86.0, kind("%", images)) for images in (10_000, 100, 0)] == [1.0, 3.0, 1.0]
    assert floor(-50.0, kind(images=100)) == 1.0
    assert floor(0.0, kind(images=250)) == pytest.approx(3 / 250), "the relative tolerance is undefined at zero"
    assert floor(0.0, kind()) == 0.0
    assert tolerance([40.0] * 5, 10, kind("%", 1000)) == 1.0


def pairs(draw: np.random.Generator, seeds: int, alike: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores of two equally good runs, ``[COMPARISONS, seeds]``, around 100 with spread 5; pairs share ``alike``."""
    shared = draw.normal(size=(COMPARISONS, seeds))
    base, head = (100 + 5 * (sqrt(alike) * shared + sqrt(1 - alike) * draw.normal(size=shared.shape)) for _ in "ab")
    return base, head


@pytest.mark.parametrize(
    ("seeds", "alike", "recorded"),
    [(3, 0.0, 0), (5, 0.0, 0), (5, 0.7, 0), (10, 0.0, 0), (1, 0.0, 6), (3, 0.0, 6)],
)
def test_two_equal_runs_are_rarely_red(seeds: int, alike: float, recorded: int) -> None:
    draw, score, red = np.random.default_rng(1), kind(), 0
    for _ in range(RUNS):
        past = draw.normal(100, 5, (COMPARISONS, recorded))
        allowed = [tolerance(list(values), COMPARISONS, score) if recorded else 0.0 for values in past]
        rows = zip(*pairs(draw, seeds, alike), past, allowed, strict=True)
        red += any(
            verdict(a, b, score, known(values, values.std(ddof=1), far, recorded) if recorded else None) == "worse"
            for a, b, values, far in rows
        )
    # With expectations, lone seeds have a share of their own.
    assert red / RUNS <= LIMIT + (HALF if recorded and seeds > 1 else 0)


def test_a_long_tail_on_the_bad_side_of_a_loss_is_no_lone_seed() -> None:
    draw, score, red = np.random.default_rng(6), kind(direction="lower"), 0
    for _ in range(RUNS):
        base, head = (np.exp(0.3 * draw.normal(size=(COMPARISONS, 10))) for _ in range(2))
        red += any(verdict(a, b, score) == "worse" for a, b in zip(base, head, strict=True))
    assert red / RUNS <= LIMIT


@pytest.mark.parametrize(("seeds", "loss"), [(3, 70), (5, 35)])
def test_a_large_loss_is_found_among_hundreds(seeds: int, loss: float) -> None:
    """Fourteen spreads at three seeds and seven at five: twice the least loss that is found at all."""
    base, head = pairs(np.random.default_rng(4), seeds, 0.0)
    found = [
        decide(b - a, mean_tolerance(a, b, COMPARISONS, kind()), 100).verdict
        for a, b in zip(base, head - loss, strict=True)
    ]
    assert found.count("worse") >= 0.8 * COMPARISONS


def test_more_pairs_make_the_recorded_tolerance_sharper_down_to_the_floor() -> None:
    recorded = known([100.0], 5.0, 40.0, 6)
    sizes = [mean_tolerance([0.0] * n, [], 1, kind(), recorded) for n in (1, 2, 4, 10_000)]
    first = 40 * sqrt(2 / (1 + 1 / 6))
    assert sizes == pytest.approx([first, first / sqrt(2), first / 2, 0.02 * 100])


def test_seeds_that_disagree_decide_nothing() -> None:
    assert [decide([x, x, y], 10.0, 100).verdict for x, y in ((-30, 5), (-30, -5), (30, 5))] == [
        "ok",
        "worse",
        "better",
    ]
    wild = decide([-100.0, 40.0, 30.0, -90.0, 10.0, -20.0], 10.0, 100)
    assert wild.verdict == "ok"
    assert "seeds disagree" in wild.words


def test_without_a_spread_only_equal_scores_are_decided() -> None:
    assert mean_tolerance([1.0, 2.0], [1.0, 2.0], 1, kind()) is None
    assert [decide(gains, None, 1.0).verdict for gains in ([0.0, 0.0], [0.0, -9.0])] == ["ok", "undecided"]


def test_a_difference_within_the_floor_is_never_a_regression() -> None:
    allowed = mean_tolerance([50.0] * 3, [49.2] * 3, 1, kind("%", 1000))
    assert allowed == 1.0
    assert [decide([by] * 3, allowed, 50.0).verdict for by in (-0.8, -1.1)] == ["ok", "worse"]


@pytest.mark.parametrize(
    ("score", "base", "head", "word"),
    [
        (kind("ms", 0, "lower"), [30.0, 30.2, 29.9, 30.1], [30.0, 30.2, 60.0, 30.1], "worse"),
        (kind("ms", 0, "lower"), [30.0, 30.2, 29.9, 30.1], [30.0, 30.2, 3.0, 30.1], "ok"),
        # One image below a ceiling of equal values is nothing, and neither is a small mean loss.
        (kind("%", 1000), [100.0] * 3, [100.0, 97.5, 100.0], "ok"),
        (kind("%", 1000), [100.0] * 3, [100.0, 10.0, 100.0], "worse"),
        # Three equal values of few images do not prove that there is no spread.
        (kind("%", 100), [90.0] * 3, [90.0, 78.0, 90.0], "ok"),
        # A base that collapses by itself excuses a head that does.
        (kind("%", 1000), [86.0, 10.0, 85.0, 86.5], [86.0, 85.0, 10.0, 10.0], "ok"),
        # A row that is better in the mean is not worse.
        (kind("%", 1000), [50.0, 50.5, 49.5], [90.0, 91.0, 30.0], "ok"),
    ],
)
def test_a_lone_seed_is_worse_where_the_bases_seeds_do_not_explain_it(
    score: Score, base: list[float], head: list[float], word: str
) -> None:
    assert verdict(base, head, score) == word


def test_a_lone_seed_is_held_against_a_prediction_interval_of_the_bases_seeds() -> None:
    base = [30.0, 36.0, 33.0, 29.0, 34.0]
    plain = factor(5, 100 * 5, HALF) * float(np.std(base, ddof=1))
    assert lone_tolerance(base, 100, kind()) == pytest.approx(plain)
    assert lone_tolerance(base[:2], 100, kind()) is None
    assert lone_tolerance([90.0] * 3, 100, kind("%", 100)) == pytest.approx(factor(3, 300, HALF) / sqrt(12))
    assert lone_tolerance([90.0] * 3, 100, kind(images=100)) == pytest.approx(0, abs=1e-9)


def test_a_loss_is_compared_in_factors_and_what_has_no_logarithm_as_it_is() -> None:
    base, loss = [30.0, 36.0, 33.0, 29.0, 34.0], kind(direction="lower")
    reach = factor(5, 500, HALF) * float(np.std(np.log(base), ddof=1))
    assert lone_tolerance(base, 100, loss) == pytest.approx(np.exp(np.mean(np.log(base)) + reach) - np.mean(base))
    assert lone_tolerance([value - 31 for value in base], 100, loss) == pytest.approx(lone_tolerance(base, 100, kind()))
    assert math.isfinite(lone_tolerance([1e-9, 1.0, 1e9], 100, loss) or math.nan)


def test_recorded_seeds_join_the_bases() -> None:
    recorded = known([86.0], 0.6, 3.0, 6)
    lone = lone_tolerance([86.0, 86.4], 4, kind(), recorded)
    assert lone == pytest.approx(factor(2, 8, HALF, freedom=6) * sqrt((0.08 + 5 * 0.6**2) / 6))
    assert lone_tolerance([86.0], 4, kind(), recorded) is None, "one pair is its own mean"
    part = sqrt(5 / 6) * 0.6 / 86.0
    lone = lone_tolerance([86.0, 86.0], 4, kind(direction="lower"), recorded)
    assert lone == pytest.approx(86 * (np.exp(factor(2, 8, HALF, freedom=6) * part) - 1))
