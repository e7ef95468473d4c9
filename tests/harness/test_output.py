"""What the command prints: text is text, a narrow terminal loses nothing, and a reader that leaves costs nothing."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from retable.benchmarks.cli import main as cli
from retable.benchmarks.cli.app import get_console
from retable.benchmarks.cli.listing import listing
from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run.live import show_plan, show_summary
from retable.benchmarks.run.scheduler import CellState
from retable.methods.rows import ROWS, Row
from tests.harness.conftest import BOTH

MARKUP = "[/red] [bold]x[/bold] :smile:"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["retable", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def test_what_looks_like_markup_is_printed_as_it_is(
    plan_of: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROWS, "dummy/odd", Row("retable.benchmarks.plan.dummy:Dummy", MARKUP))
    monkeypatch.setenv("COLUMNS", "300")
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    get_console().print(listing("methods", []))
    states = [CellState(cell, tmp_path, "ended", "failed", MARKUP) for cell in plan_of(BOTH).cells]
    show_summary(states, 1.0, get_console())
    lines = out.getvalue().splitlines()
    assert len([line for line in lines if MARKUP in line]) == 1 + len(states)


def test_a_path_that_looks_like_markup_is_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "run", "[/red].toml") == 2
    assert capsys.readouterr().err == "error: [/red].toml: no such file\n"


@pytest.mark.parametrize("width", [200, 40, 20])
def test_a_plan_shows_every_address_state_and_number_of_steps_however_narrow_the_terminal(
    plan_of: Callable[..., Plan], tmp_path: Path, width: int
) -> None:
    out = io.StringIO()
    show_plan(plan_of(BOTH), tmp_path, Console(file=out, width=width))
    for words in ("dummy/dummy/dummy/s0", "dummy/tuned/dummy/s0", "missing", "80", "2 to run"):
        assert words in out.getvalue()


@pytest.mark.parametrize("arguments", [("list", "suites"), ("--help",), ("run", "dummy", "--dry-run")])
def test_standard_output_on_a_full_disk_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        assert run(monkeypatch, *arguments) == 2
    assert capsys.readouterr().err.startswith("error: standard output cannot be written (No space left on device)")


def test_a_reader_that_has_left_costs_no_work_and_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as left:
        monkeypatch.setattr(sys, "stdout", left)
        command = ("run", "dummy", "--only", "dummy/dummy/*", "--no-track", "--set", "method.steps=1")
        assert run(monkeypatch, *command, "--out", str(tmp_path / "runs")) == 0
    assert capsys.readouterr().err == ""
    assert len(list((tmp_path / "runs" / "cells").glob("*/done"))) == 1
    assert (tmp_path / "runs" / "report" / "dummy" / "index.html").is_file()


def test_a_name_that_is_no_text_and_letters_that_the_terminal_lacks_are_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(printed, encoding="ascii"))
    assert run(monkeypatch, "run", "caf\u00e9-\udcff.toml") == 2
    sys.stderr.flush()
    assert b"caf\\xe9-\\udcff.toml" in printed.getvalue()
