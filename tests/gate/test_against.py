"""Two runs held against each other: what is a regression, what is only told, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate import GateReport, accept_results, compare_runs, gate_against, load, record, to_text

from .conftest import MakeResults, Result, result, score

ROW = "dtn/dtn/digits"
ACCURACY = "accuracy.target request:test"
FID = "fid.lite0 request:test"
AGAINST = "commit 0123456789, run 89abcdef"


@pytest.fixture
def fresh(results: MakeResults) -> Callable[..., list[Result]]:
    """The same results as another run's: journals of its own."""

    def make(*args: object, **kwargs: object) -> list[Result]:
        return [{**one, "journal": f"again-{n}"} for n, one in enumerate(results(*args, **kwargs))]

    return make


def versus(base: list[Result], head: list[Result], **more: object) -> GateReport:
    return compare_runs("smoke", base, head, against=AGAINST, **more)  # type: ignore[arg-type]


def verdicts(report: GateReport) -> dict[tuple[str, str], str]:
    return {(check.cell, check.key): check.verdict for check in (*report.checks, *report.aside)}


def broken(found: list[Result], row: str = ROW, **change: float) -> list[Result]:
    """The accuracy of a row moved at every seed."""
    for one in found:
        if one["cell"]["address"].startswith(row + "/"):
            one["scores"][0]["value"] += change["by"]
    return found


def test_two_equal_runs_are_green(results: MakeResults, fresh: MakeResults) -> None:
    for seeds in ([0], range(3), range(5)):
        report = versus(results(seeds), fresh(seeds))
        assert report.ok
        assert len(report.checks) == 4
        assert set(verdicts(report).values()) == {"ok"}


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_worse_score_is_red_and_named_with_its_evidence(results: MakeResults, fresh: MakeResults, seeds: int) -> None:
    report = versus(results(range(seeds)), broken(fresh(range(seeds)), by=-40.0))
    assert [(check.cell, check.key) for check in report.failures] == [(f"{ROW}/s0-{seeds - 1}", ACCURACY)]
    (line,) = (line for line in to_text(report).splitlines() if line.startswith("worse"))
    assert "40 points worse" in line
    assert "tolerances" in line
    assert ("95 % interval -40 to -40" if seeds == 5 else "3 pairs: -40, -40, -40") in line
    assert to_text(report).splitlines()[-1] == f"gate smoke against {AGAINST}: 1 of 4 checks failed"


def test_worse_means_higher_for_a_distance_and_better_is_no_failure(results: MakeResults, fresh: MakeResults) -> None:
    report = versus(results(), fresh(shift=20.0))
    assert report.ok
    assert set(verdicts(report).values()) == {"better"}
    report = versus(results(), fresh(shift=-20.0))
    assert set(verdicts(report).values()) == {"worse"}
    assert {check.key for check in report.failures} == {ACCURACY, FID}


def test_one_seed_is_judged_by_recorded_tolerances_and_undecided_without(
    results: MakeResults, fresh: MakeResults
) -> None:
    expected = record("smoke", results()).expectations
    head = broken(fresh([0]), by=-40.0)
    report = versus(results([0]), head, expectations=expected)
    assert verdicts(report)[f"{ROW}/s0", ACCURACY] == "worse"
    report = versus(results([0]), head)
    assert report.ok
    assert verdicts(report)[f"{ROW}/s0", ACCURACY] == "undecided"
    assert any("1 score is undecided" in note for note in report.notes)


def test_a_recorded_tolerance_holds_at_every_seed_of_its_row(results: MakeResults, fresh: MakeResults) -> None:
    expected = record("smoke", results()).expectations
    (entry,) = (entry for entry in expected.score if entry.cell == f"{ROW}/s0" and entry.key == ACCURACY)
    report = versus(results([3]), broken(fresh([3]), by=-40.0), expectations=expected)
    (check,) = report.failures
    assert check.cell == f"{ROW}/s3"
    assert check.expected is not None
    assert check.expected.tolerance == pytest.approx(entry.tolerance * (2 / (1 + 1 / 5)) ** 0.5)


