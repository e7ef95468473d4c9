"""What ``--accept`` writes, keeps and refuses."""

from __future__ import annotations

import datetime
import math
from pathlib import Path

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate import accept_results, compare, load, summary
from retable.benchmarks.gate.expectations import save, to_toml

from .conftest import MakeResults, Result, result, score

DAY = datetime.date(2025, 1, 31)
CELL = "dtn/dtn/digits/s0"
ACCURACY = "accuracy.target request:test"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "expected" / "smoke.toml"


def test_what_was_accepted_is_green_and_reads_back_the_same(path: Path, results: MakeResults) -> None:
    accepted = accept_results("smoke", results(), path, today=DAY)
    assert load(path) == accepted.expectations
    assert compare(load(path), results([0])).ok
    assert [file.name for file in path.parent.iterdir()] == ["smoke.toml"]


def test_accepting_twice_changes_nothing(path: Path, results: MakeResults) -> None:
    accept_results("smoke", results(), path, today=DAY)
    first = path.read_bytes()
    accept_results("smoke", list(reversed(results())), path, today=DAY)
    assert path.read_bytes() == first


def test_the_file_says_how_the_tolerances_were_made(path: Path, results: MakeResults) -> None:
    made = accept_results("smoke", results(), path, today=DAY).expectations.made
    assert made.model_dump() == {
        "date": DAY,
        "commit": "abc123",
        "device": "cpu",
        "cpu": "Abacus 3000",
        "torch": "2.15",
        "seeds": [0, 1, 2, 3, 4],
        "checks": 4,
        "false_alarms": 0.05,
    }


def test_one_seed_moves_values_and_keeps_tolerances(path: Path, results: MakeResults) -> None:
    before = accept_results("smoke", results(), path, today=DAY).expectations
    assert not compare(before, results([0], shift=-20)).ok
    accepted = accept_results("smoke", results([0], shift=-20), path, today=DAY)
    after = load(path)
    assert after.made == before.made
    assert after.moved is not None
    assert after.moved.seeds == [0]
    assert [entry.tolerance for entry in after.score] == [entry.tolerance for entry in before.score]
    assert after.score[0].value == pytest.approx(results([0], shift=-20)[0]["scores"][0]["value"], rel=1e-5)
    assert compare(after, results([0], shift=-20)).ok
    assert "0 with new tolerances, 4 with the old tolerance and a moved value" in accepted.notes[0]


def test_five_seeds_make_new_tolerances(path: Path, results: MakeResults) -> None:
    accept_results("smoke", results(), path, today=DAY)
    accept_results("smoke", results([0], shift=-20), path, today=DAY)
    after = accept_results("smoke", results(range(8)), path, today=DAY).expectations
    assert after.moved is None
    assert {entry.seeds for entry in after.score} == {8}


def test_a_score_with_too_few_seeds_and_no_old_tolerance_is_left_out_by_name(path: Path, results: MakeResults) -> None:
    judge = result("judges/mnist/digits", 0, [score("accuracy", 99.2, "%", "higher")])
    accepted = accept_results("smoke", [*results(), judge], path, today=DAY)
    assert {entry.cell for entry in accepted.expectations.score} == {CELL, "dtn/original/digits/s0"}
    assert any("judges/mnist/digits/s0 accuracy request:test" in note for note in accepted.notes)


def test_nothing_is_recorded_from_four_seeds(path: Path, results: MakeResults) -> None:
    with pytest.raises(UserError, match=r"no score has 5 seeds \(the most is 4\).*--seeds 0-4"):
        accept_results("smoke", results(range(4)), path)
    assert not path.exists()


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_no_number_is_no_expectation(path: Path, results: MakeResults, value: float | None) -> None:
    some = results()
    some[3]["scores"][0]["value"] = value
    with pytest.raises(UserError, match=r"dtn/dtn/digits/s3 accuracy.*must be finite"):
        accept_results("smoke", some, path)
    assert not path.exists()


def test_a_failed_cell_is_not_accepted_and_the_old_file_stays(path: Path, results: MakeResults) -> None:
    accept_results("smoke", results(), path, today=DAY)
    before = path.read_bytes()
    some = results()
    some[0] |= {"status": "timeout", "scores": []}
    with pytest.raises(UserError, match=f"{CELL} is timeout, not ok"):
        accept_results("smoke", some, path)
    assert path.read_bytes() == before


def test_a_cell_without_a_result_is_not_dropped_in_silence(path: Path, results: MakeResults) -> None:
    accept_results("smoke", results(), path, today=DAY)
    with pytest.raises(UserError, match="no result for dtn/original/digits/s0"):
        accept_results("smoke", results()[:5], path)


def test_a_score_that_is_no_longer_measured_is_dropped_by_name(path: Path, results: MakeResults) -> None:
    accept_results("smoke", results(), path, today=DAY)
    some = results()
    for found in some[:5]:
        del found["scores"][0]
    accepted = accept_results("smoke", some, path, today=DAY)
    assert any(note.startswith("dropped") and f"{CELL} {ACCURACY}" in note for note in accepted.notes)
    assert compare(load(path), [found for found in some if found["cell"]["seed"] == 0]).ok


def test_a_changed_protocol_needs_five_seeds(path: Path, results: MakeResults) -> None:
    accept_results("smoke", results(), path, today=DAY)
    some = results()
    for found in some:
        found["scores"][0]["protocol"]["n_fake"] = 500
    with pytest.raises(UserError, match=r"must be made anew with 5 seeds \(seed 0: n_fake is 500, expected 1000\)"):
        accept_results("smoke", [found for found in some if found["cell"]["seed"] == 0], path)
    accept_results("smoke", some, path, today=DAY)
    assert load(path).score[0].n_fake == 500


