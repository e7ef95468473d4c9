"""How long a plan will take is said from what cells alike have taken."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run import estimate
from retable.benchmarks.run.estimate import Estimates
from retable.benchmarks.run.live import show_plan
from retable.reports.records.recording import recording
from retable.reports.records.result import Result
from retable.reports.records.score import Protocol, Score
from tests.harness.conftest import BOTH

STEP = Score(
    name="step_time.p50",
    value=0.5,
    direction="lower",
    slice={"request": "train"},
    protocol=Protocol(metric="step_time", detail="timer=cpu"),
)


def took(plan: Plan, method: str, steps: int, wall_s: float) -> Result:
    cell = next(cell for cell in plan.cells if cell.method == method)
    cell = cell.with_changes(method_settings={**cell.method_settings, "steps": steps})
    return Result(cell=cell, status="ok", scores=(STEP,), steps=steps, wall_s=wall_s)


def test_a_cell_with_more_steps_takes_what_its_steps_take_longer(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(BOTH)
    estimates = Estimates([took(plan, "dummy/dummy", steps=100, wall_s=60.0)])
    assert estimates.seconds(took(plan, "dummy/dummy", steps=400, wall_s=0).cell) == 60.0 + 300 * 0.5
    assert estimates.seconds(took(plan, "dummy/tuned", steps=400, wall_s=0).cell) is None


@pytest.mark.parametrize(
    ("changes", "alike"),
    [({"lr": 0.5}, True), ({"lr": 0.0}, False), ({"batch_size": 32}, False)],
)
def test_rates_do_not_change_the_time_but_sizes_and_terms_left_out_do(
    plan_of: Callable[..., Plan], changes: dict[str, float], alike: bool
) -> None:
    known = took(plan_of(BOTH), "dummy/dummy", steps=100, wall_s=60.0)
    other = known.cell.with_changes(method_settings={**known.cell.method_settings, **changes})
    assert (Estimates([known]).seconds(other) == 60.0) is alike


def test_a_dry_run_says_how_long_each_cell_takes_and_of_how_many_nobody_knows(
    plan_of: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(BOTH)
    monkeypatch.setattr(estimate, "SHIPPED", tmp_path)
    content = recording([took(plan, "dummy/dummy", steps=80, wall_s=7384.0)])
    (tmp_path / "known.jsonl.gz").write_bytes(content)
    (tmp_path / "damaged.jsonl.gz").write_bytes(content[:40])
    out = StringIO()
    show_plan(plan, tmp_path / "runs", Console(file=out, width=200))
    assert "2 h 03 min" in next(line for line in out.getvalue().splitlines() if "dummy/dummy" in line)
    assert "1 cell to run: about 2 h 03 min one after the other; no time is known of 1 other" in out.getvalue()
