"""A cell as a process: what it leaves running, prints, or cannot record costs no other cell and is told."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

from retable.benchmarks.environment import REPOSITORY
from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run import process
from retable.benchmarks.run.process import LocalProcess, record_skipped
from retable.benchmarks.run.scheduler import Scheduler
from retable.reports.records.cell import Cell
from retable.reports.records.journal import Journal, finished

Run = Callable[[str], tuple[LocalProcess, str]]


@pytest.fixture
def cell(plan_of: Callable[..., Plan]) -> Cell:
    return plan_of().cells[0]


@pytest.fixture
def run(cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(SCRIPT)``: a shell script in the cell's place, where ``$5`` is its folder; returns it and why it ended."""

    def to_its_end(script: str) -> tuple[LocalProcess, str]:
        fake = tmp_path / "python"
        fake.write_text(f"#!/bin/sh\n{script}\n")
        fake.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(fake))
        running = LocalProcess(cell, tmp_path / "runs")
        deadline = time.monotonic() + 60
        while (ended := running.poll()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return running, ended[1]

    return to_its_end


def gone(pid: int, patience_s: float = 20) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("end", ["exit 3", "kill -9 $$"])
def test_what_a_cell_has_started_ends_with_it(run: Run, end: str) -> None:
    running, _ = run(f"sleep 1000 & echo $! > $5/child; {end}")
    assert gone(int((running.directory / "child").read_text()))


def test_of_a_log_that_grows_without_end_the_beginning_and_the_end_are_kept(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOG_BYTES", 100_000)
    monkeypatch.setattr(process, "LOG_PART", 1_000)
    running, _ = run("echo first; head -c 3000000 /dev/zero; echo last")
    log = (running.directory / "log.txt").read_bytes()
    assert len(log) < 100_000
    assert log.startswith(b"first\n")
    assert b"100,000 bytes were too many" in log
    assert log.endswith(b"last\n")


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")


def test_on_a_full_disk_every_cell_is_tried_and_says_why_it_did_not_start(
    plan_of: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "write_json", full)
    scheduler = Scheduler(plan_of(seeds=[0, 1]).cells, tmp_path, 1)
    assert not scheduler.run(lambda state: None)
    for state in scheduler.states:
        assert state.status == "failed"
        assert state.reason == "it could not be started: somewhere: No space left on device"


def test_an_end_that_cannot_be_recorded_is_told_all_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "end", full)
    running, reason = run("exit 3")
    assert reason.startswith("its process ended with exit code 3")
    assert reason.endswith("(which could not be recorded: somewhere: No space left on device)")
    assert finished(running.directory) is None


def test_a_cell_that_another_run_works_on_is_left_to_it(cell: Cell, tmp_path: Path) -> None:
    directory = cell.directory(tmp_path)
    directory.mkdir(parents=True)
    with FileLock(directory / "lock"):
        record_skipped(cell, tmp_path, "interrupted")
    assert [path.name for path in directory.iterdir()] == ["lock"]
    record_skipped(cell, tmp_path, "interrupted")
    result = finished(directory)
    assert result is not None
    assert result.status == "skipped"


WAITS = """
import subprocess, sys, time
from retable.benchmarks.cell import _end_with_harness
_end_with_harness()
print(subprocess.Popen(["sleep", "1000"]).pid, flush=True)
time.sleep(1000)
"""


@contextmanager
def started(**environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_cell_whose_harness_died_before_it_was_watched_ends_at_once() -> None:
    with started(RETABLE_HARNESS=str(os.getppid())) as orphan:
        assert orphan.communicate(timeout=60) == ("", None)
        assert orphan.returncode == 1


def test_a_cell_that_is_told_to_end_takes_along_what_it_has_started() -> None:
    with started(RETABLE_HARNESS=str(os.getpid())) as asked:
        assert asked.stdout is not None
        child = int(asked.stdout.readline())
        asked.terminate()
        assert asked.wait(60) == -15
    assert gone(child)


@pytest.mark.parametrize(("given", "expected"), [({}, "1"), ({"OMP_NUM_THREADS": "2"}, "2")])
def test_a_run_computes_beside_its_cells_with_one_thread_or_with_what_the_user_says(
    given: dict[str, str], expected: str, tmp_path: Path
) -> None:
    script = """
import atexit, sys
atexit.register(lambda: print("threads", __import__("torch").get_num_threads()))
sys.argv = ["retable", "run", "dummy", "--dry-run"]
from retable.benchmarks.cli.main import main
main()
"""
    environment = {name: value for name, value in os.environ.items() if name not in process.THREADS} | given
    environment["PYTHONPATH"] = str(REPOSITORY)
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == f"threads {expected}", done.stderr
