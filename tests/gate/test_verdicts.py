"""What turns the gate red against recorded expectations."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.expectations import Expectations

from .conftest import (
    ACCURACY,
    CELL,
    FID,
    OTHER,
    ROW,
    Data,
    accepted,
    checked,
    failed,
    fresh,
    lines,
    new,
    result,
    results,
    score,
    the_failure,
    verdicts,
    versus,
)


def test_every_recorded_seed_is_green_whatever_the_cells_settings(expected: Expectations) -> None:
    for seed in range(5):
        again = results([seed])
        for found in again:
            found["cell"] |= {"seed": 0, "method_settings": {"renamed": 1}}
        assert list(verdicts(checked(expected, again)).values()) == ["ok"] * 4


@pytest.mark.parametrize(("n", "value", "key"), [(0, 31.0, ACCURACY), (1, 60.0, FID)])
def test_a_broken_loss_turns_the_gate_red_and_names_cell_and_metric(
    expected: Expectations, n: int, value: float, key: str
) -> None:
    broken = results([0])
    broken[0]["scores"][n]["value"] = value
    check = the_failure(checked(expected, broken))
    assert (check.cell, check.key, check.verdict) == (CELL, key, "worse")
    assert check.expected is not None
    assert check.tolerance is not None
    assert check.gain == -abs(value - check.expected.value) < -check.tolerance


def test_a_better_score_is_no_failure(expected: Expectations) -> None:
    report = checked(expected, results([0], shift=2.0))
    assert not report.failures
    assert set(verdicts(report).values()) == {"better"}


def test_a_score_that_is_better_by_more_than_three_tolerances_is_suspicious(expected: Expectations) -> None:
    (tolerance,) = (entry.tolerance for entry in expected.score if entry.place == (CELL, ACCURACY))
    for by, verdict, code in ((2.9, "better", 0), (3.1, "suspicious", 2)):
        some = results([0])
        some[0]["scores"][0]["value"] = expected.score[0].value + by * tolerance
        report = checked(expected, some)
        assert verdicts(report)[CELL, ACCURACY] == verdict
        assert report.exit_code == code
        assert ("suspicious" in lines(report)[-1]) == bool(code)
    report = versus(results(), fresh(shift=20.0))
    assert set(verdicts(report).values()) == {"suspicious"}
    assert report.exit_code == 0, "a pull request may make a row much better; nothing can be accepted there"
    assert "4 suspicious" in lines(report)[-1]


def test_scores_of_other_images_are_incomparable_and_only_five_seeds_make_new_expectations() -> None:
    before, after = ([{**one, "data": {"mnist": name}} for one in results()] for name in "ab")
    expected, _ = accepted(before)
    assert checked(expected, before).exit_code == 0
    report = checked(expected, after)
    assert report.exit_code == 2
    assert {check.verdict for check in report.failures} == {"incomparable"}
    assert "other images" in lines(report)[0]
    assert checked(expected, results()).exit_code == 2, "a result that does not say what it saw"
    with pytest.raises(UserError, match=r"images have changed; its tolerance must be made anew with 5 seeds"):
        accepted(after[:1] + after[5:6], expected)
    assert checked(accepted(after, expected)[0], after).exit_code == 0
    part, _ = accepted(after[:5], expected, f"{ROW}/*")
    assert part.data == {CELL: accepted(after)[0].data[CELL], f"{OTHER}/s0": expected.data[f"{OTHER}/s0"]}
    assert checked(accepted(results())[0], after).exit_code == 0, "files of earlier versions name no images"


@pytest.mark.parametrize(
    ("field", "value"), [("n_fake", 500), ("n_real", 7), ("data", "digits:real:test"), ("extractor", "inception")]
)
def test_scores_measured_differently_are_not_compared(expected: Expectations, field: str, value: object) -> None:
    some = results([0])
    some[0]["scores"][1]["protocol"][field] = value
    check = the_failure(checked(expected, some))
    assert check.verdict == "incomparable"
    assert f"{field} is {value}, expected " in check.reason


def test_a_judges_digest_may_differ_but_an_extractors_may_not() -> None:
    def with_weights(found: list[Data], judge: str, extractor: str) -> list[Data]:
        for one in found:
            one["scores"][0]["protocol"] |= {"extractor": "judge:target", "weights": judge}
            one["scores"][1]["protocol"]["weights"] = extractor
        return found

    made, _ = accepted(with_weights(results(), "0123", "4567"))
    found = verdicts(checked(made, with_weights(results([0]), "another", "another")))
    assert found[CELL, ACCURACY] == "ok"
    assert found[CELL, FID] == "incomparable"


def test_timings_and_scores_without_direction_are_never_gated(expected: Expectations) -> None:
    assert {entry.name for entry in expected.score} == {"accuracy.target", "fid.lite0"}


def test_scores_without_expectation_are_listed_as_new(expected: Expectations) -> None:
    some = [*results([0, 1]), result("dtn/new/digits", 0, [score("accuracy.target", 50, "%", "higher")])]
    some[0]["scores"].append(score("accuracy.target", 90, "%", "higher", digit="3"))
    report = checked(expected, some)
    assert not report.failures
    assert new(report) == [(CELL, "accuracy.target request:test digit:3"), ("dtn/new/digits/s0", ACCURACY)]


def test_another_device_is_mentioned(expected: Expectations) -> None:
    some = results([0])
    for found in some:
        found["environment"]["device"] = "NVIDIA H200"
    assert "expectations were made on 'cpu', these results on 'NVIDIA H200'" in checked(expected, some).notes[0]
    assert checked(expected, results([0])).notes == ()


@given(st.data())
def test_the_order_of_results_scores_and_expectations_changes_nothing(data: st.DataObject) -> None:
    made = [
        result(f"p/m{cell}/t", seed, [score(f"m{i}", 10.0 * i + seed, "", "higher") for i in range(3)])
        for cell in range(3)
        for seed in range(5)
    ]
    expected, _ = accepted(made)
    some = [json.loads(json.dumps(found)) for found in made if found["cell"]["seed"] == 0]
    some[0]["scores"][1]["value"] = -100.0
    report = checked(expected, some)
    assert failed(report) == [("p/m0/t/s0", "m1 request:test", "worse")]
    for found in some:
        found["scores"] = data.draw(st.permutations(found["scores"]))
    shuffled = expected.model_copy(update={"score": data.draw(st.permutations(expected.score))})
    assert checked(shuffled, data.draw(st.permutations(some))) == report
    assert accepted(data.draw(st.permutations(made)))[0] == expected


@given(value=st.floats(0.1, 1e6), step=st.floats(0, 1e6), direction=st.sampled_from(["higher", "lower"]))
def test_a_worse_value_never_gets_a_better_verdict(value: float, step: float, direction: str) -> None:
    expected, _ = accepted([result("p/m/t", seed, [score("m", value + seed, "", direction)]) for seed in range(5)])

    def rank(x: float) -> int:
        report = checked(expected, [result("p/m/t", 0, [score("m", x, "", direction)])])
        return ("worse", "ok", "better", "suspicious").index(report.checks[0].verdict)

    assert rank(value - step) <= rank(value) if direction == "higher" else rank(value - step) >= rank(value)
