"""A head that collapses on some of its seeds is red, though that widens the spread and the other seeds disagree."""

from __future__ import annotations

import numpy as np
import pytest

from retable.benchmarks.gate import compare_runs, record, to_text
from retable.benchmarks.gate.paired import HALF, judge, lone_seeds, lone_tolerance
from retable.benchmarks.gate.tolerance import FALSE_ALARMS, factor, floor

from .conftest import MakeResults, Result, result, score

ROW = "dtn/dtn/digits"
ACCURACY = "accuracy.target request:test"


def collapsed(found: list[Result], seeds: int, *, row: str = ROW, value: float = 10.0) -> list[Result]:
    """Another run in which the first seeds of a row end at chance, and the others lose half a point."""
    for one in found:
        one["journal"] = f"again {one['cell']['address']}"
        if one["cell"]["address"].startswith(f"{row}/"):
            one["scores"][0]["value"] = value if one["cell"]["seed"] < seeds else one["scores"][0]["value"] - 0.5
    return found


@pytest.mark.parametrize(("seeds", "lost"), [(3, 2), (5, 1), (5, 2), (10, 3)])
def test_a_head_that_collapses_on_some_seeds_is_red_and_says_on_which(
    results: MakeResults, seeds: int, lost: int
) -> None:
    report = compare_runs("smoke", results(range(seeds)), collapsed(results(range(seeds)), lost), against="base")
    assert [(check.cell, check.key) for check in report.failures] == [(f"{ROW}/s0-{seeds - 1}", ACCURACY)]
    names = "seed 0 alone: 7" if lost == 1 else f"seeds {', '.join(map(str, range(lost)))} alone: 7"
    (line,) = (line for line in to_text(report).splitlines() if line.startswith("worse"))
    assert names in line
    assert " points worse, ± " in line
    assert line.endswith(" by the base's seeds")


def test_a_seed_far_above_a_distance_is_worse_and_one_far_below_is_not() -> None:
    base = {0: 30.0, 1: 30.2, 2: 29.9, 3: 30.1}

    def found(value: float) -> str:
        head = {**base, 2: value}
        return judge(base, head, 2, direction="lower", unit="ms", images=0).verdict

    assert found(60.0) == "worse"
    assert found(3.0) == "ok"
    words = judge(base, {**base, 2: 60.0}, 2, direction="lower", unit="ms", images=0).words
    assert words == "seed 2 alone: 29.95 ms worse, ± 1.012 by the base's seeds"


def test_a_distance_is_held_against_the_base_in_factors_and_what_has_no_logarithm_as_it_is() -> None:
    base, more = [30.0, 36.0, 33.0, 29.0, 34.0], {"unit": "", "images": 0}
    reach = factor(5, 1000) * float(np.std(np.log(base), ddof=1))
    lone = lone_tolerance(base, 100, direction="lower", **more)  # type: ignore[arg-type]
    assert lone == pytest.approx(np.exp(np.mean(np.log(base)) + reach) - np.mean(base))
    plain = lone_tolerance(base, 100, direction="higher", **more)  # type: ignore[arg-type]
    assert plain == pytest.approx(factor(5, 1000) * float(np.std(base, ddof=1)))
    assert lone > plain  # type: ignore[operator]
    low = [value - 31 for value in base]
    assert lone_tolerance(low, 100, direction="lower", **more) == pytest.approx(plain)  # type: ignore[arg-type]
    wild = lone_tolerance([1e-9, 1.0, 1e9], 100, direction="lower", **more)  # type: ignore[arg-type]
    assert wild is not None
    assert np.isfinite(wild)


def test_one_image_below_a_ceiling_of_equal_values_is_nothing() -> None:
    base = dict.fromkeys(range(3), 100.0)
    for head in ({**base, 1: 99.9}, {**base, 1: 97.5}):
        assert judge(base, head, 1, direction="higher", unit="%", images=1000).verdict == "ok"
    assert judge(base, {**base, 1: 10.0}, 1, direction="higher", unit="%", images=1000).verdict == "worse"


def test_three_equal_values_of_few_images_are_no_proof_of_a_spread_of_zero() -> None:
    base = dict.fromkeys(range(3), 90.0)
    head = {**base, 1: 78.0}
    assert judge(base, head, 100, direction="higher", unit="%", images=100).verdict == "ok"
    lone = lone_tolerance([90.0] * 3, 100, direction="higher", unit="%", images=100)
    assert lone == pytest.approx(factor(3, 600) / 12**0.5)
    for direction in ("higher", "lower"):
        assert lone_tolerance([90.0] * 3, 100, direction=direction, unit="", images=100) == pytest.approx(0, abs=1e-9)


