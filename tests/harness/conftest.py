"""Shared by the harness's tests: a suite of dummy cells, and its invocation as a user would start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from retable.benchmarks.plan.overrides import Override
from retable.benchmarks.plan.plan import Plan, make_plan
from retable.benchmarks.plan.suites import load_suite
from retable.reports.records.cell import Cell


def write_suite(folder: Path, rows: str, name: str = "trial", profile: str = "dummy") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(f'profile = "{profile}"\n{rows}')
    return path


DUMMY_ROW = '[[rows]]\nmethods = ["dummy/dummy"]\ntask = "dummy"\n'


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """``plan_of(rows, seeds=..., overrides=...)`` -> the plan of a suite with these rows."""

    def make(rows: str = DUMMY_ROW, overrides: tuple[Override, ...] = (), **options: Any) -> Plan:
        return make_plan(load_suite(str(write_suite(tmp_path, rows))), overrides=overrides, **options)

    return make


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
