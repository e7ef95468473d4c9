"""What people and CI read: lines, Markdown, JUnit XML, exit code."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.compare import GateReport
from retable.benchmarks.gate.expectations import Expectations
from retable.benchmarks.gate.render import show, to_junit, to_markdown
from retable.benchmarks.run.results import index_cells
from retable.benchmarks.tracking.download import BaseRun
from retable.reports.errors import ReportError
from retable.reports.records.files import write_json

from .conftest import (
    ACCURACY,
    AGAINST,
    CELL,
    OTHER,
    ROW,
    Data,
    asked,
    checked,
    fresh,
    lines,
    moved,
    read,
    results,
    verdicts,
    versus,
)


@pytest.fixture
def red(expected: Expectations) -> GateReport:
    """One accuracy of 31 %, and a cell that failed with a reason that hurts tables."""
    some = results([0])
    some[0]["scores"][0]["value"] = 31.0
    some[1] |= {"status": "failed", "reason": "a | b\x1b[31m <tag> & é\nc", "scores": []}
    return checked(expected, some)


def write(root: Path, found: list[Data]) -> Path:
    """A folder of runs, as `retable run` leaves it."""
    cells = read(found).values()
    for one in cells:
        folder = one.cell.directory(root)
        folder.mkdir(parents=True)
        write_json(folder / "result.json", one.model_dump(mode="json"))
        (folder / "done").write_text(one.status)
    index_cells(root, "smoke", [one.cell for one in cells])
    return root


@pytest.mark.parametrize("terminal", [False, True])
def test_a_red_gate_says_cell_metric_expected_got_and_by_how_much(red: GateReport, terminal: bool) -> None:
    out = io.StringIO()
    show(red, Console(file=out, force_terminal=terminal, width=80, no_color=True))
    (worse, _) = red.failures
    assert worse.expected is not None
    value = f"{worse.expected.value:.4g} ± {worse.tolerance:.4g} %"
    first, second, last = (line for line in out.getvalue().splitlines() if line != "c")
    assert f"worse        {CELL}  {ACCURACY}: expected {value}, got 31 %, " in first
    assert "points worse" in first
    assert "tolerances" in first
    assert f"not ok       {OTHER}/s0  (2 scores): the cell's status is failed: a | b" in second
    assert "gate smoke: 2 of 3 checks failed" in last, "what is ok is only counted"


def test_a_green_gate_is_one_line_and_a_better_one_says_how_to_update(expected: Expectations) -> None:
    assert lines(checked(expected, results([0]))) == ["gate smoke: 4 checks passed"]
    words = "gate smoke: 4 checks passed; 4 better than expected (`retable gate --suite smoke --accept` updates that)"
    assert lines(checked(expected, results([0], shift=2)))[-1] == words


def test_accept_is_not_suggested_while_anything_is_red(expected: Expectations) -> None:
    some = results([0], shift=2)
    some[1]["scores"][0]["value"] = 10.0
    report = checked(expected, some)
    assert list(verdicts(report).values()).count("better") == 3
    said = "\n".join(lines(report)) + to_markdown(report).decode() + to_junit(report).decode()
    assert "3 better than expected" in said
    assert "--accept" not in said


def test_markdown_is_a_table_that_survives_its_content(red: GateReport) -> None:
    table = to_markdown(red).decode().splitlines()
    assert table[0] == "**gate smoke: 2 of 3 checks failed**"
    assert table[2] == "| verdict | cell | metric | expected | got | by how much |"
    assert {line.count("|") for line in table[2:]} == {7}


def test_junit_has_one_case_for_every_check(red: GateReport) -> None:
    suite = ElementTree.fromstring(to_junit(red))  # noqa: S314  our own
    assert (suite.tag, suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("testsuite", "3", "2", "0")
    cases = {(case.get("classname"), case.get("name")): case.find("failure") for case in suite.iter("testcase")}
    worse, lost = cases[CELL, ACCURACY], cases[f"{OTHER}/s0", "(2 scores)"]
    assert worse is not None
    assert lost is not None
    assert worse.get("type") == "worse"
    assert "got 31 %" in str(worse.get("message"))
    assert "[31m <tag> & é" in str(lost.get("message"))
    assert suite.find("system-out") is None


def test_what_is_not_compared_is_skipped_and_notes_are_said() -> None:
    head = moved(fresh(range(3)), -40.0)
    for one in head[3:]:
        one["scores"][1]["protocol"]["n_fake"] = 7
        one["environment"]["device"] = "NVIDIA \x1b H200"
    report = versus(results(range(3)), head)
    suite = ElementTree.fromstring(to_junit(report))  # noqa: S314  our own
    assert [suite.get(key) for key in ("tests", "failures", "skipped")] == ["6", "1", "3"]
    assert "40 points worse" in str(next(suite.iter("failure")).get("message"))
    assert "n_fake is 7" in str(next(suite.iter("skipped")).get("message"))
    assert suite[-1].tag == "system-out", "where the format wants it: after the cases"
    table = to_markdown(report).decode().splitlines()
    assert table[0] == f"**gate smoke against {AGAINST}: 1 of 3 checks failed; 3 not compared**"
    assert table[2] == "| verdict | cell | metric | base | head | by how much |"
    for text in ("\n".join(lines(report)), "\n".join(table), suite[-1].text or ""):
        assert "the base ran with device cpu, the head with NVIDIA" in text


def test_the_command_accepts_checks_and_writes_what_ci_reads(tmp_path: Path) -> None:
    root, file = write(tmp_path / "runs", results()), tmp_path / "e.toml"
    with pytest.raises(UserError, match=r"e\.toml: nothing is recorded yet.*retable gate --accept"):
        asked(root, "--expected", file)
    code, said = asked(root, "--expected", file, "--accept")
    assert code == 0
    assert "4 expectations of gate smoke: 4 with new tolerances" in said
    assert said.splitlines()[-1] == "gate smoke: 4 checks passed"
    broken = write(tmp_path / "broken", moved(results([0]), -40.0))
    junit, summary = tmp_path / "deep" / "gate.xml", tmp_path / "deep" / "gate.md"
    assert asked(broken, "--expected", file, "--junit", junit, "--summary", summary)[0] == 1
    assert all("worse" in written.read_text() for written in (junit, summary))
    with pytest.raises(ReportError, match=r"gate\.xml: cannot be written"):
        asked(root, "--expected", file, "--junit", summary / "gate.xml")
    (read(results())[CELL].cell.directory(root) / "done").unlink()
    assert asked(root, "--expected", file)[0] == 1, "a cell that was asked for and left no result is missed"


def test_two_folders_are_compared_without_expectations(tmp_path: Path) -> None:
    base, head = write(tmp_path / "base", results(range(3))), write(tmp_path / "head", moved(fresh(range(3)), -40.0))
    no_file = "--expected", tmp_path / "none.toml"
    code, said = asked(head, "--against", base, *no_file)
    assert code == 1
    assert said.splitlines()[-1] == f"gate smoke against folder {base}: 1 of 4 checks failed"
    code, said = asked(tmp_path / "none", "--against", head, "--head", base, *no_file)
    assert code == 0
    assert f"the head is folder {base}" in said


def test_runs_in_mlflow_are_downloaded_and_then_folders_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {"b0": results(), "c0": moved(fresh(range(3)), -40.0)}

    def download(uri: str, suite: str, wanted: str, to: Path) -> BaseRun:
        write(to, runs[wanted])
        planned = frozenset(one.cell.hash for one in read(results(range(4))).values())
        return BaseRun(wanted[0] * 32, f"commit {wanted * 5}, run {wanted[0] * 8}", planned)

    monkeypatch.setattr("retable.benchmarks.gate.runs.download_run", download)
    code, said = asked(tmp_path, "--against", "b0", "--head", "c0", "--expected", tmp_path / "none.toml")
    assert code == 1
    base, head = (f"commit {name * 5}, run {name[0] * 8}" for name in ("b0", "c0"))
    assert said.splitlines()[-1].startswith(f"gate smoke against {base}: ")
    assert f"the head is {head}" in said
    assert "2 of the head's 8 cells left no result" in said
    assert f"{ROW}/s3  (2 scores): the cell has no result" in said, "planned in the head, which has no result of it"
    assert f"{ROW}: the head has 1 seed fewer, passed over" in said, "seed 4 was not planned"


def test_options_that_do_not_go_together_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--accept makes expectations .* does not go with --against"):
        asked(tmp_path, "--accept", "--against", "abcd")
    with pytest.raises(UserError, match="give --against as well"):
        asked(tmp_path, "--head", "abcd")
