"""The clock on the wall may be set; durations come from one that never jumps."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from retable.benchmarks.run.process import LocalProcess
from retable.reports.records.journal import Beginning, outcome
from tests.harness.conftest import planned


@pytest.mark.parametrize("jump_s", [-3600, 3600])
def test_a_clock_that_jumps_changes_no_duration(monkeypatch: pytest.MonkeyPatch, jump_s: int) -> None:
    (cell,) = planned("dummy", only="dummy/dummy/*").rows
    started, later = Beginning.now(), time.time_ns() + jump_s * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    result = outcome(cell, "ok", started=started)
    assert 0 <= result.wall_s < 60
    assert result.ended - result.started == round(1000 * result.wall_s)


def test_a_cell_that_fails_keeps_its_reason_where_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cell,) = planned("dummy", 'method.misbehave="raise"', only="dummy/dummy/*").rows
    ahead = time.time_ns() + 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: ahead)
    process = LocalProcess(cell, tmp_path)
    monkeypatch.undo()
    while (ended := process.poll()) is None:
        time.sleep(0.1)
    assert ended == ("failed", "RuntimeError: the dummy method was asked to raise")