def test_a_base_that_collapses_by_itself_excuses_a_head_that_does() -> None:
    base, head = {0: 86.0, 1: 10.0, 2: 85.0, 3: 86.5}, {0: 86.0, 1: 85.0, 2: 10.0, 3: 10.0}
    assert judge(base, head, 2, direction="higher", unit="%", images=1000).verdict == "ok"


def test_the_factor_is_a_prediction_intervals_with_half_of_the_false_alarms_for_every_seed() -> None:
    base = [80.0, 82.0, 87.0, 84.0]
    spread = float(np.std(base, ddof=1))
    assert HALF == FALSE_ALARMS / 2
    lone = lone_tolerance(base, 50, direction="higher", unit="", images=0)
    assert lone == pytest.approx(factor(4, 2 * 50 * 4) * spread)
    assert lone_tolerance(base[:2], 50, direction="higher", unit="", images=0) is None


def test_recorded_seeds_join_the_bases_and_make_two_pairs_enough(results: MakeResults) -> None:
    expected = record("smoke", results(range(6))).expectations
    (entry,) = (entry for entry in expected.score if entry.cell == f"{ROW}/s0" and entry.key == ACCURACY)
    base = [86.0, 86.4]
    variance = (0.08 + 5 * entry.spread**2) / 6
    lone = lone_tolerance(base, 4, direction="higher", unit="", images=0, entry=entry)
    assert lone == pytest.approx(factor(2, 16, freedom=6) * variance**0.5)
    one = lone_tolerance(base[:1], 4, direction="higher", unit="", images=0, entry=entry)
    assert one is None, "one pair is its own mean"
    falling = entry.model_copy(update={"direction": "lower"})
    lone = lone_tolerance([86.0, 86.0], 4, direction="lower", unit="", images=0, entry=falling)
    part = (5 / 6) ** 0.5 * entry.spread / entry.value
    assert lone == pytest.approx(86 * (np.exp(factor(2, 16, freedom=6) * part) - 1))

    def notes(head: list[Result]) -> tuple[bool, str]:
        report = compare_runs("smoke", results(range(2)), head, expected, against="base")
        return report.ok, to_text(report)

    head = collapsed(results(range(2)), 1)
    head[1]["scores"][0]["value"] += 0.6
    ok, said = notes(head)
    assert not ok
    assert "seed 0 alone: " in said
    assert "by the base's and the recorded seeds" in said


def test_the_printed_probability_holds_the_share_of_lone_seeds(results: MakeResults) -> None:
    expected = record("smoke", results(range(6))).expectations
    words = "an equally good head is red by chance with a probability of at most"

    def told(seeds: int, **more: object) -> list[str]:
        head = [{**one, "journal": "again"} for one in results(range(seeds))]
        found = compare_runs("smoke", results(range(seeds)), head, against="base", **more)  # type: ignore[arg-type]
        return [note for note in found.notes if note.startswith(words)]

    assert told(3) == [f"{words} 0.05"]
    assert told(1, expectations=expected) == [f"{words} 0.05"]
    assert told(3, expectations=expected) == [f"{words} 0.075"]


def test_a_small_mean_loss_has_no_lone_seeds() -> None:
    losses = {0: 4.0, 1: -1.0, 2: -0.5}
    assert lone_seeds(losses, 1.0, 1.0, 100.0) == []
    assert lone_seeds(losses, 1.0, 0.5, 100.0) == [0]
    assert lone_seeds(losses, 4.0, 0.5, 100.0) == []


def test_a_seed_beyond_the_mean_of_a_row_that_is_better_decides_nothing() -> None:
    base, head = {0: 50.0, 1: 50.5, 2: 49.5}, {0: 90.0, 1: 91.0, 2: 30.0}
    assert judge(base, head, 1, direction="higher", unit="%", images=1000).verdict == "ok"


def test_other_scores_of_the_row_stay_green(results: MakeResults) -> None:
    extra = [result("p/m/t", seed, [score("fid.lite0", 30.0 + seed, "", "lower")]) for seed in range(5)]
    head = [*collapsed(results(), 2), *({**one, "journal": "again"} for one in extra)]
    report = compare_runs("smoke", [*results(), *extra], head, against="base")
    assert len(report.failures) == 1
    assert len(report.checks) == 5


def test_a_share_that_was_nothing_may_become_three_images() -> None:
    assert floor(0.0, "", 250) == pytest.approx(3 / 250)
    assert floor(0.0, "", 0) == 0.0
    assert floor(0.5, "", 250) == pytest.approx(0.01)
