"""The training loop: which losses reach the curves, and which end a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from retable.benchmarks.plan.dummy import Dummy, DummySettings, Squares, SquaresSettings
from retable.benchmarks.run.training import NonFiniteLossError, Progress, set_up, train
from retable.reports.records.cell import Cell, RunSettings
from retable.reports.records.journal import Journal, Metrics, read_journal

EVERY = 2


class Lazy(Dummy):
    """The dummy with a term that only every second step computes, and one that comes up once."""

    wild = -1
    """The step in which the term is infinite, between two log points."""

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """``l_lazy`` is the number of the step."""
        losses = super().training_step(batch, step)
        if step % EVERY == 0:
            losses["l_lazy"] = torch.tensor(float("inf") if step == self.wild else float(step))
        if step == 0:
            losses["l_once"] = torch.ones(())
        return losses


Curves = Callable[[int, int], dict[int, dict[str, float]]]


@pytest.fixture
def curves(tmp_path: Path) -> Curves:
    """Train the dummy for some steps, log every few, and read its curves back: step -> values."""

    def run(steps: int, log_every: int) -> dict[int, dict[str, float]]:
        cell = Cell(
            method="dummy/dummy",
            task="dummy",
            profile="dummy",
            seed=0,
            method_settings={"steps": steps},
            task_settings={},
            run=RunSettings(log_every=log_every, samples_every=1000, checkpoint_every=1000),
        )
        task = Squares(SquaresSettings(), tmp_path)
        method = Lazy(DummySettings(steps=steps), task.info())
        fabric = Fabric(accelerator="cpu", devices=1)
        set_up(method, fabric)
        journal, progress = Journal(tmp_path), Progress(tmp_path)
        idle: Callable[[int], None] = lambda step: None  # noqa: E731
        train(cell, method, task, fabric, tmp_path / "checkpoints", journal, progress, preview=idle, score=idle)
        return {event.step: event.values for event in read_journal(tmp_path).events if isinstance(event, Metrics)}

    return run


@pytest.mark.parametrize("log_every", [2, 4, 6])
def test_a_term_of_every_second_step_reaches_the_curves_with_its_newest_value(curves: Curves, log_every: int) -> None:
    found = curves(12, log_every)
    assert list(found) == list(range(log_every, 13, log_every))
    for done, values in found.items():
        # The step that is logged is number done - 1, which is odd and does not compute the term.
        assert values["l_lazy"] == done - 2
        assert values["l_mse"] > 0


def test_a_term_is_logged_once_for_every_time_that_it_was_computed(curves: Curves) -> None:
    found = curves(7, 3)
    assert list(found) == [3, 6, 7], "the last step is logged as well"
    assert ["l_once" in values for values in found.values()] == [True, False, False]
    found = curves(4, 1)
    assert ["l_lazy" in found[done] for done in (1, 2, 3, 4)] == [True, False, True, False]


def test_a_loss_that_is_not_finite_between_two_log_points_ends_the_run_and_is_named(
    curves: Curves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lazy, "wild", 4)
    with pytest.raises(NonFiniteLossError, match="l_lazy is inf at step 4"):
        curves(12, 10)
