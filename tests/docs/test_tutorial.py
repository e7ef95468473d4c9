"""The tutorial can be followed: its pictures are drawn, its data checked, its runs planned, its options known.

Run as they stand: the block that draws practice pictures, ``retable list`` and every ``retable data check``. Every
``retable run`` is planned on those pictures (``--dry-run``), because the shortest takes minutes. Of the other commands
options, addresses, paths and what is asked of a task are checked.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from retable.benchmarks.cli.main import app
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.registry import get_method, get_task
from retable.benchmarks.plan.suites import load_suite, suite_names
from retable.datasets.cartoon_groups.settings import CartoonGroupsSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
DRAWS = [block for block in BLOCKS if block.startswith("python - <<")]
LINES = [line for block in BLOCKS if block not in DRAWS for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith("retable ")]
AS_IT_STANDS = ("retable list ", "retable data check ")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the practice pictures, drawn by the page's own block."""
    folder = tmp_path_factory.mktemp("clone")
    (block,) = DRAWS
    (folder / "bin").mkdir()
    # A link to an environment's interpreter would not find the environment.
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    paths = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    subprocess.run(["sh", "-ec", block], cwd=folder, env=os.environ | paths, check=True, timeout=200)
    return folder


@pytest.fixture
def here(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(clone)
    monkeypatch.delenv("RETABLE_RUNS", raising=False)
    return clone


def asked(line: str) -> tuple[str, dict[str, Any]]:
    """The command and its options, read as the command itself reads them; files as the shell finds them."""
    _, name, *rest = shlex.split(line)
    words = [
        found for word in rest for found in (sorted(map(str, Path().glob(word))) if word.endswith("*.png") else [word])
    ]
    return name, typer.main.get_group(app).commands[name].make_context(name, words).params


def test_the_page_has_the_steps_that_it_promises() -> None:
    named = {line.split()[1] for line in COMMANDS}
    assert named == {"list", "data", "run", "report", "ui", "translate", "sample", "gate"}
    assert len(COMMANDS) >= 14


def test_everything_else_in_its_blocks_is_the_installation() -> None:
    (install,) = [line for line in LINES if not line.startswith("retable ")]
    assert install.startswith("python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e .")
    assert (ROOT / "constraints.txt").is_file()


def test_as_many_pictures_are_drawn_as_it_says(here: Path) -> None:
    (said,) = re.findall(r"This draws (\d+) for practice", PAGE)
    assert len(list(here.glob("practice/**/*.png"))) == int(said)


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith(AS_IT_STANDS)])
@pytest.mark.usefixtures("here")
def test_looking_and_checking_work_as_they_stand(line: str) -> None:
    done = CliRunner().invoke(app, shlex.split(line)[1:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    if "data check" in line:
        assert done.output.rstrip().endswith("ready to use")


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("retable run ")])
def test_every_run_is_planned_on_the_practice_pictures(line: str, here: Path) -> None:
    words = [*shlex.split(line)[1:], *([] if "--dry-run" in line else ["--dry-run"])]
    done = CliRunner().invoke(app, words, catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert re.search(r"[1-9]\d* rows?, \d+ cells? with shared stages", done.output)
    assert asked(line)[1]["data_dir"].is_dir()
    assert not (here / "runs" / "cells").exists()


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith(("retable tr", "retable sa"))])
@pytest.mark.usefixtures("here")
def test_what_is_applied_was_trained_before_and_is_asked_something_its_task_knows(line: str) -> None:
    name, options = asked(line)
    cells = {cell.address: cell for cell in make_plan(load_suite(options["suite"]), seeds=(0,)).rows}
    cell = cells[options["from_"]]
    assert get_method(cell.method).kind == name
    before = PAGE[: PAGE.index(line)]
    assert any(f"--only '{glob_}'" in before for glob_ in (f"{cell.method}/*", f"{cell.paper}/*"))
    if name == "translate":
        assert len(options["images"]) > 1
        task = get_task(cell.task)(CartoonGroupsSettings.model_validate(cell.task_settings), Path())
        task.ask(torch.zeros(1, 3, 32, 32), {"group": options["group"]})


@pytest.mark.parametrize(
    "line", [line for line in COMMANDS if line.startswith(("retable rep", "retable ga", "retable ui"))]
)
def test_the_other_commands_have_these_options_and_name_a_suite_that_was_run(line: str) -> None:
    name, options = asked(line)
    if name != "ui":
        suite = options["suite"]
        (suite,) = suite if isinstance(suite, (list, tuple)) else (suite,)
        assert suite in suite_names()
        assert f"retable run {suite} " in PAGE[: PAGE.index(line)]


def test_messages_that_it_explains_are_messages_of_ours() -> None:
    sources = "".join(
        path.read_text() for folder in ("benchmarks", "datasets") for path in (ROOT / folder).rglob("*.py")
    )
    for message in ("not usable as it is", "matches no cell", "no trained cell"):
        assert message in PAGE
        assert message in sources
