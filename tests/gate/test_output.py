"""What people and CI read: table, log lines, Markdown, JUnit XML, exit code."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.command import gate
from retable.benchmarks.gate.compare import GateReport
from retable.benchmarks.gate.expectations import Expectations
from retable.benchmarks.gate.render import show, to_junit, to_markdown, to_text
from retable.benchmarks.run.results import index_cells
from retable.benchmarks.tracking.download import BaseRun
from retable.reports.records.files import write_json

from .conftest import ACCURACY, AGAINST, CELL, OTHER, ROW, Data, MakeResults, checked, moved, read, versus


@pytest.fixture
def red(expected: Expectations, results: MakeResults) -> GateReport:
    """One accuracy of 31 %, and a cell that failed with a reason that hurts tables."""
    some = results([0])
    some[0]["scores"][0]["value"] = 31.0
    some[1] |= {"status": "failed", "reason": "a | b\x1b[31m <tag> & é\nc", "scores": []}
    return checked(expected, some)


def write(root: Path, found: list[Data]) -> Path:
    """A folder of runs, as `retable run` leaves it."""
    for one in read(found):
        folder = one.cell.directory(root)
        folder.mkdir(parents=True)
        write_json(folder / "result.json", one.model_dump(mode="json"))
        (folder / "done").write_text(one.status)
    index_cells(root, "smoke", [one.cell for one in read(found)])
    return root


def asked(root: Path, *, expected: Path | None = None, **options: object) -> tuple[int, str]:
    """Exit code and lines of ``retable gate``."""
    out = io.StringIO()
    console = Console(file=out, width=300)
    return gate(root, "smoke", expected or root / "e.toml", console=console, **options), out.getvalue()  # type: ignore[arg-type]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_red_gate_says_cell_metric_expected_got_and_by_how_much(red: GateReport, terminal: bool) -> None:
    out = io.StringIO()
    show(red, Console(file=out, force_terminal=terminal, width=200, no_color=True))
    entry = red.failures[0]
    assert entry.expected is not None
    value = f"{entry.expected.value:.4g} ± {entry.tolerance:.4g} %"
    for words in (
        CELL,
        ACCURACY,
        "worse",
        value,
        "31 %",
        "points worse",
        "tolerances",
        "the cell's status is failed: a",
    ):
        assert words in out.getvalue()
    assert "2 of 3 checks failed" in out.getvalue()
    assert "fid" not in out.getvalue(), "what is ok is only counted"


def test_a_green_gate_is_one_line_and_a_better_one_says_how_to_update(
    expected: Expectations, results: MakeResults
) -> None:
    assert to_text(checked(expected, results([0]))) == "gate smoke: 4 checks passed"
    words = "gate smoke: 4 checks passed; 4 better than expected (`retable gate --suite smoke --accept` updates that)"
    assert to_text(checked(expected, results([0], shift=10))).splitlines()[-1] == words


def test_a_failed_cell_is_one_line(expected: Expectations, results: MakeResults) -> None:
    some = results([0])
    some[0] |= {"status": "oom", "scores": []}
    lines = to_text(checked(expected, some)).splitlines()
    assert lines[0] == f"not ok       {CELL}  (2 scores): the cell's status is oom"
    assert len(lines) == 2


def test_markdown_is_a_table_that_survives_its_content(red: GateReport) -> None:
    lines = to_markdown(red).splitlines()
    assert lines[0] == "**gate smoke: 2 of 3 checks failed**"
    assert lines[2] == "| verdict | cell | metric | expected | got | by how much |"
    assert {line.count("|") for line in lines[2:]} == {7}


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


def test_what_is_not_compared_is_skipped_and_notes_are_said(results: MakeResults, fresh: MakeResults) -> None:
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
    lines = to_markdown(report).splitlines()
    assert lines[0] == f"**gate smoke against {AGAINST}: 1 of 3 checks failed; 3 not compared**"
    assert lines[2] == "| verdict | cell | metric | base | head | by how much |"
    for text in (to_text(report), "\n".join(lines), suite[-1].text or ""):
        assert "the base ran with device cpu, the head with NVIDIA" in text


def test_the_command_accepts_checks_and_writes_what_ci_reads(tmp_path: Path, results: MakeResults) -> None:
    root = write(tmp_path / "runs", results())
    code, said = asked(root, accept=True)
    assert code == 0
    assert "4 expectations of gate smoke: 4 with new tolerances" in said
    assert said.splitlines()[-1] == "gate smoke: 4 checks passed"
    broken = write(tmp_path / "broken", moved(results([0]), -40.0))
    files = {"junit": tmp_path / "deep" / "gate.xml", "summary_to": tmp_path / "deep" / "gate.md"}
    code, said = asked(broken, expected=root / "e.toml", **files)
    assert code == 1
    assert all("worse" in file.read_text() for file in files.values())
    with pytest.raises(UserError, match=r"gate\.xml: cannot be written"):
        asked(root, junit=files["summary_to"] / "gate.xml")


def test_two_folders_are_compared_with_or_without_expectations(
    tmp_path: Path, results: MakeResults, fresh: MakeResults
) -> None:
    base, head = write(tmp_path / "base", results(range(3))), write(tmp_path / "head", moved(fresh(range(3)), -40.0))
    code, said = asked(head, against=str(base))
    assert code == 1
    assert said.splitlines()[-1] == f"gate smoke against folder {base}: 1 of 4 checks failed"
    code, said = asked(tmp_path / "none", against=str(head), head=str(base))
    assert code == 0
    assert f"the head is folder {base}" in said


def test_a_cell_that_was_asked_for_and_left_no_result_is_missed(tmp_path: Path, results: MakeResults) -> None:
    root = write(tmp_path / "runs", results())
    asked(root, accept=True)
    (read(results())[0].cell.directory(root) / "done").unlink()
    assert asked(root)[0] == 1


def test_runs_in_mlflow_are_downloaded_and_then_folders_like_any_other(
    tmp_path: Path, results: MakeResults, fresh: MakeResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {"b0": read(results()), "c0": read(moved(fresh(range(3)), -40.0))}

    def download(uri: str, suite: str, wanted: str, to: Path) -> BaseRun:
        write(to, [one.model_dump(mode="json") for one in runs[wanted[:2]]])
        planned = frozenset(one.cell.hash for one in read(results(range(4))))
        return BaseRun(wanted[0] * 32, f"commit {wanted * 5}, run {wanted[0] * 8}", planned)

    monkeypatch.setattr("retable.benchmarks.gate.command.download_run", download)
    code, said = asked(tmp_path, against="b0", head="c0")
    assert code == 1
    base, head = (f"commit {name * 5}, run {name[0] * 8}" for name in ("b0", "c0"))
    assert said.splitlines()[-1].startswith(f"gate smoke against {base}: ")
    assert f"the head is {head}" in said
    assert "MLflow lacks 2 of the head's 8 cells" in said
    assert f"{ROW}/s3  (2 scores): the cell has no result" in said, "planned in the head, which has no result of it"
    assert f"{ROW}: the head has 1 seed fewer, passed over" in said, "seed 4 was not planned"
    with pytest.raises(UserError, match=r"--against b0 and --head b0b0 are one run, b{32}"):
        asked(tmp_path, against="b0", head="b0b0")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"accept": True, "against": "abcd"}, "--accept makes expectations .* does not go with --against"),
        ({"head": "abcd"}, "give --against as well"),
    ],
)
def test_options_that_do_not_go_together_are_one_clear_line(
    tmp_path: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        asked(tmp_path, **options)
