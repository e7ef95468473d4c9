"""What ``--accept`` records, keeps and refuses, for the whole suite and, with ``--only``, for a part."""

from __future__ import annotations

import re

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.expectations import Expectations
from retable.benchmarks.gate.render import summary

from .conftest import ACCURACY, CELL, HERE, OTHER, Data, accepted, checked, failed, new, result, results, score

CARTOON, ONLY = "cartoon/basic/cartoon-groups", "cartoon/*"


def cartoons(seeds: range = range(6), *, mean: float = 70.0, device: str = "cpu") -> list[Data]:
    made = []
    for seed in seeds:
        made.append(result(CARTOON, seed, [score("accuracy.cartoon", mean + (seed * 7 % 5) / 5, "%", "higher")]))
        made[-1]["environment"] |= {"device": device, "commit": "def456"}
    return made


def noisy(seeds: range = range(5), name: str = "accuracy", unit: str = "%", direction: str = "higher") -> list[Data]:
    """A score whose tolerance reaches 0 if it should be high, and 100 if it should be low."""
    return [result("p/m/t", seed, [score(name, 10.0 + 20 * seed, unit, direction)]) for seed in seeds]


def told(notes: list[str], start: str, words: str = "") -> bool:
    return any(note.startswith(start) and words in note for note in notes)


def test_what_was_accepted_is_green_and_accepting_it_again_changes_nothing(expected: Expectations) -> None:
    assert not checked(expected, results([0])).failures
    assert accepted(list(reversed(results())), expected)[0] == expected
    whole, _ = accepted(cartoons(), expected, ONLY)
    assert accepted(cartoons(), whole, ONLY)[0] == whole


def test_the_expectations_say_how_the_tolerances_were_made(expected: Expectations) -> None:
    assert expected.made.model_dump(exclude={"date"}) == {
        "commit": "abc123",
        "device": "cpu",
        "cpu": "Abacus 3000",
        "torch": HERE["torch"],
        "seeds": [0, 1, 2, 3, 4],
        "checks": 4,
        "false_alarms": 0.05,
    }


def test_one_seed_moves_values_and_keeps_tolerances(expected: Expectations) -> None:
    worse = results([0], shift=-20)
    assert checked(expected, worse).failures
    after, notes = accepted(worse, expected)
    assert after.made == expected.made
    assert after.moved is not None
    assert after.moved.seeds == [0]
    assert [entry.tolerance for entry in after.score] == [entry.tolerance for entry in expected.score]
    assert after.score[0].value == pytest.approx(worse[0]["scores"][0]["value"], rel=1e-5)
    assert not checked(after, worse).failures
    assert "0 with new tolerances, 4 with the old tolerance and a moved value" in notes[0]
    again, _ = accepted(results(range(8)), after)
    assert again.moved is None, "five seeds make new tolerances"
    assert {entry.seeds for entry in again.score} == {8}


def test_a_score_with_too_few_seeds_and_no_old_tolerance_is_left_out_by_name() -> None:
    judge = result("judges/mnist/digits", 0, [score("accuracy", 99.2, "%", "higher")])
    expected, notes = accepted([*results(), judge])
    assert {entry.cell for entry in expected.score} == {CELL, f"{OTHER}/s0"}
    assert told(notes, "left out, fewer than 5 seeds", "judges/mnist/digits/s0 accuracy request:test")


def test_a_score_that_is_no_longer_measured_is_dropped_by_name(expected: Expectations) -> None:
    some = results()
    for found in some[:5]:
        del found["scores"][0]
    after, notes = accepted(some, expected)
    assert told(notes, "dropped", f"{CELL} {ACCURACY}")
    assert not checked(after, some).failures


def test_a_changed_protocol_needs_five_seeds(expected: Expectations) -> None:
    some = results()
    for found in some:
        found["scores"][0]["protocol"]["n_fake"] = 500
    with pytest.raises(UserError, match=r"must be made anew with 5 seeds \(seed 0: n_fake is 500, expected 1000\)"):
        accepted([found for found in some if found["cell"]["seed"] == 0], expected)
    assert accepted(some, expected)[0].score[0].n_fake == 500