def test_a_lost_cell_is_a_regression_and_a_new_one_is_not(results: MakeResults, fresh: MakeResults) -> None:
    extra = result("dtn/new/digits", 0, [score("accuracy.target", 50, "%", "higher")])
    report = versus(results([0]), [*fresh([0])[:1], extra])
    assert [(check.cell, check.verdict) for check in report.failures] == [("dtn/original/digits/s0", "missing")]
    assert [check.cell for check in report.new] == ["dtn/new/digits/s0"]


def test_a_cell_that_fails_now_is_a_regression_and_one_that_failed_before_is_not(
    results: MakeResults, fresh: MakeResults
) -> None:
    base, head = results([0]), fresh([0])
    head[0] |= {"status": "oom", "reason": "out of memory", "scores": []}
    report = versus(base, head)
    assert [(check.cell, check.verdict) for check in report.failures] == [(f"{ROW}/s0", "cell")]
    assert "oom: out of memory; it was ok in the base" in to_text(report)
    base[0] |= {"status": "failed", "scores": []}
    report = versus(base, head)
    assert report.ok
    assert f"{ROW}/s0 was failed in the base and is oom now" in report.notes


def test_a_lost_or_not_finite_score_is_a_regression(results: MakeResults, fresh: MakeResults) -> None:
    head = fresh([0])
    del head[0]["scores"][0]
    head[1]["scores"][1]["value"] = None
    found = verdicts(versus(results([0]), head))
    assert found[f"{ROW}/s0", ACCURACY] == "missing"
    assert found["dtn/original/digits/s0", FID] == "nonfinite"


def test_scores_of_other_protocols_are_told_and_not_compared(results: MakeResults, fresh: MakeResults) -> None:
    head = broken(fresh(), by=-40.0)
    for one in head:
        one["scores"][0]["protocol"]["n_fake"] = 7
    report = versus(results(), head)
    assert report.ok
    assert verdicts(report)[f"{ROW}/s0", ACCURACY] == "incomparable"
    assert any("measured differently" in note and "n_fake is 7, expected 1000" in note for note in report.notes)


def test_timings_and_left_out_scores_are_not_compared(results: MakeResults, fresh: MakeResults) -> None:
    expected = record("smoke", results()).expectations.model_copy(update={"leave_out": ["dtn/dtn/* accuracy*"]})
    report = versus(results(), broken(fresh(), by=-40.0), expectations=expected)
    assert report.ok
    assert {check.key for check in report.checks if check.cell.startswith(ROW)} == {FID}


def test_fewer_seeds_of_a_row_are_no_loss(results: MakeResults, fresh: MakeResults) -> None:
    report = versus(results(range(5)), fresh(range(3)))
    assert report.ok
    assert f"{ROW}: the head has 2 seeds fewer, passed over" in report.notes


def test_a_planned_cell_without_a_result_is_a_loss_whatever_other_seeds_did(
    results: MakeResults, fresh: MakeResults
) -> None:
    report = versus(results(range(5)), fresh(range(3)), planned=[f"{ROW}/s{seed}" for seed in range(4)])
    assert [(check.cell, check.verdict) for check in report.failures] == [(f"{ROW}/s3", "missing")]


def test_what_makes_a_comparison_doubtful_is_said(results: MakeResults, fresh: MakeResults) -> None:
    head = [{**one, "data": {"mnist": "b"}} for one in fresh([0])]
    for one in head:
        one["environment"]["torch"] = "3.0"
    notes = versus([{**one, "data": {"mnist": "a"}} for one in results([0])], head).notes
    assert "the data changed between the runs: mnist" in notes
    assert "the base ran with torch 2.15, the head with 3.0" in notes


