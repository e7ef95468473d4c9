"""Two runs compared with each other: what is a regression, what is only told, and what is refused."""

from __future__ import annotations

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.expectations import Expectations

from .conftest import (
    ACCURACY,
    AGAINST,
    CELL,
    FID,
    HERE,
    OTHER,
    ROW,
    Data,
    failed,
    fresh,
    lines,
    moved,
    new,
    result,
    results,
    score,
    the_failure,
    verdicts,
    versus,
)


def measured_on(found: list[Data], n_fake: int) -> list[Data]:
    """The accuracies, measured on other images."""
    for one in found:
        one["scores"][0]["protocol"]["n_fake"] = n_fake
    return found


def test_two_equal_runs_are_green() -> None:
    for seeds in ([0], range(3), range(5)):
        assert list(verdicts(versus(results(seeds), fresh(seeds))).values()) == ["ok"] * 4


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_worse_score_is_red_and_named_with_its_evidence(seeds: int) -> None:
    report = versus(results(range(seeds)), moved(fresh(range(seeds)), -40.0))
    assert failed(report) == [(f"{ROW}/s0-{seeds - 1}", ACCURACY, "worse")]
    first, *_, last = lines(report)
    assert "40 points worse" in first
    assert "tolerances" in first
    assert ("95 % interval -40 to -40" if seeds == 5 else "3 pairs: -40, -40, -40") in first
    assert last == f"gate smoke against {AGAINST}: 1 of 4 checks failed"


def test_worse_means_higher_for_a_distance_and_better_is_no_failure() -> None:
    assert set(verdicts(versus(results(), fresh(shift=2.0))).values()) == {"better", "suspicious"}
    assert set(verdicts(versus(results(), fresh(shift=-20.0))).values()) == {"worse"}


def test_one_seed_is_judged_by_recorded_tolerances_of_its_row_and_protocol_and_undecided_without(
    expected: Expectations,
) -> None:
    (entry,) = (entry for entry in expected.score if entry.place == (CELL, ACCURACY))
    for seed in (0, 3):
        check = the_failure(versus(results([seed]), moved(fresh([seed]), -40.0), expected))
        assert (check.cell, check.key, check.verdict) == (f"{ROW}/s{seed}", ACCURACY, "worse")
        assert check.tolerance == pytest.approx(entry.tolerance * (2 / (1 + 1 / 5)) ** 0.5)
    report = versus(results([0]), moved(fresh([0]), -40.0))
    assert not report.failures
    assert verdicts(report)[CELL, ACCURACY] == "undecided"
    assert any(f"not compared, undecided: 1 score, e.g. {CELL} {ACCURACY}" in note for note in report.notes)
    report = versus(measured_on(results([0]), 7), measured_on(moved(fresh([0]), -40.0), 7), expected)
    assert verdicts(report)[CELL, ACCURACY] == "undecided"


def test_what_is_lost_is_a_regression_and_what_is_new_is_not() -> None:
    extra = result("dtn/new/digits", 0, [score("accuracy.target", 50, "%", "higher")])
    head = [*fresh([0])[:1], extra]
    del head[0]["scores"][0]
    report = versus(results([0]), head)
    assert failed(report) == [(CELL, ACCURACY, "missing"), (f"{OTHER}/s0", "(2 scores)", "missing")]
    assert new(report) == [("dtn/new/digits/s0", ACCURACY)]


def test_a_cell_that_fails_now_is_a_regression_and_one_that_failed_before_is_not() -> None:
    base, head = results([0]), fresh([0])
    head[0] |= {"status": "oom", "reason": "out of memory", "scores": []}
    report = versus(base, head)
    assert failed(report) == [(CELL, "(2 scores)", "not ok")]
    assert "the cell's status is oom: out of memory" in lines(report)[0]
    base[0] |= {"status": "failed", "scores": []}
    report = versus(base, head)
    assert not report.failures
    assert f"{CELL} was failed in the base and is oom now" in report.notes
    assert new(versus(base, fresh([0]))) == [(CELL, ACCURACY), (CELL, FID)]


def test_scores_of_other_protocols_are_told_and_not_compared() -> None:
    report = versus(results(), measured_on(moved(fresh(), -40.0), 7))
    assert not report.failures
    assert verdicts(report)[CELL, ACCURACY] == "incomparable"
    told = f"not compared, incomparable: 10 scores, e.g. {CELL} {ACCURACY}: n_fake is 7, expected 1000"
    assert told in report.notes


def test_timings_and_left_out_scores_are_not_compared(expected: Expectations) -> None:
    expected = expected.model_copy(update={"leave_out": ["dtn/dtn/* accuracy*"]})
    report = versus(results(), moved(fresh(), -40.0), expected)
    assert not report.failures
    assert {check.key for check in report.checks if check.cell.startswith(ROW)} == {FID}


