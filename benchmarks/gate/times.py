"""Is the head slower than a commit? Both are run in turns on this machine, in one job, and only ratios are judged.

An absolute time says more about the machine than about the code, and two times of one machine an hour apart say more
about what else ran on it. So the base is checked out into a git worktree of its own, and base and head train the same
few cells one after the other, round after round, the order changing every round. A round's ratio is the head's median
step time over the base's. A cell is slower when **both** hold (the rule of airspeed velocity, with pairs):

1. every round's ratio is above 1: with six rounds equally fast code does that once in 64 cells;
2. the median ratio is above :data:`FACTOR`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from retable.benchmarks.environment import REPOSITORY
from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.junit import write_file, write_junit
from retable.benchmarks.gate.render import show, to_markdown
from retable.benchmarks.gate.verdict import Base, Check, GateReport, Verdict
from retable.benchmarks.plan.select import matches
from retable.benchmarks.run.old_journal import finished

if TYPE_CHECKING:
    from rich.console import Console

FACTOR = 1.1
"""How much slower is nothing to worry about."""
MIN_ROUNDS = 6
"""Fewer would call equal code slower more often than once in 64 cells."""
METRIC = "step_time.p50"


def check_times(
    root: Path,
    suite: str,
    commit: str,
    only: str | None,
    *,
    rounds: int = MIN_ROUNDS,
    junit: Path | None = None,
    summary_to: Path | None = None,
    console: Console,
) -> int:
    """Compare the step times of a few cells with those of a commit; the exit code is that of the gate.

    Args:
        root: folder of all runs; only its cache of data is used.
        suite: suite's name, which the commit has to know as well.
        commit: anything that git takes for a commit.
        only: glob over addresses; it must be given, since every cell it picks is trained twice a round.
        rounds: how often each side is run, :data:`MIN_ROUNDS` at least.
        junit: where to write JUnit XML, if anywhere.
        summary_to: where to write the verdicts as Markdown, if anywhere.
        console: where to print.

    Raises:
        UserError: no such commit, no ``only``, too few rounds, or a side that does not run.
    """
    if only is None:
        raise UserError("--times trains every cell twice a round: name a few with --only, e.g. 'dtn/dtn/digits/s0'")
    if rounds < MIN_ROUNDS:
        raise UserError(f"--rounds {rounds}: at least {MIN_ROUNDS} rounds are needed to tell slower from unlucky")
    with tempfile.TemporaryDirectory(prefix="retable-times-") as name, worktree(commit, Path(name) / "base") as base:
        places = {"base": (base, Path(name) / "runs-base"), "head": (REPOSITORY, Path(name) / "runs-head")}
        seconds: dict[str, defaultdict[str, list[float]]] = {side: defaultdict(list) for side in places}
        for _, runs in places.values():
            runs.mkdir()
            if (root / "cache").is_dir():
                (runs / "cache").symlink_to((root / "cache").resolve())
        for turn in range(rounds):
            for side in sorted(places, reverse=bool(turn % 2)):
                console.print(f"round {turn + 1} of {rounds}: {side}", highlight=False)
                for address, value in _run(*places[side], suite, only).items():
                    seconds[side][address].append(value)
    report = judge(suite, f"commit {commit}", seconds["base"], seconds["head"])
    if junit is not None:
        write_junit(report, junit)
    if summary_to is not None:
        write_file(summary_to, to_markdown(report))
    show(report, console, verbose=True)
    return 0 if report.ok else 1


def judge(
    suite: str, against: str, base: Mapping[str, Sequence[float]], head: Mapping[str, Sequence[float]]
) -> GateReport:
    """A verdict for every cell that both sides have timed.

    Args:
        suite: suite's name.
        against: what the base is called.
        base: address -> seconds a step, a value a round.
        head: likewise.

    Raises:
        UserError: no cell was timed on both sides.
    """
    checks = []
    for address in sorted({*base} & {*head}):
        ratios = [new / old for old, new in zip(base[address], head[address], strict=True)]
        middle = median(ratios)
        verdict: Verdict = "ok"
        if min(ratios) > 1 and middle > FACTOR:
            verdict = "worse"
        elif max(ratios) < 1 and middle < 1 / FACTOR:
            verdict = "better"
        was = median(base[address])
        words = f"{len(ratios)} rounds, head / base {middle:.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        yardstick = Base(was, (FACTOR - 1) * was, "s", "lower")
        checks.append(Check(address, METRIC, verdict, yardstick, median(head[address]), "s", words))
    if not checks:
        raise UserError(
            f"{suite} against {against}: no cell was timed on both sides; does --only pick one that trains?"
        )
    return GateReport(suite, tuple(checks), against=against)


@contextlib.contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """The sources of a commit in ``folder``, for the time of the block.

    Raises:
        UserError: no git checkout, or no such commit.
    """
    try:
        _git("worktree", "add", "--detach", "--quiet", str(folder), f"{commit}^{{commit}}")
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise UserError(f"--against {commit}: git cannot check it out ({said[-1] if said else error})") from error
    try:
        yield folder
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(REPOSITORY), *arguments], check=True, capture_output=True, text=True)


def _run(tree: Path, runs: Path, suite: str, only: str) -> dict[str, float]:
    """Train the picked cells anew, their stages only once; address -> seconds a step."""
    for directory in _picked(runs, only):
        shutil.rmtree(directory)
    command = [sys.executable, "-m", "retable.benchmarks.cli.main", "run", suite, "--only", only]
    done = subprocess.run(
        [*command, "--jobs", "1", "--no-track", "--out", str(runs)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(tree), os.environ.get("PYTHONPATH")]))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise UserError(f"{tree}: `retable run {suite} --only {only}` failed: {said[-1] if said else 'no word'}")
    found = {}
    for directory in _picked(runs, only):
        result = finished(directory) or {}
        for score in result.get("scores", []):
            if score["name"] == METRIC:
                found[str(result["cell"]["address"])] = float(score["value"])
    return found


def _picked(runs: Path, only: str) -> list[Path]:
    """Folders of the finished cells whose address the glob picks."""
    results = {path: finished(path) for path in sorted((runs / "cells").glob("*"))}
    return [path for path, result in results.items() if result and matches(result["cell"]["address"], only)]