def test_seeds_that_were_measured_differently_are_refused() -> None:
    some = results()
    some[2]["scores"][1]["protocol"]["n_fake"] = 999
    with pytest.raises(UserError, match=r"fid.*not measured alike \(seed 2: n_fake is 999"):
        accepted(some)
    del some[0]["scores"][1]
    with pytest.raises(UserError, match=f"{CELL} lacks fid.lite0 request:test, which other seeds have"):
        accepted(some)


def test_scores_that_are_left_out_by_hand_stay_out(expected: Expectations) -> None:
    after, _ = accepted(results(), expected.model_copy(update={"leave_out": ["dtn/original/* fid.*"]}))
    assert after.leave_out == ["dtn/original/* fid.*"]
    gone = {entry.place for entry in expected.score} - {entry.place for entry in after.score}
    assert gone == {(f"{OTHER}/s0", "fid.lite0 request:test")}
    assert new(checked(after, results())) == []


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_a_check_that_could_never_fail_is_named_not_recorded_and_missed_when_it_is_gone(direction: str) -> None:
    found = [*results(), *noisy(direction=direction)]
    expected, notes = accepted(found)
    assert told(notes, "not checked, too noisy", "p/m/t/s0 accuracy")
    assert "4 expectations of gate smoke: 4 with new tolerances, 0 with" in notes[0]
    assert expected.cannot_fail == ["p/m/t/s0 accuracy request:test"]
    assert "p/m/t/s0" not in {entry.cell for entry in expected.score}
    assert summary(checked(expected, found)) == "gate smoke: 4 checks passed; 1 too noisy to be checked"
    assert summary(checked(expected, found, "dtn/*")) == "gate smoke: 4 checks passed"
    gone = [*results([0]), result("p/m/t", 0, [])]
    assert failed(checked(expected, gone)) == [("p/m/t/s0", "accuracy request:test", "missing")]
    assert failed(checked(expected, results([0]))) == [("p/m/t/s0", "(1 score)", "missing")]


def test_a_score_whose_scale_has_no_known_end_is_recorded_however_noisy() -> None:
    assert [entry.name for entry in accepted(noisy(name="likelihood", unit=""))[0].score] == ["likelihood"]
    assert accepted(noisy(name="precision.lite0", unit=""))[0].score == []


def test_too_noisy_a_score_stays_away_until_five_seeds_say_otherwise() -> None:
    expected, _ = accepted([*results(), *noisy()])
    worst = results([0])
    worst[0]["scores"][0]["value"] = 0.5
    after, notes = accepted([*worst, *noisy(range(1))], expected)
    assert after.cannot_fail == [f"{CELL} {ACCURACY}", *expected.cannot_fail], "moved to its tolerance of the worst"
    assert told(notes, "not checked, too noisy", ACCURACY)
    assert not told(notes, "left out")
    calm = [result("p/m/t", seed, [score("accuracy", 50.0 + seed, "%", "higher")]) for seed in range(5)]
    after, _ = accepted([*results(), *calm], after)
    assert after.cannot_fail == []
    assert {entry.cell for entry in after.score} == {CELL, f"{OTHER}/s0", "p/m/t/s0"}


def test_an_uncommitted_tree_and_several_revisions_are_mentioned() -> None:
    some = results()
    for n, found in enumerate(some):
        found["environment"] |= {"dirty": "true", "commit": f"abc{n % 2}"}
    expected, notes = accepted(some)
    assert expected.made.commit == "abc0-dirty, abc1-dirty"
    assert told(notes, "results come from an uncommitted working tree")
    assert told(notes, "results come from several revisions (abc0-dirty, abc1-dirty)")


