"""One process per cell: whatever a cell does, it ends in its own status, and every other cell completes."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run.scheduler import Scheduler
from retable.reports.records.journal import End, Note, Start, finished, read_journal
from tests.harness.conftest import DUMMY_ROW, planned, result_of, retable, row, write_suite

MISBEHAVIOUR = {
    "raise": ("failed", "asked to raise"),
    "exit": ("failed", "exit code 9"),
    "kill": ("failed", "SIGKILL"),
    "oom": ("oom", "memory"),
    "nonfinite": ("nonfinite", "l_mse is nan at step"),
    "hang": ("timeout", "no result after"),
}


def run(plan: Plan, root: Path, jobs: int = 2, *, fresh: bool = False) -> Scheduler:
    scheduler = Scheduler(plan.cells, root, jobs, fresh=fresh)
    scheduler.run(lambda state: None)
    return scheduler


def statuses(scheduler: Scheduler) -> dict[str, str]:
    return {state.cell.address: str(state.status) for state in scheduler.states}


def quality(result: dict[str, Any]) -> dict[str, float]:
    """The scores that do not measure time or memory."""
    names = ("lpips_pair.lite0", "fid.lite0", "loss.l_mse")
    return {score["name"]: score["value"] for score in result["scores"] if score["name"] in names}


@pytest.fixture(scope="module")
def misbehaving(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scheduler, Path]:
    """One suite in which a cell fails in every way there is, beside one that works and one that needs a failed one."""
    folder = tmp_path_factory.mktemp("misbehaving")
    suite = write_suite(folder, DUMMY_ROW)
    cells = []
    for how in ("", *MISBEHAVIOUR):
        timeout = f"run.timeout_s={30 if how == 'hang' else 90}"
        cells += planned(suite, f'method.misbehave="{how}"', timeout).cells
    cells += planned(write_suite(folder, row("dummy/tuned"), "tuned"), "dummy/dummy:method.misbehave=raise").rows
    scheduler = Scheduler(cells, folder / "runs", jobs=3)
    scheduler.run(lambda state: None)
    return scheduler, folder / "runs"


@pytest.mark.parametrize("how", MISBEHAVIOUR)
def test_a_misbehaving_cell_ends_in_its_own_status_with_a_reason(misbehaving: tuple[Scheduler, Path], how: str) -> None:
    scheduler, root = misbehaving
    state = next(state for state in scheduler.states if state.cell.method_settings["misbehave"] == how)
    status, words = MISBEHAVIOUR[how]
    assert (state.status, words in state.reason) == (status, True), state.reason
    assert result_of(root, state.cell)["status"] == status
    assert [event for event in read_journal(state.directory).events if isinstance(event, End)][-1].status == status


def test_the_other_cells_complete(misbehaving: tuple[Scheduler, Path]) -> None:
    scheduler, root = misbehaving
    state = next(state for state in scheduler.states if not state.cell.method_settings["misbehave"])
    assert state.status == "ok"
    names = {score["name"] for score in result_of(root, state.cell)["scores"]}
    assert {"parameters", "lpips_pair.lite0", "step_time.p50", "loss.l_mse"} <= names
    assert (state.directory / "weights.safetensors").exists()
    assert len(list((state.directory / "samples").glob("*.png"))) == 2


def test_a_cell_whose_dependency_failed_is_skipped_and_says_why(misbehaving: tuple[Scheduler, Path]) -> None:
    scheduler, _ = misbehaving
    state = next(state for state in scheduler.states if state.cell.method == "dummy/tuned")
    assert state.status == "skipped"
    assert "needs dummy/dummy/dummy/s0, which ended failed" in state.reason


def test_running_again_does_only_what_is_missing(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    plan = plan_of(seeds=[0, 1])
    root = tmp_path / "runs"
    run(plan, root)
    first = [result_of(root, cell) for cell in plan.cells]
    (plan.cells[1].directory(root) / "done").unlink()
    again = run(plan, root)
    assert [state.reused for state in again.states] == [True, False]
    second = [result_of(root, cell) for cell in plan.cells]
    assert second[0] == first[0]
    assert second[1]["ended"] > first[1]["ended"]
    assert quality(second[1]) == quality(first[1]), "same cell, same machine, same numbers"
    assert [state.reused for state in run(plan_of(seeds=[0]), root, fresh=True).states] == [False]


def test_a_cell_killed_in_training_resumes_to_the_same_weights(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    plan = plan_of(DUMMY_ROW, "method.pause_s=0.05")
    cell = plan.cells[0]
    whole = run(plan, tmp_path / "whole").states[0].directory

    root = tmp_path / "killed"
    scheduler = Scheduler(plan.cells, root, 1)

    def kill_after_a_checkpoint() -> None:
        while not list((scheduler.states[0].directory / "checkpoints").glob("*.json")):
            time.sleep(0.02)
        (process,) = scheduler._running.values()
        os.killpg(process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_after_a_checkpoint, daemon=True)
    killer.start()
    scheduler.run(lambda state: None)
    killer.join()
    assert statuses(scheduler) == {cell.address: "failed"}
    resumed = run(plan, root).states[0].directory
    events = read_journal(resumed).events
    assert any("resumed from" in event.text for event in events if isinstance(event, Note))
    assert (resumed / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert quality(result_of(root, cell)) == quality(result_of(tmp_path / "whole", cell))
    starts = [event for event in events if isinstance(event, Start)]
    assert [start.attempt for start in starts] == [1, 2]
    assert starts[0].journal == starts[1].journal


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_finished_cells_finished_and_marks_the_rest(tmp_path: Path, sign: signal.Signals) -> None:
    write_suite(tmp_path, DUMMY_ROW + row("dummy/tuned", method_pause_s=5.0))
    process = retable(tmp_path, "run", "trial.toml", "--seeds", "0,1", "--jobs", "1", "--no-track")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any("tuned" in path.parent.name for path in tmp_path.glob("runs/cells/*/progress.json")):
            break
        time.sleep(0.1)
    process.send_signal(sign)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    ended = {
        data["cell"]["address"]: data["status"]
        for data in (json.loads(path.read_text()) for path in tmp_path.glob("runs/cells/*/result.json"))
    }
    assert ended["dummy/dummy/dummy/s0"] == "ok"
    assert ended["dummy/tuned/dummy/s0"] == ended["dummy/tuned/dummy/s1"] == "skipped"
    assert f"interrupted by {sign.name}" in out
    result = finished(next(tmp_path.glob("runs/cells/dummy_dummy_dummy_s0-*")))
    assert result is not None
    assert result.status == "ok"


def test_an_interrupted_invocation_leaves_what_another_has_finished(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = plan_of()
    late = Scheduler(plan.cells, tmp_path / "runs", 1)
    run(plan, tmp_path / "runs")
    done = result_of(tmp_path / "runs", plan.cells[0])
    late._stop = "interrupted by SIGINT"
    late.run(lambda state: None)
    assert result_of(tmp_path / "runs", plan.cells[0]) == done