def test_fewer_seeds_of_a_row_are_no_loss_unless_they_were_planned() -> None:
    report = versus(results(range(5)), fresh(range(3)))
    assert not report.failures
    assert f"{ROW}: the head has 2 seeds fewer, passed over" in report.notes
    report = versus(results(range(5)), fresh(range(3)), planned=[f"{ROW}/s{seed}" for seed in range(4)])
    assert failed(report) == [(f"{ROW}/s3", "(2 scores)", "missing")]


def test_other_settings_commits_machines_and_data_are_told_by_name() -> None:
    base, head = results(), fresh()
    base[0]["data"], head[0]["data"] = {"mnist": "a"}, {"mnist": "b"}
    for n, one in enumerate(head):
        one["environment"] |= {"torch": "3.0", "device": "NVIDIA H200", "commit": f"{n % 2}" * 40}
    head[3]["environment"]["dirty"] = "true"
    base[0]["environment"]["commit"] = "f" * 40
    for one in head[1:6]:
        one["cell"]["method_settings"] = {"steps": 7}
    assert versus(base, head).notes[1:-2] == (
        f"5 of 10 cells were run with other settings: {ROW}/s1, {ROW}/s2, {ROW}/s3 and 2 more",
        "the base's cells are of 2 commits: abc123 (9), ffffffffff (1)",
        "the head's cells are of 3 commits: 0000000000 (5), 1111111111 (4), 1111111111-dirty (1)",
        "the base ran with device cpu, the head with NVIDIA H200",
        f"the base ran with torch {HERE['torch']}, the head with 3.0",
        "the data changed between the runs: mnist",
    )
    assert verdicts(versus(base, head))[CELL, "(2 scores)"] == "incomparable"
    assert len(versus(results(), fresh()).notes) == 2, "only the head's name and the rate of false alarms"


def test_the_very_same_run_on_both_sides_is_no_passed_check_and_no_pair() -> None:
    head = fresh([0])
    report = versus([head[0], *results([0])[1:]], head)
    assert not report.failures
    assert {cell: word for (cell, _), word in verdicts(report).items()} == {CELL: "same run", f"{OTHER}/s0": "ok"}
    (note,) = (note for note in report.notes if "same run" in note)
    assert note.startswith(f"not compared, same run: 2 scores, e.g. {CELL} {ACCURACY}: it was run once")
    assert lines(report)[-1] == f"gate smoke against {AGAINST}: 2 checks passed; 2 not compared"
    head = moved(fresh(range(4)), -40.0)
    assert failed(versus([head[0], *results(range(4))[1:]], head)) == [(f"{ROW}/s1-3", ACCURACY, "worse")]


def test_only_picks_cells_and_must_pick_some() -> None:
    report = versus(results(), moved(fresh(), -40.0), only="dtn/original/*")
    assert not report.failures
    assert len(report.checks) == 2
    with pytest.raises(UserError, match=r"--only 'dtm/dtn/digits/s0' matches no cell.*did you mean"):
        versus(results(), fresh(), only="dtm/dtn/digits/s0")


def test_a_comparison_that_decides_nothing_is_refused() -> None:
    for base, head, words in (
        (results([0]), fresh([0], shift=1.0), "nothing could be decided .not compared, undecided: 4 scores"),
        ([], fresh([0]), "nothing could be decided .they have no cell in common"),
        (fresh(), fresh(), "same run: 20 scores.*`retable run smoke --fresh`"),
    ):
        with pytest.raises(UserError, match=words):
            versus(base, head)


def test_the_printed_probability_is_that_of_means_and_of_lone_seeds(expected: Expectations) -> None:
    words = "an equally good head is red by chance with a probability of at most"
    for seeds, known, chance in ((3, None, "0.05"), (1, expected, "0.05"), (3, expected, "0.075")):
        notes = versus(results(range(seeds)), fresh(range(seeds)), known).notes
        assert [note for note in notes if note.startswith(words)] == [f"{words} {chance}"]


@pytest.mark.parametrize(("seeds", "lost", "known"), [(3, 2, 0), (5, 1, 0), (5, 2, 0), (10, 3, 0), (2, 1, 1)])
def test_a_head_that_collapses_on_some_seeds_is_red_and_says_on_which(
    expected: Expectations, seeds: int, lost: int, known: int
) -> None:
    """Though the collapse widens the spread and the seeds that it spared disagree. Other rows stay green."""
    head = moved(fresh(range(seeds)), 0.0 if known else -0.5)
    for one in head[:lost]:
        one["scores"][0]["value"] = 10.0
    report = versus(results(range(seeds)), head, expected if known else None)
    assert failed(report) == [(f"{ROW}/s0-{seeds - 1}", ACCURACY, "worse")]
    assert len(report.checks) == 4
    first = lines(report)[0]
    assert ("seed 0 alone: 7" if lost == 1 else f"seeds {', '.join(map(str, range(lost)))} alone: 7") in first
    assert " points worse, ± " in first
    assert first.endswith(" by the base's and the recorded seeds" if known else " by the base's seeds")
