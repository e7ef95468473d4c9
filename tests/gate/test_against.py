"""Two runs compared with each other: what is a regression, what is only told, and what is refused."""

from __future__ import annotations

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.expectations import Expectations
from retable.benchmarks.gate.render import to_text

from .conftest import (
    ACCURACY,
    AGAINST,
    CELL,
    FID,
    OTHER,
    ROW,
    Data,
    MakeResults,
    failed,
    moved,
    new,
    result,
    score,
    the_failure,
    verdicts,
    versus,
)


def test_two_equal_runs_are_green(results: MakeResults, fresh: MakeResults) -> None:
    for seeds in ([0], range(3), range(5)):
        report = versus(results(seeds), fresh(seeds))
        assert len(report.checks) == 4
        assert set(verdicts(report).values()) == {"ok"}


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_worse_score_is_red_and_named_with_its_evidence(results: MakeResults, fresh: MakeResults, seeds: int) -> None:
    report = versus(results(range(seeds)), moved(fresh(range(seeds)), -40.0))
    assert failed(report) == [(f"{ROW}/s0-{seeds - 1}", ACCURACY, "worse")]
    (line,) = (line for line in to_text(report).splitlines() if line.startswith("worse"))
    assert "40 points worse" in line
    assert "tolerances" in line
    assert ("95 % interval -40 to -40" if seeds == 5 else "3 pairs: -40, -40, -40") in line
    assert to_text(report).splitlines()[-1] == f"gate smoke against {AGAINST}: 1 of 4 checks failed"


def test_worse_means_higher_for_a_distance_and_better_is_no_failure(results: MakeResults, fresh: MakeResults) -> None:
    assert set(verdicts(versus(results(), fresh(shift=20.0))).values()) == {"better"}
    assert set(verdicts(versus(results(), fresh(shift=-20.0))).values()) == {"worse"}


def test_one_seed_is_judged_by_recorded_tolerances_and_undecided_without(
    expected: Expectations, results: MakeResults, fresh: MakeResults
) -> None:
    head = moved(fresh([0]), -40.0)
    assert verdicts(versus(results([0]), head, expected))[CELL, ACCURACY] == "worse"
    report = versus(results([0]), head)
    assert not report.failures
    assert verdicts(report)[CELL, ACCURACY] == "undecided"
    assert any(f"not compared, undecided: 1 score, e.g. {CELL} {ACCURACY}" in note for note in report.notes)


def test_a_recorded_tolerance_holds_at_every_seed_of_its_row(
    expected: Expectations, results: MakeResults, fresh: MakeResults
) -> None:
    (entry,) = (entry for entry in expected.score if entry.place == (CELL, ACCURACY))
    check = the_failure(versus(results([3]), moved(fresh([3]), -40.0), expected))
    assert check.cell == f"{ROW}/s3"
    assert check.tolerance == pytest.approx(entry.tolerance * (2 / (1 + 1 / 5)) ** 0.5)


def test_an_expectation_of_another_protocol_lends_no_tolerance(
    expected: Expectations, results: MakeResults, fresh: MakeResults
) -> None:
    def fewer(found: list[Data]) -> list[Data]:
        for one in found:
            one["scores"][0]["protocol"]["n_fake"] = 7
        return found

    report = versus(fewer(results([0])), fewer(moved(fresh([0]), -40.0)), expected)
    assert verdicts(report)[CELL, ACCURACY] == "undecided"


def test_a_lost_cell_is_a_regression_and_a_new_one_is_not(results: MakeResults, fresh: MakeResults) -> None:
    extra = result("dtn/new/digits", 0, [score("accuracy.target", 50, "%", "higher")])
    report = versus(results([0]), [*fresh([0])[:1], extra])
    assert failed(report) == [(f"{OTHER}/s0", "(2 scores)", "missing")]
    assert new(report) == [("dtn/new/digits/s0", ACCURACY)]


