"""A package of somebody else's that registers through entry points is found, checked and run like our own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from retable.benchmarks.cli.listing import listing
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.registry import get_method, get_task, get_title, rows, tasks
from retable.benchmarks.plan.suites import load_suite
from retable.datasets.errors import DataError
from retable.datasets.task import Task
from retable.methods.method import Method

REPOSITORY = Path(__file__).parents[2]
SUITE = """
profile = "tiny"

[[rows]]
methods = ["acme/blur"]
task = "acme-shapes"
"""


def test_it_is_not_there_before_it_is_installed() -> None:
    assert "acme/blur" not in rows()
    assert "acme-shapes" not in tasks()
    with pytest.raises(UserError, match="unknown method 'acme/blur'"):
        get_method("acme/blur")


@pytest.mark.usefixtures("plugin")
def test_its_entry_points_are_found_beside_our_own() -> None:
    assert rows()["acme/blur"].method == "acme_retable.blur:Blur"
    assert get_title("acme/blur") == get_method("acme/blur").title == "Blur"
    assert tasks()["acme-shapes"] == "acme_retable.shapes:Shapes"
    assert "dtn/dtn" in rows()
    assert issubclass(get_method("acme/blur"), Method)
    assert issubclass(get_task("acme-shapes"), Task)


def register(plugin: Path, **modules: str) -> None:
    """Each module holds this code and is registered as the method ``acme/MODULE``, its class ``Odd``."""
    entries = "".join(f"acme/{name} = {name}:Odd\n" for name in modules)
    (next(plugin.glob("*.dist-info")) / "entry_points.txt").write_text(f"[retable.methods]\n{entries}")
    for name, code in modules.items():
        (plugin / f"{name}.py").write_text(code)


def test_a_name_that_is_taken_is_refused_by_name_and_costs_no_other(plugin: Path) -> None:
    entry_points = next(plugin.glob("*.dist-info")) / "entry_points.txt"
    entry_points.write_text("[retable.methods]\ndtn/dtn = acme_retable.blur:Blur\n")
    with pytest.raises(UserError, match=r"'dtn/dtn' is registered twice.*acme_retable"):
        get_method("dtn/dtn")
    assert get_title("dtn/baseline")
    problems: list[str] = []
    listing("methods", problems)
    assert [problem.partition(":")[0] for problem in problems] == ["method 'dtn/dtn' is registered twice"]


def test_an_entry_that_leads_nowhere_is_one_clear_line(plugin: Path) -> None:
    entry_points = next(plugin.glob("*.dist-info")) / "entry_points.txt"
    entry_points.write_text(
        "[retable.methods]\nacme/gone = acme_retable.gone:Gone\nacme/task = acme_retable.shapes:Shapes\n"
    )
    with pytest.raises(UserError, match=r"'acme/gone' .* cannot be imported"):
        get_method("acme/gone")
    with pytest.raises(UserError, match=r"'acme/task' .* not a subclass of Method"):
        get_method("acme/task")


NEEDY = """
from retable.benchmarks.plan.dummy import Dummy
class Odd(Dummy):
    title = "[/red]"
    @classmethod
    def needed(cls, settings): raise KeyError("needs what is not there")
"""


def test_methods_that_raise_or_exit_are_named_in_a_line_each_and_cost_no_other(plugin: Path, tmp_path: Path) -> None:
    broken = {
        "raising": ("raise RuntimeError('boom')", "cannot be imported: RuntimeError: boom (", "raising.py:1)"),
        "leaving": ("raise SystemExit(3)", "cannot be imported: SystemExit: 3 (", "leaving.py:1)"),
        "mistyped": ("class Odd(:", "cannot be imported: SyntaxError", "mistyped.py"),
        "empty": ("", "cannot be imported: AttributeError", "Odd"),
        "needy": (NEEDY, "cannot be shown: KeyError", "needs what is not there"),
    }
    register(plugin, **{name: code for name, (code, *_) in broken.items()})
    problems: list[str] = []
    table = listing("methods", problems)
    assert table.row_count == len(rows()) - len(broken)
    assert len(problems) == len(broken)
    for name, (_, *words) in broken.items():
        (line,) = [problem for problem in problems if f"'acme/{name}'" in problem]
        assert all(word in line for word in words), line
        assert len(line.splitlines()) == 1
    suite = tmp_path / "both.toml"
    suite.write_text('profile = "dummy"\n[[rows]]\nmethods = ["acme/raising", "dummy/dummy"]\ntask = "dummy"\n')
    with pytest.raises(UserError, match=r"'acme/raising' .* boom"):
        make_plan(load_suite(str(suite)))
    with pytest.raises(UserError, match=r"'acme/raising' .* boom"):
        make_plan(load_suite(str(suite)), only="acme/*")
    assert [cell.method for cell in make_plan(load_suite(str(suite)), only="dummy/*").rows] == ["dummy/dummy"]


@pytest.mark.usefixtures("plugin")
def test_its_method_learns_its_task(tmp_path: Path) -> None:
    torch.manual_seed(0)
    task_class, method_class = get_task("acme-shapes"), get_method("acme/blur")
    task = task_class(task_class.Settings(), tmp_path)
    task.prepare()
    method = method_class(method_class.Settings.model_validate({}), task.info())
    method.opt = method.optimizers()
    losses = [float(method.training_step(task.batch("train", step, 16, 0), step)["l_blur"]) for step in range(30)]
    assert losses[-1] < losses[0] / 4
    request = task.requests("translate", "train")[0]
    with torch.no_grad():
        answer = method.translate(request.inputs)
    assert request.truth is not None
    assert answer.shape == request.truth.shape
    assert float((answer - request.truth).abs().mean()) < 0.3


@pytest.mark.usefixtures("plugin")
def test_its_errors_are_for_people(tmp_path: Path) -> None:
    task_class = get_task("acme-shapes")
    with pytest.raises(DataError, match="source = 'standin'"):
        task_class(task_class.Settings(source="real"), tmp_path).prepare()


def python(folder: Path, site: Path, *words: str) -> str:
    """What our Python prints with the example package on its path."""
    paths = os.pathsep.join([str(REPOSITORY), str(site)])
    environment = os.environ | {"PYTHONPATH": paths, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_command_lists_it_and_a_suite_runs_it(tmp_path: Path, plugin: Path) -> None:
    (tmp_path / "acme.toml").write_text(SUITE)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "tiny.toml").write_text('[method."acme/*"]\nsteps = 10\n')
    command = "retable.benchmarks.cli.main"
    assert "acme/blur" in python(tmp_path, plugin, command, "list", "methods")
    python(tmp_path, plugin, command, "run", str(tmp_path / "acme.toml"), "--no-track")
    (found,) = (tmp_path / "runs").rglob("result.json")
    result = json.loads(found.read_text())
    assert result["status"] == "ok", result["reason"]
    assert "lpips_pair.lite0" in {score["name"] for score in result["scores"]}


@pytest.mark.slow
def test_our_conformance_tests_test_it_too(plugin: Path) -> None:
    words = ["pytest", "tests/conformance", "-v", "-k", "acme", "-p", "no:cacheprovider"]
    printed = python(REPOSITORY, plugin, *words)
    assert all(name in printed for name in ("[acme/blur]", "[acme-shapes]"))
