"""A cell is its content, data included; what other sources began does not go on."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from retable.benchmarks.cell import run_cell
from retable.benchmarks.environment import made_elsewhere
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.overrides import parse_override
from retable.benchmarks.plan.plan import Plan, make_plan
from retable.benchmarks.plan.suites import load_suite
from retable.benchmarks.run import suite_run
from retable.benchmarks.run.earlier import forget, put_right
from retable.benchmarks.run.results import index_cells
from retable.benchmarks.run.scheduler import Scheduler, at_work
from retable.benchmarks.run.suite_run import prepare_data
from retable.reports.records.cell import Cell
from retable.reports.records.journal import Journal, finished, first_start
from tests.harness.conftest import DUMMY_ROW


def picture(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(value).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def row(folder: Path, root: Path, seed: int = 0) -> Cell:
    """A row of MixDL on the user's own pictures, as the plan binds it to them."""
    overrides = [parse_override("task.source=real"), parse_override(f"task.data_dir={json.dumps(str(folder))}")]
    plan = make_plan(load_suite("smoke"), only="mixdl/stylegan2/ten-shot/*", overrides=overrides, seeds=[seed])
    (cell,) = prepare_data(plan, root, Console(file=io.StringIO())).rows
    return cell


def test_a_moved_folder_is_the_same_cell_and_a_changed_picture_another(tmp_path: Path) -> None:
    for part in ("shots", "reference"):
        for number in range(12):
            picture(tmp_path / "faces" / part / f"{number}.png", number + (100 if part == "reference" else 0))
    before = row(tmp_path / "faces", tmp_path / "runs")
    assert set(before.data) == {"shots", "reference"}
    assert index_cells(tmp_path / "runs", "smoke", [before]) == ([], "")

    (tmp_path / "faces").rename(tmp_path / "elsewhere")
    moved = row(tmp_path / "elsewhere", tmp_path / "runs")
    assert moved.hash == before.hash

    picture(tmp_path / "elsewhere" / "reference" / "3.png", 999)
    changed = row(tmp_path / "elsewhere", tmp_path / "runs")
    assert changed.hash != before.hash
    assert index_cells(tmp_path / "runs", "smoke", [changed]) == ([before.address], "")
    assert Cell.from_json(changed.to_json()) == changed


def test_data_that_change_after_the_plan_fail_the_cell(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    (cell,) = plan_of().cells
    cell = cell.with_changes(data={"weights:face.pt": "0" * 64})
    scheduler = Scheduler([cell], tmp_path / "runs", 1)
    assert not scheduler.run(lambda state: None)
    assert scheduler.states[0].reason == "the data changed since the run was planned (weights:face.pt); run it again"


@pytest.mark.parametrize(("answers", "status", "stale"), [([True], "failed", False), ([False, True], "ok", True)])
def test_a_cell_whose_sources_change_while_it_runs_says_so(
    answers: list[bool], status: str, stale: bool, plan_of: Callable[..., Plan], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (cell,) = plan_of(DUMMY_ROW, "method.steps=2").cells
    remaining = iter(answers)
    monkeypatch.setattr("retable.benchmarks.environment.changed_since", lambda *_: next(remaining))
    directory = cell.directory(tmp_path)
    assert run_cell(cell, directory) == status
    result = finished(directory)
    assert result is not None
    assert ("sources" in made_elsewhere(result.environment)) == stale
    assert result.reason == ("" if stale else "the sources changed while the cell started; run it again")


@pytest.fixture
def begun(plan_of: Callable[..., Plan], tmp_path: Path) -> tuple[Cell, Path]:
    """A cell that other sources began and did not finish, with a checkpoint."""
    (cell,) = plan_of().cells
    directory = cell.directory(tmp_path / "runs")
    Journal(directory).start(cell, {"code": "0" * 16, "modules": "retable.benchmarks.plan.dummy"}, {})
    (directory / "checkpoints").mkdir()
    (directory / "checkpoints" / "step-0000010.json").write_text("{}")
    return cell, directory


def test_what_other_sources_began_starts_again(begun: tuple[Cell, Path], tmp_path: Path) -> None:
    cell, directory = begun
    (words,) = put_right([cell], tmp_path / "runs")
    assert words.startswith("1 unfinished cell begun by other sources, ")
    assert "starting again" in words
    assert [path.name for path in directory.iterdir()] == ["lock"]


def test_what_other_sources_began_goes_on_where_the_user_asks_for_it(begun: tuple[Cell, Path], tmp_path: Path) -> None:
    cell, directory = begun
    (words,) = put_right([cell], tmp_path / "runs", resume_stale=True)
    assert "going on, as --resume-stale asks" in words
    Scheduler([cell], tmp_path / "runs", 1).run(lambda state: None)
    result, first = finished(directory), first_start(directory)
    assert result is not None
    assert first is not None
    assert result.status == "ok"
    assert result.environment == first.environment
    assert "goes on from an attempt made by other sources" in (directory / "journal.jsonl").read_text()


def test_a_cell_at_work_is_not_forgotten(begun: tuple[Cell, Path]) -> None:
    from filelock import FileLock

    _, directory = begun
    with FileLock(directory / "lock"):
        assert not forget(directory)
    assert (directory / "checkpoints").is_dir()
    assert forget(directory)


def test_a_fresh_run_waits_for_others_and_others_for_it(tmp_path: Path) -> None:
    told: list[str] = []
    ends: list[str] = []

    def run(name: str, *, alone: bool) -> None:
        with at_work(tmp_path, alone=alone, say=told.append):
            time.sleep(0.2)
            ends.append(name)

    with at_work(tmp_path, alone=False, say=told.append), at_work(tmp_path, alone=False, say=told.append):
        fresh = threading.Thread(target=run, args=("fresh",), kwargs={"alone": True})
        fresh.start()
        time.sleep(0.2)
        ends.append("ordinary")
    fresh.join(10)
    assert ends == ["ordinary", "fresh"]
    assert told == [f"another run is at work in {tmp_path}; waiting for its end"]


def test_a_dry_run_shows_the_plan_as_a_run_would_bind_it_and_refuses_what_a_run_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("shots", "reference"):
        for number in range(12):
            picture(tmp_path / "faces" / part / f"{number}.png", number + (100 if part == "reference" else 0))
    shown: list[Plan] = []
    monkeypatch.setattr(suite_run, "show_plan", lambda plan, *_: shown.append(plan))
    folder = json.dumps(str(tmp_path / "faces"))
    overrides = [parse_override("task.source=real"), parse_override(f"task.data_dir={folder}")]
    plan = make_plan(load_suite("smoke"), only="mixdl/stylegan2/ten-shot/*", overrides=overrides, seeds=[0])
    suite_run.dry_run(plan, tmp_path / "runs", Console(file=io.StringIO()))
    assert shown[0].rows[0].hash == row(tmp_path / "faces", tmp_path / "runs").hash != plan.rows[0].hash
    for number in range(9):
        (tmp_path / "faces" / "reference" / f"{number}.png").unlink()
    with pytest.raises(UserError, match="reference: 3 images, 4 needed"):
        suite_run.dry_run(plan, tmp_path / "runs", Console(file=io.StringIO()))
