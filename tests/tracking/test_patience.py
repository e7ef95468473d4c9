"""On a busy machine the harness waits for its tracker, and says truly why it stopped waiting."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from retable.benchmarks.tracking import patience, tracker
from retable.benchmarks.tracking.tracker import Tracker

COMPUTE = "import time; end = time.monotonic() + 3\nwhile time.monotonic() < end: pass"
WAIT = "import time; time.sleep(60)"


def test_a_process_that_computes_is_waited_for_and_one_that_waits_for_others_is_not() -> None:
    with subprocess.Popen([sys.executable, "-c", COMPUTE]) as process:
        assert patience.ended(process, lambda: 1)
    with subprocess.Popen([sys.executable, "-c", WAIT]) as process:
        assert not patience.ended(process, lambda: 1)
        process.kill()


def test_no_wait_is_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LIMIT_S", 0.5)
    with subprocess.Popen([sys.executable, "-c", COMPUTE]) as process:
        assert not patience.ended(process, lambda: 60)
        process.kill()


def test_a_tracker_that_the_harness_ends_did_not_end_unexpectedly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tracker, "SLOW_PATIENCE_S", 0.5)
    ours = Tracker(None, "quick", tmp_path, [])
    ours._process = subprocess.Popen([sys.executable, "-c", WAIT], stdin=subprocess.PIPE)
    began = time.monotonic()
    ours.finish("ok")
    assert time.monotonic() - began < 20
    assert ours.state == "down: the tracking server was too slow; `retable sync` will catch up"