def test_a_cell_that_fails_now_is_a_regression_and_one_that_failed_before_is_not(
    results: MakeResults, fresh: MakeResults
) -> None:
    base, head = results([0]), fresh([0])
    head[0] |= {"status": "oom", "reason": "out of memory", "scores": []}
    report = versus(base, head)
    assert failed(report) == [(CELL, "(2 scores)", "not ok")]
    assert "the cell's status is oom: out of memory" in to_text(report)
    base[0] |= {"status": "failed", "scores": []}
    report = versus(base, head)
    assert not report.failures
    assert f"{CELL} was failed in the base and is oom now" in report.notes
    assert new(versus(base, fresh([0]))) == [(CELL, ACCURACY), (CELL, FID)]


def test_a_lost_score_is_a_regression(results: MakeResults, fresh: MakeResults) -> None:
    head = fresh([0])
    del head[0]["scores"][0]
    assert failed(versus(results([0]), head)) == [(CELL, ACCURACY, "missing")]


def test_scores_of_other_protocols_are_told_and_not_compared(results: MakeResults, fresh: MakeResults) -> None:
    head = moved(fresh(), -40.0)
    for one in head:
        one["scores"][0]["protocol"]["n_fake"] = 7
    report = versus(results(), head)
    assert not report.failures
    assert verdicts(report)[CELL, ACCURACY] == "incomparable"
    told = f"not compared, incomparable: 10 scores, e.g. {CELL} {ACCURACY}: n_fake is 7, expected 1000"
    assert told in report.notes


def test_timings_and_left_out_scores_are_not_compared(
    expected: Expectations, results: MakeResults, fresh: MakeResults
) -> None:
    expected = expected.model_copy(update={"leave_out": ["dtn/dtn/* accuracy*"]})
    report = versus(results(), moved(fresh(), -40.0), expected)
    assert not report.failures
    assert {check.key for check in report.checks if check.cell.startswith(ROW)} == {FID}


def test_fewer_seeds_of_a_row_are_no_loss_unless_they_were_planned(results: MakeResults, fresh: MakeResults) -> None:
    report = versus(results(range(5)), fresh(range(3)))
    assert not report.failures
    assert f"{ROW}: the head has 2 seeds fewer, passed over" in report.notes
    report = versus(results(range(5)), fresh(range(3)), planned=[f"{ROW}/s{seed}" for seed in range(4)])
    assert failed(report) == [(f"{ROW}/s3", "(2 scores)", "missing")]


def test_other_data_and_another_machine_are_said(results: MakeResults, fresh: MakeResults) -> None:
    head = [{**one, "data": {"mnist": "b"}} for one in fresh([0])]
    for one in head:
        one["environment"] |= {"torch": "3.0", "device": "NVIDIA H200"}
    assert versus([{**one, "data": {"mnist": "a"}} for one in results([0])], head).notes == (
        "the base ran with device cpu, the head with NVIDIA H200",
        "the base ran with torch 2.15, the head with 3.0",
        "the data changed between the runs: mnist",
    )


def test_cells_of_other_settings_are_told_by_name(results: MakeResults, fresh: MakeResults) -> None:
    head = fresh()
    for one in head[1:6]:
        one["cell"]["method_settings"] = {"steps": 7}
    told = [note for note in versus(results(), head).notes if "settings" in note]
    assert told == [f"5 of 10 cells were run with other settings: {ROW}/s1, {ROW}/s2, {ROW}/s3, and 2 more"]
    assert not any("settings" in note for note in versus(results(), fresh()).notes)


def test_cells_of_several_commits_are_told(results: MakeResults, fresh: MakeResults) -> None:
    base, head = results(), fresh()
    for n, one in enumerate(head):
        one["environment"] |= {"commit": f"{n % 2}" * 40, "dirty": "true" if n == 3 else "false"}
    base[0]["environment"]["commit"] = "f" * 40
    assert [note for note in versus(base, head).notes if "commits" in note] == [
        "the base's cells are of 2 commits: abc123 (9), ffffffffff (1)",
        "the head's cells are of 3 commits: 0000000000 (5), 1111111111 (4), 1111111111-dirty (1)",
    ]
    assert not any("commits" in note for note in versus(results(), fresh()).notes)


