"""What a cell leaves behind beside its scores on images: strips of every preview, grids of the first, and counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retable.benchmarks.cell import run_cell
from retable.benchmarks.plan import registry
from retable.benchmarks.plan.dummy import TASKS, Dummy, Squares
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.suites import load_suite
from retable.datasets.task import Kind, Request
from retable.reports.records.cell import Cell
from tests.harness.conftest import DUMMY_ROW, columns, result_of, write_suite

COUNTS = ("trained_parameters", "models", "model_parameters")


class ThreeWays(Squares):
    """The dummy task with three previews: with truth, without, and one that is nothing to look at."""

    name = "three-ways"

    def previews(self, kind: Kind, stream: str) -> list[Request]:
        (usual,) = super().previews(kind, stream)
        images = usual.inputs["image"]
        return [
            usual,
            Request("back", "translate", {"image": images[:5]}, then={}, learnt=images[:2]),
            Request("classes", "predict", {"image": images}),
            Request("known", "translate", {"image": images[:3]}, truth=images[:3]),
        ]


def ran(folder: Path, task: str, steps: int = 2) -> tuple[Path, dict[str, Any]]:
    """The folder and the result of a dummy cell of this many steps."""
    words = f'set = {{ "method.steps" = {steps} }}\n'
    rows = DUMMY_ROW.replace('task = "dummy"', f'task = "{task}"') + words
    cell: Cell = make_plan(load_suite(str(write_suite(folder, rows)))).rows[0]
    directory = cell.directory(folder)
    directory.mkdir(parents=True)
    assert run_cell(cell, directory) == "ok"
    return directory, result_of(folder, cell)


def test_every_preview_becomes_strips_and_the_first_the_grid_of_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "tasks", lambda: {**TASKS, "three-ways": f"{__name__}:ThreeWays"})
    directory, _ = ran(tmp_path, "three-ways")
    found = {path.name: columns(path) for path in (directory / "images").iterdir()}
    assert found == {
        "inputs.png": (8, 1),
        "outputs.png": (8, 1),
        "truth.png": (8, 1),
        "back.inputs.png": (5, 1),
        "back.learnt.png": (2, 1),
        "back.outputs.png": (5, 1),
        "known.inputs.png": (3, 1),
        "known.outputs.png": (3, 1),
        "known.truth.png": (3, 1),
    }
    assert [columns(path) for path in (directory / "samples").iterdir()] == [(8, 3)]


@pytest.mark.parametrize(
    ("steps", "counts"), [(2, {"trained_parameters": 2.0, "models": 2.0, "model_parameters": 1.0}), (0, {})]
)
def test_a_trained_row_says_how_many_parameters_moved_and_in_how_many_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, counts: dict[str, float]
) -> None:
    """The dummy's convolution has a weight and a bias; without a step nothing moved."""
    monkeypatch.setattr(Dummy, "models", lambda self: 2)
    _, result = ran(tmp_path, "dummy", steps)
    found = {
        score["name"]: score for score in result["scores"] if score["protocol"]["metric"] in (*COUNTS, "parameters")
    }
    assert {name: score["value"] for name, score in found.items()} == {"parameters": 2.0, **counts}
    assert all(score["direction"] == "none" for score in found.values())
    assert all(score["slice"] == {"request": "train"} for score in found.values())
