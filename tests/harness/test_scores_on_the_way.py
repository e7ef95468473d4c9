"""Scores at half of the steps: kept apart from the last ones, told once each, and without a trace in the training."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from retable.benchmarks.cell import run_cell
from retable.benchmarks.metrics.measure import Question
from retable.benchmarks.metrics.timing import StepTimer
from retable.benchmarks.plan.dummy import Dummy
from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run import answers
from retable.benchmarks.run.build import kept_random_state, seed_everything
from retable.reports.records.cell import Cell
from retable.reports.records.folder import read_cell
from retable.reports.records.journal import Metrics, Scored, finished, read_journal
from retable.reports.records.recording import read_recording, recording
from retable.reports.records.result import Result
from retable.reports.records.score import Score

HALF = ("run.scores_at=[0.5]", "method.steps=60", "run.checkpoint_every=20", "run.log_every=1")


def run(cell: Cell, root: Path) -> Path:
    """Run the cell, whatever becomes of it."""
    (directory := cell.directory(root)).mkdir(parents=True, exist_ok=True)
    run_cell(cell, directory)
    return directory


def result_in(directory: Path) -> Result:
    result = finished(directory)
    assert result is not None
    assert result.status == "ok", result.reason
    return result


@pytest.fixture
def cell(plan_of: Callable[..., Plan]) -> Cell:
    return plan_of('[[rows]]\nmethods = ["dummy/dummy"]\ntask = "dummy"\n', *HALF).cells[0]


def test_half_way_a_cell_is_scored_by_the_same_protocols_and_the_result_keeps_both_apart(
    cell: Cell, tmp_path: Path
) -> None:
    directory = run(cell, tmp_path)
    result = result_in(directory)
    (half,) = result.during
    assert half.step == 30
    last = {score.key: score for score in result.scores}
    assert {score.name for score in half.scores} == {"lpips_pair.lite0", "fid.lite0"}
    assert all(score.protocol == last[score.key].protocol for score in half.scores)
    assert all(score.value != last[score.key].value for score in half.scores)
    assert Result.model_validate_json((directory / "result.json").read_text()) == result
    (directory / "result.json").unlink()  # as a crash behind the last event leaves it
    (directory / "done").unlink()
    told = read_cell(directory).result
    assert told is not None
    assert (told.during, told.scores) == (result.during, result.scores)
    (tmp_path / "all.jsonl.gz").write_bytes(recording([result]))
    assert read_recording(tmp_path / "all.jsonl.gz") == [result]


def test_training_is_the_same_to_the_bit_with_and_without(
    cell: Cell, plan_of: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = answers.measure

    def seeding(question: Question) -> list[Score]:
        seed_everything(5)
        return measure(question)

    monkeypatch.setattr(answers, "measure", seeding)
    without = plan_of('[[rows]]\nmethods = ["dummy/dummy"]\ntask = "dummy"\n', "run.scores_at=[]", *HALF[1:]).cells[0]
    found = []
    for one in (cell, without):
        directory = run(one, tmp_path)
        curves = [
            {name: value for name, value in event.values.items() if name != "steps_per_s"}
            for event in read_journal(directory).events
            if isinstance(event, Metrics)
        ]
        scores = [(score.key, score.value) for score in result_in(directory).scores if score.name.startswith("l")]
        found.append((hashlib.sha256(torch_bytes(directory)).hexdigest(), curves, scores))
    assert found[0] == found[1]
    assert len(found[0][1]) == 60


def torch_bytes(directory: Path) -> bytes:
    """The trained weights, without what stands beside them."""
    from safetensors.torch import load_file

    state = load_file(directory / "weights.safetensors")
    return b"".join(state[name].numpy().tobytes() for name in sorted(state))


def test_every_random_state_is_given_back() -> None:
    seed_everything(3)
    expected = torch.rand(1), np.random.rand(), random.random()
    seed_everything(3)
    with kept_random_state():
        seed_everything(99)
    assert (torch.rand(1), np.random.rand(), random.random()) == expected


class Crash(BaseException):
    """Ends the process as far as a cell can see."""


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_a_training_that_is_resumed_scores_once_and_loses_nothing(
    cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """It dies five steps before half of them, after the first of two scores, or five steps behind both."""
    whole = result_in(run(cell, tmp_path / "whole"))
    original = Dummy.training_step
    asked = []

    def dies(self: Dummy, batch: dict[str, torch.Tensor], step: int) -> dict[str, torch.Tensor]:
        if when != "between" and step == (25 if when == "before" else 35):
            raise Crash
        return original(self, batch, step)

    def torn(*args: object, **keys: object) -> Iterator[Score]:
        asked.append(keys)
        for number, score in enumerate(answers_of(*args, **keys)):  # type: ignore[arg-type]
            if when == "between" and number == 1 and len(asked) == 1:
                raise Crash
            yield score

    answers_of = answers.score_task
    monkeypatch.setattr(answers, "score_task", torn)
    monkeypatch.setattr(Dummy, "training_step", dies)
    with pytest.raises(Crash):
        run(cell, tmp_path / "torn")
    monkeypatch.setattr(Dummy, "training_step", original)
    directory = run(cell, tmp_path / "torn")
    resumed = result_in(directory)
    assert resumed.during == whole.during
    told = [event.score.key for event in read_journal(directory).events if isinstance(event, Scored) and event.step]
    assert len(told) == len(set(told)) == 2
    half = [keys for keys in asked if keys.get("on_the_way")]
    assert len(half) == (2 if when == "between" else 1)


def test_results_and_journals_of_before_are_read(cell: Cell, tmp_path: Path) -> None:
    directory = run(cell.with_changes(run=cell.run.model_copy(update={"scores_at": ()})), tmp_path)
    journal = directory / "journal.jsonl"
    text = (directory / "result.json").read_text()
    assert '"during": []' in text
    assert Result.model_validate_json(text.replace('"during": [],', "")).during == ()
    old = b"".join(
        line.rpartition(b',"crc"')[0].replace(b',"step":null', b"") + b"}\n"
        for line in journal.read_bytes().splitlines()
    )
    other = tmp_path / "other"
    shutil.copytree(directory, other)
    (other / "journal.jsonl").write_bytes(old)
    before, now = (
        [event for event in read_journal(one).events if isinstance(event, Scored)] for one in (other, directory)
    )
    assert before == now
    assert before


def test_memory_is_that_of_the_training_until_it_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    timer, mib = StepTimer(), iter([100.0, 900.0])
    monkeypatch.setattr("resource.getrusage", lambda who: type("Use", (), {"ru_maxrss": next(mib) * 1024}))
    timer.keep_peak()
    assert timer.peak_memory() == 100.0


def test_no_share_of_the_steps_rounds_to_the_last_or_to_none(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    rows = '[[rows]]\nmethods = ["dummy/dummy"]\ntask = "dummy"\n'
    (one,) = plan_of(rows, "run.scores_at=[0.001, 0.25, 0.999]", "method.steps=8").cells
    assert [scored.step for scored in result_in(run(one, tmp_path)).during] == [2]