def test_the_very_same_run_on_both_sides_is_no_passed_check(results: MakeResults, fresh: MakeResults) -> None:
    head = fresh([0])
    report = versus([head[0], *results([0])[1:]], head)
    assert not report.failures
    assert {cell: word for (cell, _), word in verdicts(report).items()} == {CELL: "same run", f"{OTHER}/s0": "ok"}
    (note,) = (note for note in report.notes if "same run" in note)
    assert note.startswith(f"not compared, same run: 2 scores, e.g. {CELL} {ACCURACY}: it was run once")
    assert to_text(report).splitlines()[-1] == f"gate smoke against {AGAINST}: 2 checks passed; 2 not compared"


def test_a_seed_that_is_one_run_on_both_sides_is_no_pair(results: MakeResults, fresh: MakeResults) -> None:
    head = moved(fresh(range(4)), -40.0)
    assert failed(versus([head[0], *results(range(4))[1:]], head)) == [(f"{ROW}/s1-3", ACCURACY, "worse")]


def test_only_picks_cells_and_must_pick_some(results: MakeResults, fresh: MakeResults) -> None:
    report = versus(results(), moved(fresh(), -40.0), only="dtn/original/*")
    assert not report.failures
    assert len(report.checks) == 2
    with pytest.raises(UserError, match=r"--only 'dtm/dtn/digits/s0' matches no cell.*did you mean"):
        versus(results(), fresh(), only="dtm/dtn/digits/s0")


def test_a_comparison_that_decides_nothing_is_refused(results: MakeResults, fresh: MakeResults) -> None:
    with pytest.raises(UserError, match=r"nothing could be decided .not compared, undecided: 4 scores"):
        versus(results([0]), fresh([0], shift=1.0))
    with pytest.raises(UserError, match=r"nothing could be decided .they have no cell in common"):
        versus([], fresh([0]))
    with pytest.raises(UserError, match=r"same run: 20 scores.*`retable run smoke --fresh`"):
        versus(fresh(), fresh())


def test_the_printed_probability_is_that_of_means_and_of_lone_seeds(
    expected: Expectations, results: MakeResults, fresh: MakeResults
) -> None:
    words = "an equally good head is red by chance with a probability of at most"
    for seeds, known, chance in ((3, None, "0.05"), (1, expected, "0.05"), (3, expected, "0.075")):
        notes = versus(results(range(seeds)), fresh(range(seeds)), known).notes
        assert [note for note in notes if note.startswith(words)] == [f"{words} {chance}"]


@pytest.mark.parametrize(("seeds", "lost"), [(3, 2), (5, 1), (5, 2), (10, 3)])
def test_a_head_that_collapses_on_some_seeds_is_red_and_says_on_which(
    results: MakeResults, fresh: MakeResults, seeds: int, lost: int
) -> None:
    """Though the collapse widens the spread and the seeds that it spared disagree. Other rows stay green."""
    head = moved(fresh(range(seeds)), -0.5)
    for one in head[:lost]:
        one["scores"][0]["value"] = 10.0
    report = versus(results(range(seeds)), head)
    assert failed(report) == [(f"{ROW}/s0-{seeds - 1}", ACCURACY, "worse")]
    assert len(report.checks) == 4
    names = "seed 0 alone: 7" if lost == 1 else f"seeds {', '.join(map(str, range(lost)))} alone: 7"
    (line,) = (line for line in to_text(report).splitlines() if line.startswith("worse"))
    assert names in line
    assert " points worse, ± " in line
    assert line.endswith(" by the base's seeds")


def test_recorded_seeds_make_two_pairs_enough_to_see_a_lone_collapse(
    expected: Expectations, results: MakeResults, fresh: MakeResults
) -> None:
    head = fresh(range(2))
    head[0]["scores"][0]["value"] = 10.0
    (line,) = (line for line in to_text(versus(results(range(2)), head, expected)).splitlines() if "worse" in line)
    assert "seed 0 alone: " in line
    assert "by the base's and the recorded seeds" in line
