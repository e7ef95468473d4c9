"""The command line: bad input gets one clear line and no traceback; nothing finished is lost by it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from retable.benchmarks.cli import main as cli
from retable.benchmarks.cli.listing import listing
from retable.benchmarks.plan.suites import load_suite, suite_names
from retable.benchmarks.run.results import other_settings
from retable.benchmarks.run.suite_run import prepare_data
from tests.harness.conftest import DUMMY_ROW, planned, write_suite

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """``call("run", ...)`` -> exit code, standard output, standard error; in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["retable", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


NO_DATA = ["no such folder", "wanted by mixdl/stylegan2/ten-shot-n100/s0; --only can leave them out"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "quik"], ["unknown suite 'quik'", "did you mean 'quick'"]),
        (["run", "none.toml"], ["none.toml", "no such file"]),
        (["run", "dummy", "--set", "method.lrr=1"], ["--set method.lrr=1", "'lrr'"]),
        (["run", "dummy", "--set", "run.precision=half"], ["precision", "half"]),
        (["run", "dummy", "--only", "dtn/*"], ["--only 'dtn/*'", "matches no cell"]),
        (["run", "dummy", "--seeds", "zero"], ["--seeds zero", "0-4"]),
        (["run", "dummy", "--seeds", "1,1"], ["names a seed twice"]),
        (["run", "dummy", "--seeds", "\u00b2"], ["0-4"]),
        (["run", "dummy", "--set", "method.lr=nan"], ["'lr'", "finite"]),
        (["run", "dummy", "--set", "method.steps=-5"], ["'steps'", "0 or more"]),
        (["run", "dummy", "--set", "method.batch_size=0"], ["'batch_size'", "1 or more"]),
        (["run", "dummy", "--out", "file/runs"], ["is not writable", "--out"]),
        (["run", "mixdl", "--only", "mixdl/stylegan2/*-n100/*", "--data-dir", "none"], NO_DATA),
        (["report", "--suite", "dummy"], ["has not been run", "retable run dummy"]),
        (["report", "--suite", "old"], ["another version", "retable run old"]),
        (["gate"], ["has not been run", "retable run smoke"]),
        (["sync"], ["nothing to sync"]),
        (["list", "method"], ["cannot list 'method'", "did you mean 'methods'"]),
        (["translate", "a.png", "--from", "dtn/dtn/digits/s0"], ["has not been run"]),
        (["translate", "a.png", "--from", "a/b/c/s0", "--to", "out/"], ["--to out/", "KEY=VALUE", "--out"]),
        (["translate", "a.png", "--from", "a/b/c/s0", "--group", "man", "--to", "group=kids"], ["'kids' and 'man'"]),
        (["sample", "--from", "mixdl/mixdl/ten-shot/s0"], ["has not been run"]),
        (["sample", "--from", "a/b/c/s0", "--n", "0"], ["--n 0", "1 to 10000"]),
        (["sample", "--from", "a/b/c/s0", "--strips", "2", "--points", "1"], ["--points 1", "from 2"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_gets_one_clear_line(call: Call, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    (tmp_path / "file").write_text("")
    index = tmp_path / "runs" / "suites" / "old.json"
    index.parent.mkdir(parents=True)
    index.write_text('{"suite": "old", "cells": {"dummy/dummy/dummy/s0": {"method": "dummy/dummy", "hash": "0"}}}')
    code, _, err = call(*arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err


def test_a_dry_run_shows_the_plan_and_runs_nothing(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("run", "dummy", "--dry-run")
    assert code == 0
    assert "dummy/tuned/dummy/s0" in out
    assert "2 to run" in out
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("what", ["methods", "tasks", "suites", "tables"])
def test_everything_there_is_can_be_listed_and_suites_with_what_they_are_for(call: Call, what: str) -> None:
    code, out, err = call("list", what)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) > 3
    for about in [load_suite(name).about for name in suite_names()] if what == "suites" else ():
        assert about
        assert about in " ".join(out.split())


def test_a_narrow_terminal_cuts_no_name(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = call("list", "methods")[1]
    narrow = StringIO()
    Console(width=60, file=narrow).print(listing("methods", []))
    assert "\u2026" not in narrow.getvalue()
    # What is folded is all there: a column's letters in their order.
    assert sorted("".join(narrow.getvalue().split())) == sorted("".join(wide.split()))


def test_a_log_says_what_a_first_run_is_drawing_once(tmp_path: Path) -> None:
    log = StringIO()
    prepare_data(planned("dummy", seeds=(0, 1)), tmp_path, Console(file=log, width=300))
    assert log.getvalue() == "preparing data of dummy (standin)\n"


@pytest.mark.parametrize("command", cli.VERBS)
def test_the_help_of_every_command_shows_an_example(call: Call, command: str) -> None:
    code, out, _ = call(command, "--help")
    assert code == 0
    assert f"retable {command}" in out.replace("\n", " ")


def test_help_imports_nothing_heavy() -> None:
    """``retable --help`` must answer at once: torch and MLflow take seconds to import."""
    code = "import sys; sys.argv = ['retable', '--help']\nfrom retable.benchmarks.cli.main import main\n"
    code += "try:\n    main()\nfinally:\n"
    code += "    print(sorted({'torch', 'mlflow', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_run_ends_in_a_report_and_says_where_results_of_other_sources_are_reused(call: Call, tmp_path: Path) -> None:
    command = ("run", str(write_suite(tmp_path, DUMMY_ROW)), "--no-track", "--jobs", "1", "--set", "method.steps=1")
    code, out, err = call(*command)
    assert code == 0, out + err
    assert "1 cell: 1 ok" in out
    assert "other sources" not in out
    assert (tmp_path / "runs" / "report" / "trial" / "index.html").is_file()
    (path,) = (tmp_path / "runs" / "cells").glob("*/result.json")
    result = json.loads(path.read_text())
    path.write_text(json.dumps(result | {"environment": result["environment"] | {"code": "0" * 16}}))
    path.with_name("done").write_text("ok\n")
    words = "stale: 1 cell was made by other sources; --fresh runs it anew (dummy/dummy/dummy/s0)"
    assert words in call(*command)[1]


def test_a_suite_with_a_failed_cell_exits_1_names_it_and_has_a_report(call: Call, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, DUMMY_ROW)
    code, out, _ = call("run", str(suite), "--no-track", "--set", 'method.misbehave="raise"')
    assert code == 1
    assert "failed dummy/dummy/dummy/s0" in out
    assert (tmp_path / "runs" / "report" / "trial" / "index.html").is_file()


def test_a_report_says_which_rows_were_not_run_as_the_suite_is_written() -> None:
    assert other_settings("dummy", planned("dummy").cells) == []
    changed = planned("dummy", "method.steps=3").cells
    (line,) = other_settings("dummy", [cell for cell in changed if cell.method == "dummy/tuned"])
    assert "method.steps = 3 instead of 80" in line


def test_data_of_ones_own_are_no_other_settings_but_two_data_sets_in_one_table_are_told() -> None:
    own = planned("quick", "task.source=real", "task.data_dir=/faces", only="mixdl/fastgan/*").cells
    assert other_settings("quick", own) == []
    (line,) = other_settings("quick", [*planned("quick", only="mixdl/stylegan2/*").cells, *own])
    assert "task ten-shot saw different data (1 on standin, 1 on real /faces)" in line