def test_cells_of_other_settings_are_told_by_name(results: MakeResults, fresh: MakeResults) -> None:
    head = fresh()
    for one in head[1:6]:
        one["cell"]["hash"] = "of other settings"
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
    base = [head[0], *results([0])[1:]]
    report = versus(base, head)
    assert report.ok
    assert {cell: word for (cell, _), word in verdicts(report).items()} == {
        f"{ROW}/s0": "same",
        "dtn/original/digits/s0": "ok",
    }
    (note,) = (note for note in report.notes if "same run" in note)
    assert note.startswith("1 of 2 cells are the very same run on both sides, so their scores are not compared")
    assert to_text(report).splitlines()[-1] == f"gate smoke against {AGAINST}: 2 checks passed; 2 not compared"
    assert "same run     dtn/dtn/digits/s0  accuracy.target request:test: base 8" in to_text(report, verbose=True)


def test_a_seed_that_is_one_run_on_both_sides_is_no_pair(results: MakeResults, fresh: MakeResults) -> None:
    head = broken(fresh(range(4)), by=-40.0)
    base = [head[0], *results(range(4))[1:]]
    report = versus(base, head)
    assert [(check.cell, check.verdict) for check in report.failures] == [(f"{ROW}/s1-3", "worse")]


def test_a_run_against_itself_is_a_question_without_an_answer(fresh: MakeResults) -> None:
    head = fresh()
    with pytest.raises(UserError, match=r"10 of 10 cells are the very same run.*`retable run smoke --fresh`"):
        versus(head, head)


def test_only_picks_cells_and_must_pick_some(results: MakeResults, fresh: MakeResults) -> None:
    report = versus(results(), broken(fresh(), by=-40.0), only="dtn/original/*")
    assert report.ok
    assert len(report.checks) == 2
    with pytest.raises(UserError, match=r"--only 'dtm/dtn/digits/s0' matches no cell.*did you mean"):
        versus(results(), fresh(), only="dtm/dtn/digits/s0")


def test_a_comparison_that_decides_nothing_is_refused(results: MakeResults, fresh: MakeResults) -> None:
    with pytest.raises(UserError, match=r"nothing could be decided .4 scores are undecided"):
        versus(results([0]), fresh([0], shift=1.0))
    with pytest.raises(UserError, match=r"nothing could be decided .they have no cell in common"):
        versus([], fresh([0]))


def test_the_command_writes_what_ci_reads(tmp_path: Path, results: MakeResults, fresh: MakeResults) -> None:
    accept_results("smoke", results(), tmp_path / "smoke.toml")
    assert load(tmp_path / "smoke.toml").score
    out = io.StringIO()
    junit, markdown = tmp_path / "deep" / "gate.xml", tmp_path / "deep" / "gate.md"
    head = broken(fresh([0]), by=-40.0)
    head[1]["scores"][1]["protocol"]["n_fake"] = 7
    code = gate_against(
        "smoke",
        results([0]),
        head,
        tmp_path / "smoke.toml",
        against=AGAINST,
        notes=["mind the step"],
        junit=junit,
        summary_to=markdown,
        console=Console(file=out, width=200),
    )
    assert code == 1
    assert "mind the step" in out.getvalue()
    suite = ElementTree.parse(junit).getroot()  # noqa: S314  our own file
    assert [suite.get(key) for key in ("tests", "failures", "skipped")] == ["4", "1", "1"]
    (failure,) = suite.iter("failure")
    assert "40 points worse" in str(failure.get("message"))
    (skipped,) = suite.iter("skipped")
    assert "n_fake is 7" in str(skipped.get("message"))
    assert "mind the step" in str(suite.findtext("system-out")).splitlines()
    lines = markdown.read_text().splitlines()
    assert lines[0] == f"**gate smoke against {AGAINST}: 1 of 3 checks failed; 1 not compared**"
    assert lines[2] == "| verdict | cell | metric | base | head | by how much |"
    assert "- mind the step" in lines


def test_a_suite_without_expectations_can_be_compared(tmp_path: Path, results: MakeResults, fresh: MakeResults) -> None:
    console = Console(file=io.StringIO())
    none = tmp_path / "none.toml"
    assert gate_against("quick", results(range(3)), fresh(range(3)), none, against=AGAINST, console=console) == 0
