"""What people and CI read: table, log lines, Markdown, JUnit XML, exit code."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate import accept_results, compare, gate, load, to_markdown, to_text, write_junit

from .conftest import MakeResults, Result

CELL = "dtn/dtn/digits/s0"
ACCURACY = "accuracy.target request:test"


@pytest.fixture
def path(tmp_path: Path, results: MakeResults) -> Path:
    accept_results("smoke", results(), tmp_path / "smoke.toml")
    return tmp_path / "smoke.toml"


@pytest.fixture
def broken(results: MakeResults) -> list[Result]:
    some = results([0])
    some[0]["scores"][0]["value"] = 31.0
    return some


def printed(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=160, no_color=True), out


def test_a_red_gate_says_cell_metric_expected_got_and_by_how_much(path: Path, broken: list[Result]) -> None:
    for terminal in (False, True):
        console, out = printed(terminal=terminal)
        assert gate("smoke", broken, path, accept=False, junit=None, last_green=None, console=console) == 1
        entry = next(entry for entry in load(path).score if entry.cell == CELL and entry.key == ACCURACY)
        for words in (
            CELL,
            ACCURACY,
            "worse",
            f"{entry.value:.4g} ± {entry.tolerance:.4g} %",
            "31 %",
            "points worse",
            "tolerances",
        ):
            assert words in out.getvalue()
        assert "dtn/original" not in out.getvalue()
        assert "1 of 4 checks failed" in out.getvalue()


def test_a_green_gate_is_short_and_returns_0(path: Path, results: MakeResults) -> None:
    console, out = printed()
    assert gate("smoke", results([0]), path, accept=False, junit=None, last_green=None, console=console) == 0
    assert out.getvalue().splitlines() == ["no earlier green run to compare with", "gate smoke: 4 checks passed"]


def test_a_better_run_says_update_the_expectation(path: Path, results: MakeResults) -> None:
    console, out = printed()
    assert gate("smoke", results([0], shift=10), path, console=console) == 0
    assert "4 better than expected: update the expectation (`retable gate --suite smoke --accept`)" in out.getvalue()


def test_verbose_shows_everything(path: Path, results: MakeResults) -> None:
    console, out = printed()
    gate("smoke", results([0]), path, console=console, verbose=True)
    assert out.getvalue().count("ok  ") == 4


def test_a_failed_cell_is_one_line(path: Path, results: MakeResults) -> None:
    some = results([0])
    some[0] |= {"status": "oom", "scores": []}
    lines = to_text(compare(load(path), some)).splitlines()
    assert [line for line in lines if CELL in line] == [
        f"not ok       {CELL}  (2 scores): the cell's status is oom",
    ]
    assert lines[-1] == "gate smoke: 2 of 4 checks failed"


def test_accept_through_the_gate_is_green_and_explains_itself(tmp_path: Path, results: MakeResults) -> None:
    console, out = printed()
    assert gate("smoke", results(), tmp_path / "new.toml", accept=True, console=console) == 0
    assert "4 expectations of gate smoke: 4 with new tolerances" in out.getvalue()
    assert "probability of at most 0.05" in out.getvalue()
    assert "4 checks passed" in out.getvalue()


def test_the_last_green_section_names_what_moved(path: Path, broken: list[Result]) -> None:
    green = {CELL: {ACCURACY: 86.0, "fid.lite0 request:test": 30.0}, "gone/s0": {"x": 1.0}}
    text = to_text(compare(load(path), broken, green))
    assert "against the last green run: 2 of 4 scores in both, 1 changed by more than the tolerance" in text
    assert f"  {CELL}  {ACCURACY}: 86 -> 31 %, worse; fails above" in text


def test_markdown_is_a_table_that_survives_its_content(path: Path, results: MakeResults) -> None:
    some = results([0])
    some[0] |= {"status": "failed", "reason": "a | b\nc", "scores": []}
    lines = to_markdown(compare(load(path), some)).splitlines()
    assert lines[0] == "**gate smoke: 2 of 4 checks failed**"
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 3
    assert "a \\| b c" in rows[2]


def test_junit_has_one_case_for_every_check(path: Path, tmp_path: Path, broken: list[Result]) -> None:
    broken[1] |= {"status": "failed", "reason": "control \x1b[31m <tag> & é"}
    junit = tmp_path / "deep" / "gate.xml"
    write_junit(compare(load(path), broken), junit)
    suite = ElementTree.parse(junit).getroot()  # noqa: S314  our own file
    assert (suite.tag, suite.get("tests"), suite.get("failures")) == ("testsuite", "4", "3")
    cases = {(case.get("classname"), case.get("name")): case for case in suite.iter("testcase")}
    assert len(cases) == 4
    failure = cases[CELL, ACCURACY].find("failure")
    assert failure is not None
    assert failure.get("type") == "worse"
    assert "got 31 %" in str(failure.get("message"))
    failure = cases["dtn/original/digits/s0", ACCURACY].find("failure")
    assert failure is not None
    assert "<tag> & é" in str(failure.get("message"))


def test_junit_holds_the_notes_if_there_are_any(path: Path, tmp_path: Path, results: MakeResults) -> None:
    some = results([0])
    for number, device in enumerate(("cpu", "NVIDIA \x1b H200")):
        some[0]["environment"]["device"] = device
        write_junit(compare(load(path), some), tmp_path / f"{number}.xml")
    found = [ElementTree.parse(tmp_path / f"{number}.xml").getroot() for number in (0, 1)]  # noqa: S314  our own
    assert found[0].find("system-out") is None
    assert "'NVIDIA" in str(found[1].findtext("system-out"))
    assert found[1][-1].tag == "system-out", "where the format wants it: after the cases"


def test_an_unwritable_junit_path_is_one_clear_line(path: Path, tmp_path: Path, results: MakeResults) -> None:
    console, _ = printed()
    with pytest.raises(UserError, match=r"gate\.xml: cannot be written"):
        gate("smoke", results([0]), path, junit=path / "gate.xml", console=console)