def test_a_part_joins_a_file_whose_other_cells_were_not_run_anew(expected: Expectations) -> None:
    """Their results may be old, failed, or of other settings: only what was picked is looked at."""
    bad = results([0], shift=-50)
    bad[0] |= {"status": "failed"}
    after, notes = accepted([*bad, *cartoons()], expected, ONLY)
    (ours,) = (entry for entry in after.score if entry not in expected.score)
    assert len(after.score) == 5
    assert (after.made, after.moved) == (expected.made, None)
    (part,) = after.later
    # Four checks were there before.
    assert (part.only, part.commit, part.seeds, part.checks) == (ONLY, "def456", [0, 1, 2, 3, 4, 5], 5)
    assert not checked(after, [*results([0]), *cartoons(range(1))]).failures
    alone, said = accepted(cartoons())
    assert ours.tolerance > alone.score[0].tolerance, "made for the checks of the whole file"
    assert ours.value == alone.score[0].value
    assert told(notes, "an equally good run on another machine is red with a probability of at most 0.06")
    assert told(said, "an equally good run", "at most 0.05")
    assert "4 of other cells are as they were" in notes[0]


def test_scores_too_noisy_to_fail_are_kept_apart_by_the_part_that_they_belong_to(expected: Expectations) -> None:
    wild = cartoons()
    for one in wild:
        one["scores"].append(score("accuracy.photo", 10.0 + 18 * one["cell"]["seed"], "%", "higher"))
    after, _ = accepted(wild, expected, ONLY)
    photo = f"{CARTOON}/s0 accuracy.photo request:test"
    assert after.cannot_fail == [photo]
    wild = [result("dtn/dtn/digits", seed, [score("accuracy.target", 20.0 * seed, "%", "higher")]) for seed in range(6)]
    after, _ = accepted(wild, after, "dtn/dtn/*")
    assert after.cannot_fail == [photo, f"{CELL} {ACCURACY}"]
    assert accepted(cartoons(), after, ONLY)[0].cannot_fail == [f"{CELL} {ACCURACY}"]


def test_one_seed_moves_the_values_of_the_part_alone(expected: Expectations) -> None:
    before, _ = accepted(cartoons(), expected, ONLY)
    for mean in (40.0, 41.0):
        after, _ = accepted(cartoons(range(1), mean=mean), before, ONLY)
        changed = [(old, entry) for old, entry in zip(before.score, after.score, strict=True) if old != entry]
        (pair,) = changed
        assert (pair[1].cell, pair[1].value, pair[1].tolerance) == (f"{CARTOON}/s0", mean, pair[0].tolerance)
        assert [part.checks for part in after.later] == [5, 0]
        before = after
    whole, _ = accepted([*results(), *cartoons()], before)
    assert (whole.later, whole.made.checks) == ([], 5), "accepting everything with new tolerances forgets the parts"


def changed(n: int, **change: object) -> list[Data]:
    """The results of five seeds, with one changed."""
    some = results()
    some[n] |= change
    return some


@pytest.mark.parametrize(
    ("found", "only", "words"),
    [
        (changed(0, status="timeout", scores=[]), None, f"{CELL} is timeout, not ok"),
        (changed(0, environment={"device": "GPU"}), None, "several devices"),
        (results()[:5], None, f"no result for {OTHER}/s0"),
        (results()[:5], "dtn/*", f"no result for {OTHER}/s0"),
        (cartoons(), "cartoons/*", "--only 'cartoons/*' matches no cell"),
        (cartoons(range(3)), ONLY, "no score has 5 seeds"),
        (cartoons(device="GPU"), ONLY, "the kept expectations were made on 'cpu', these results on 'GPU'"),
    ],
)
def test_what_cannot_be_accepted_is_refused(
    expected: Expectations, found: list[Data], only: str | None, words: str
) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        accepted(found, expected, only)


def test_without_expectations_a_part_and_four_seeds_are_refused() -> None:
    with pytest.raises(UserError, match=r"no score has 5 seeds \(the most is 4\).*--seeds 0-4"):
        accepted(results(range(4)))
    with pytest.raises(UserError, match="nothing is recorded yet"):
        accepted(cartoons(), None, ONLY)


def test_the_gate_compares_only_what_was_picked(expected: Expectations) -> None:
    after, _ = accepted(cartoons(), expected, ONLY)
    for found, only, failures in (
        (cartoons(range(1)), ONLY, 0),
        (cartoons(range(1)), None, 2),
        (results([0]), ONLY, 1),
        ([*results([0], shift=-50), *cartoons(range(1))], ONLY, 0),
    ):
        assert len(checked(after, found, only).failures) == failures
