"""Times are compared by ratios of rounds that base and head ran in turns, never by themselves."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from retable.benchmarks.environment import REPOSITORY
from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.render import to_text
from retable.benchmarks.gate.times import check_times, judge, worktree

CELL = "dtn/dtn/digits/s0"
DRIFT = [1.0, 1.4, 2.0, 1.1, 3.0, 1.7]
"""A machine that other people use: seconds a step of the same code, round by round."""


def verdict(factors: list[float]) -> str:
    head = [seconds * factor for seconds, factor in zip(DRIFT, factors, strict=True)]
    (check,) = judge("smoke", "commit abc", {CELL: DRIFT}, {CELL: head}).checks
    return check.verdict


def test_a_slower_head_is_found_on_a_machine_whose_speed_drifts_threefold() -> None:
    assert verdict([1.3, 1.2, 1.25, 1.3, 1.4, 1.2]) == "worse"
    assert verdict([0.7, 0.8, 0.75, 0.7, 0.6, 0.8]) == "better"


def test_one_lucky_round_or_a_small_factor_is_no_slow_down() -> None:
    assert verdict([1.3, 1.2, 0.99, 1.3, 1.4, 1.2]) == "ok"
    assert verdict([1.05] * 6) == "ok"
    assert verdict([1.0] * 6) == "ok"


def test_the_report_says_ratio_range_and_cell() -> None:
    report = judge("smoke", "commit abc", {CELL: [1.0] * 6}, {CELL: [1.5, 1.5, 1.5, 1.5, 1.4, 1.6]})
    assert not report.ok
    text = to_text(report)
    assert f"worse        {CELL}  step_time.p50: base 1 ± 0.1 s, head 1.5 s" in text
    assert "6 rounds, head / base 1.500 (1.400 to 1.600)" in text


def test_what_cannot_be_timed_is_one_clear_line(tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    with pytest.raises(UserError, match="name a few with --only"):
        check_times(tmp_path, "smoke", "HEAD", None, console=console)
    with pytest.raises(UserError, match="--rounds 2: at least 6"):
        check_times(tmp_path, "smoke", "HEAD", CELL, rounds=2, console=console)
    with pytest.raises(UserError, match="no cell was timed on both sides"):
        judge("smoke", "commit abc", {}, {CELL: [1.0]})


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="not a git checkout")
def test_a_commit_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="--against no-such-commit: git cannot check it out"),
        worktree("no-such-commit", tmp_path / "base"),
    ):
        pass
    assert not (tmp_path / "base").exists()
