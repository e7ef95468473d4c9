"""What turns the gate red, and what it says then."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate import GateReport, compare, record
from retable.benchmarks.gate.expectations import Expectations

from .conftest import MakeResults, Result, result, score

CELL = "dtn/dtn/digits/s0"
ACCURACY = "accuracy.target request:test"


@pytest.fixture
def expected(results: MakeResults) -> Expectations:
    return record("smoke", results()).expectations


def verdicts(report: GateReport) -> dict[tuple[str, str], str]:
    return {(check.cell, check.key): check.verdict for check in report.checks}


def scores(results: list[Result], address: str = CELL) -> list[dict[str, object]]:
    return next(found["scores"] for found in results if found["cell"]["address"] == address)


def test_every_recorded_seed_is_green(expected: Expectations, results: MakeResults) -> None:
    for seed in range(5):
        again = results([seed])
        for found in again:
            found["cell"]["address"] = found["cell"]["address"].replace(f"/s{seed}", "/s0")
        report = compare(expected, again)
        assert report.ok
        assert set(verdicts(report).values()) == {"ok"}


def test_a_broken_loss_turns_the_gate_red_and_names_cell_and_metric(
    expected: Expectations, results: MakeResults
) -> None:
    broken = results([0])
    scores(broken)[0]["value"] = 31.0
    report = compare(expected, broken)
    assert not report.ok
    assert [(check.cell, check.key, check.verdict) for check in report.failures] == [(CELL, ACCURACY, "worse")]
    check = report.failures[0]
    assert check.gain == pytest.approx(31.0 - check.expected.value)  # type: ignore[union-attr]
    assert check.tolerances is not None
    assert check.tolerances < -1


def test_worse_means_higher_for_a_distance(expected: Expectations, results: MakeResults) -> None:
    broken = results([0])
    scores(broken)[1]["value"] = 60.0
    assert verdicts(compare(expected, broken))[CELL, "fid.lite0 request:test"] == "worse"


def test_a_better_score_is_no_failure_but_asks_for_an_update(expected: Expectations, results: MakeResults) -> None:
    report = compare(expected, results([0], shift=10.0))
    assert report.ok
    assert set(verdicts(report).values()) == {"better"}


def test_a_missing_cell_and_a_missing_score_are_failures(expected: Expectations, results: MakeResults) -> None:
    some = results([0])[:1]
    del scores(some)[0]
    found = verdicts(compare(expected, some))
    assert found["dtn/original/digits/s0", ACCURACY] == "missing"
    assert found[CELL, ACCURACY] == "missing"
    assert found[CELL, "fid.lite0 request:test"] == "ok"


def test_a_cell_that_did_not_end_well_fails_with_its_status_word(expected: Expectations, results: MakeResults) -> None:
    some = results([0])
    some[0] |= {"status": "oom", "reason": "out of memory", "scores": []}
    report = compare(expected, some)
    assert [check.verdict for check in report.failures] == ["cell", "cell"]
    assert all("oom" in check.reason for check in report.failures)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_value_that_is_no_number_fails(expected: Expectations, results: MakeResults, value: float | None) -> None:
    some = results([0])
    scores(some)[1]["value"] = value
    assert verdicts(compare(expected, some))[CELL, "fid.lite0 request:test"] == "nonfinite"


@pytest.mark.parametrize(
    ("field", "value"), [("n_fake", 500), ("n_real", 7), ("data", "digits:real:test"), ("extractor", "inception")]
)
def test_scores_measured_differently_are_not_compared(
    expected: Expectations, results: MakeResults, field: str, value: object
) -> None:
    some = results([0])
    scores(some)[1]["protocol"][field] = value  # type: ignore[index]
    report = compare(expected, some)
    (check,) = report.failures
    assert check.verdict == "incomparable"
    assert field in check.reason
    assert str(value) in check.reason


def test_a_judges_digest_may_differ_but_an_extractors_may_not(expected: Expectations, results: MakeResults) -> None:
    some = results([0])
    made = record("smoke", [_with_weights(found) for found in results()]).expectations
    scores(some)[0]["protocol"] |= {"extractor": "judge:target", "weights": "another"}  # type: ignore[operator]
    scores(some)[1]["protocol"]["weights"] = "another"  # type: ignore[index]
    found = verdicts(compare(made, some))
    assert found[CELL, ACCURACY] == "ok"
    assert found[CELL, "fid.lite0 request:test"] == "incomparable"


def _with_weights(found: Result) -> Result:
    found["scores"][0]["protocol"] |= {"extractor": "judge:target", "weights": "0123"}
    found["scores"][1]["protocol"]["weights"] = "4567"
    return found


def test_timings_and_scores_without_direction_are_never_gated(expected: Expectations) -> None:
    assert {entry.name for entry in expected.score} == {"accuracy.target", "fid.lite0"}


def test_scores_without_expectation_are_listed_as_new(expected: Expectations, results: MakeResults) -> None:
    some = [*results([0, 1]), result("dtn/new/digits", 0, [score("accuracy.target", 50, "%", "higher")])]
    scores(some).append(score("accuracy.target", 90, "%", "higher", digit="3"))
    report = compare(expected, some)
    assert report.ok
    assert [(check.cell, check.key) for check in report.new] == [
        (CELL, "accuracy.target request:test digit:3"),
        ("dtn/new/digits/s0", ACCURACY),
    ]


def test_the_last_green_run_informs_but_does_not_decide(expected: Expectations, results: MakeResults) -> None:
    report = compare(expected, results([0]), {CELL: {ACCURACY: 99.0}})
    assert report.ok
    (check,) = (check for check in report.checks if check.before is not None)
    assert check.change is not None
    assert check.change < -10


def test_two_cells_of_one_address_are_refused(expected: Expectations, results: MakeResults) -> None:
    twice = [*results([0]), *results([0])]
    twice[0]["cell"] = {**twice[0]["cell"], "hash": "other"}
    with pytest.raises(UserError, match=f"two different cells.*{CELL}"):
        compare(expected, twice)


@pytest.mark.parametrize("broken", [{}, {"cell": {"address": "a/s0"}, "status": "ok", "scores": [{"name": "x"}]}])
def test_a_malformed_result_is_one_clear_line(expected: Expectations, broken: Result) -> None:
    with pytest.raises(UserError, match=r"result\.json"):
        compare(expected, [broken])


def test_another_device_is_mentioned(expected: Expectations, results: MakeResults) -> None:
    some = results([0])
    for found in some:
        found["environment"]["device"] = "NVIDIA H200"
    assert any("NVIDIA H200" in note for note in compare(expected, some).notes)


@given(st.data())
def test_the_order_of_results_scores_and_expectations_changes_nothing(data: st.DataObject) -> None:
    made = [
        result(f"p/m{cell}/t", seed, [score(f"m{i}", 10.0 * i + seed, "", "higher") for i in range(3)])
        for cell in range(3)
        for seed in range(5)
    ]
    expected = record("s", made).expectations
    some = [json.loads(json.dumps(found)) for found in made if found["cell"]["seed"] == 0]
    some[0]["scores"][1]["value"] = -100.0
    report = compare(expected, some)
    for found in some:
        found["scores"] = data.draw(st.permutations(found["scores"]))
    shuffled = expected.model_copy(update={"score": data.draw(st.permutations(expected.score))})
    assert compare(shuffled, data.draw(st.permutations(some))) == report
    assert record("s", data.draw(st.permutations(made))).expectations == expected


@given(
    value=st.floats(0.1, 1e6),
    step=st.floats(0, 1e6),
    direction=st.sampled_from(["higher", "lower"]),
)
def test_a_worse_value_never_gets_a_better_verdict(value: float, step: float, direction: str) -> None:
    seeds = [result("p/m/t", seed, [score("m", value + seed, "", direction)]) for seed in range(5)]
    expected = record("s", seeds).expectations
    rank = {"worse": 0, "ok": 1, "better": 2}

    def verdict(x: float) -> int:
        return rank[compare(expected, [result("p/m/t", 0, [score("m", x, "", direction)])]).checks[0].verdict]

    assert verdict(value - step) <= verdict(value) if direction == "higher" else verdict(value - step) >= verdict(value)


def test_nothing_expected_and_nothing_found_is_green(expected: Expectations) -> None:
    assert compare(expected.model_copy(update={"score": []}), []).ok