def test_seeds_that_were_measured_differently_are_refused(path: Path, results: MakeResults) -> None:
    some = results()
    some[2]["scores"][1]["protocol"]["n_fake"] = 999
    with pytest.raises(UserError, match=r"fid.*not measured alike \(seed 2: n_fake is 999"):
        accept_results("smoke", some, path)


def test_results_of_two_devices_are_refused(path: Path, results: MakeResults) -> None:
    some = results()
    some[0]["environment"]["device"] = "NVIDIA H200"
    with pytest.raises(UserError, match="several devices"):
        accept_results("smoke", some, path)


def test_scores_that_are_left_out_by_hand_stay_out(path: Path, results: MakeResults) -> None:
    first = accept_results("smoke", results(), path, today=DAY).expectations
    save(path, first.model_copy(update={"leave_out": ["dtn/original/* fid.*"]}))
    accepted = accept_results("smoke", results(), path, today=DAY)
    assert accepted.expectations.leave_out == ["dtn/original/* fid.*"]
    assert {(entry.cell, entry.name) for entry in first.score} - {
        (entry.cell, entry.name) for entry in accepted.expectations.score
    } == {("dtn/original/digits/s0", "fid.lite0")}
    assert compare(accepted.expectations, results()).new == ()


def noisy(seeds: range = range(5), name: str = "accuracy", unit: str = "%", direction: str = "higher") -> list[Result]:
    """A score whose tolerance reaches 0 if it should be high, and 100 if it should be low."""
    return [result("p/m/t", seed, [score(name, 10.0 + 20 * seed, unit, direction)]) for seed in seeds]


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_a_check_that_could_never_fail_is_named_and_not_recorded(
    path: Path, results: MakeResults, direction: str
) -> None:
    found = [*results(), *noisy(direction=direction)]
    accepted = accept_results("smoke", found, path, today=DAY)
    assert any(note.startswith("not recorded, too noisy") and "p/m/t/s0 accuracy" in note for note in accepted.notes)
    assert "4 expectations of gate smoke: 4 with new tolerances, 0 with" in accepted.notes[0]
    assert load(path).cannot_fail == ["p/m/t/s0 accuracy request:test"]
    assert "p/m/t/s0" not in {entry.cell for entry in load(path).score}
    report = compare(load(path), found)
    assert (len(report.checks), report.new, report.cannot_fail) == (4, (), 1)
    assert summary(report) == "gate smoke: 4 checks passed; 1 score too noisy to be checked"


def test_a_score_whose_scale_has_no_known_end_is_recorded_however_noisy(path: Path) -> None:
    accept_results("smoke", noisy(name="likelihood", unit=""), path)
    assert [entry.name for entry in load(path).score] == ["likelihood"]
    accept_results("smoke", noisy(name="precision.lite0", unit=""), path)
    assert load(path).score == []


def test_too_noisy_a_score_stays_away_until_five_seeds_say_otherwise(path: Path, results: MakeResults) -> None:
    place = "p/m/t/s0 accuracy request:test"
    accept_results("smoke", [*results(), *noisy()], path)
    accepted = accept_results("smoke", [*results([0]), *noisy(range(1))], path)
    assert load(path).cannot_fail == [place]
    assert not any(note.startswith("left out") for note in accepted.notes)
    calm = [result("p/m/t", seed, [score("accuracy", 50.0 + seed, "%", "higher")]) for seed in range(5)]
    accept_results("smoke", [*results(), *calm], path)
    assert load(path).cannot_fail == []
    assert any(entry.cell == "p/m/t/s0" for entry in load(path).score)


def test_a_value_that_moved_within_its_tolerance_of_the_worst_is_no_check(path: Path, results: MakeResults) -> None:
    accept_results("smoke", results(), path)
    worst = results([0])
    worst[0]["scores"][0]["value"] = 0.5
    accepted = accept_results("smoke", worst, path)
    assert load(path).cannot_fail == [f"{CELL} {ACCURACY}"]
    assert any(note.startswith("checked no more") and ACCURACY in note for note in accepted.notes)
    assert not any(note.startswith("not recorded") for note in accepted.notes)


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_score_too_noisy_to_be_judged_is_missed_when_it_is_gone(
    path: Path, results: MakeResults, value: float | None
) -> None:
    accept_results("smoke", [*results(), *noisy()], path)
    cell, key = "p/m/t/s0", "accuracy request:test"
    (head,) = noisy(range(1))
    head["scores"] = [] if value is None else [{**head["scores"][0], "value": value}]
    report = compare(load(path), [*results([0]), head])
    (check,) = report.failures
    assert (check.cell, check.key, check.verdict) == (cell, key, "missing" if value is None else "nonfinite")
    assert report.cannot_fail == 0


def test_an_uncommitted_tree_is_mentioned(path: Path, results: MakeResults) -> None:
    some = results()
    for found in some:
        found["environment"]["dirty"] = "true"
    accepted = accept_results("smoke", some, path)
    assert accepted.expectations.made.commit == "abc123-dirty"
    assert any("uncommitted" in note for note in accepted.notes)


def test_an_unwritable_folder_is_one_clear_line(tmp_path: Path, results: MakeResults) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"smoke\.toml: cannot be written"):
        accept_results("smoke", results(), tmp_path / "file" / "smoke.toml")


def test_the_file_is_sorted_by_cell_and_metric(path: Path, results: MakeResults) -> None:
    expectations = accept_results("smoke", results(), path, today=DAY).expectations
    mixed = expectations.model_copy(update={"score": list(reversed(expectations.score))})
    assert to_toml(mixed) == path.read_text()
    cells = [line for line in path.read_text().splitlines() if line.startswith("cell = ")]
    assert cells == sorted(cells)
