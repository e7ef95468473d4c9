"""Shared by the harness's tests: suites and made-up rows, trained cells, and the command as a user would start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from retable import datasets
from retable.benchmarks.cell import run_cell
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.overrides import parse_override
from retable.benchmarks.plan.plan import Plan, make_plan
from retable.benchmarks.plan.suites import load_suite
from retable.benchmarks.run.results import index_cells
from retable.datasets.task import Task
from retable.methods import rows
from retable.methods.method import Method
from retable.reports.records.cell import Cell
from retable.reports.records.files import write_json
from tests.harness.painter import FewSquares, Painter


def row(*methods: str, task: str = "dummy", **settings: object) -> str:
    """Some methods on a task, as a suite's TOML; settings are ``method_KEY`` or ``task_KEY``."""
    values = ", ".join(f'"{key.replace("_", ".", 1)}" = {json.dumps(value)}' for key, value in settings.items())
    return f'[[rows]]\nmethods = {json.dumps(methods)}\ntask = "{task}"\nset = {{ {values} }}\n'


DUMMY_ROW = '[[rows]]\nmethods = ["dummy/dummy"]\ntask = "dummy"\n'
BOTH = row("dummy/tuned", "dummy/dummy")


def write_suite(folder: Path, rows: str, name: str = "trial", profile: str = "dummy") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(f'profile = "{profile}"\n{rows}')
    return path


def planned(suite: str | Path, *overrides: str, **options: Any) -> Plan:
    """``planned("quick", "method.lr=0.1", ..., seeds=..., only=...)``: the plan of a suite, by its name or file."""
    return make_plan(load_suite(str(suite)), overrides=[parse_override(text) for text in overrides], **options)


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """``plan_of(rows, ...)``: the plan of a suite with these rows; other arguments as those of :func:`planned`."""

    def make(rows: str = DUMMY_ROW, *overrides: str, profile: str = "dummy", **options: Any) -> Plan:
        return planned(write_suite(tmp_path, rows, profile=profile), *overrides, **options)

    return make


def register(patch: pytest.MonkeyPatch, methods: Mapping[str, type[Method]], *tasks: type[Task]) -> None:
    """Made-up methods go by these ids, and made-up tasks by their names."""
    for name, cls in methods.items():
        patch.setitem(rows.ROWS, name, rows.Row(f"{cls.__module__}:{cls.__name__}"))
    for task in tasks:
        patch.setitem(datasets.TASKS, task.name, f"{task.__module__}:{task.__name__}")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of runs with a trained painter, which samples, and a trained dummy, both in the suite ``trial``."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        register(patch, {"dummy/painter": Painter}, FewSquares)
        suite = write_suite(folder, row("dummy/painter", task="few-squares", method_steps=2) + DUMMY_ROW)
        plan = planned(suite)
        index_cells(folder / "runs", "trial", plan.cells)
        for cell in plan.cells:
            directory = cell.directory(folder / "runs")
            directory.mkdir(parents=True)
            write_json(directory / "cell.json", cell.to_json())
            assert run_cell(cell, directory) == "ok"
        yield folder / "runs"


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """The block is refused in one error that holds these words."""
    with pytest.raises(UserError) as caught:
        yield
    for word in words:
        assert word in str(caught.value)


def retable(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command as a user would type it in ``folder``; both its outputs are its standard output."""
    return subprocess.Popen(
        [sys.executable, "-m", "retable.benchmarks.cli.main", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "300", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def result_of(root: Path, cell: Cell) -> dict[str, Any]:
    data = json.loads((cell.directory(root) / "result.json").read_text())
    assert isinstance(data, dict)
    return data


def columns(path: Path, tile: int = 64 + 2) -> tuple[int, int]:
    """Images in a row, rows; ``tile``: pixels from one 8 x 8 image to the next, enlarged, with the gap."""
    with Image.open(path) as picture:
        return (picture.width - 2) // tile, (picture.height - 2) // tile
