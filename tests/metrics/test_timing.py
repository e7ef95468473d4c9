from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics import timing
from retable.benchmarks.metrics.timing import StepTimer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which step k (from 0) takes k milliseconds."""
    ticks = itertools.chain.from_iterable((k * 10.0, k * 10.0 + k / 1000) for k in itertools.count())
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))


def run(timer: StepTimer, steps: int, images: int = 8) -> StepTimer:
    for _ in range(steps):
        with timer.step(images):
            pass
    return timer


@pytest.mark.usefixtures("clock")
def test_percentiles_are_over_the_steps_after_the_warm_up() -> None:
    found = run(StepTimer(), 60).timing()
    seconds = np.arange(10, 60) / 1000
    assert found.p50 == pytest.approx(np.percentile(seconds, 50))
    assert found.p90 == pytest.approx(np.percentile(seconds, 90))
    assert found.throughput == pytest.approx(50 * 8 / seconds.sum())
    assert (found.steps, found.power) == (50, None)


def test_too_few_steps_give_no_percentiles_and_say_how_many_there_are() -> None:
    timer = run(StepTimer(), 59)
    assert timer.shortfall == "step times need 50 timed steps after 10 of warm-up; this run has 49"
    with pytest.raises(UserError, match="this run has 49"):
        timer.timing()
    assert [score.name for score in timer.scores()] == ["peak_memory"]
    assert run(timer, 1).shortfall is None


def test_scores_name_the_timer_and_the_unit() -> None:
    scores = run(StepTimer(), 70).scores(data="digits:standin:train")
    assert [(s.name, s.unit, s.direction) for s in scores] == [
        ("peak_memory", "MiB", "lower"),
        ("step_time.p50", "s", "lower"),
        ("step_time.p90", "s", "lower"),
        ("throughput", "images/s", "higher"),
    ]
    assert {s.protocol.detail for s in scores} == {"timer=cpu"}
    assert {s.protocol.data for s in scores} == {"digits:standin:train"}
    assert all(s.slice == {"request": "train"} for s in scores)


def test_a_step_that_raises_is_not_counted() -> None:
    timer = StepTimer()
    with pytest.raises(ZeroDivisionError), timer.step(1):
        _ = 1 / 0
    assert timer.seen == 0


def test_peak_memory_of_a_process_with_torch_is_some_hundred_mebibytes() -> None:
    assert 50 < StepTimer().peak_memory() < 100_000


def test_shorter_protocols_than_the_promised_one_are_refused() -> None:
    with pytest.raises(UserError, match="at least 10 warm-up and 50 timed steps, got 2 and 50"):
        StepTimer(warm_up=2)


@pytest.mark.usefixtures("clock")
def test_only_the_latest_steps_are_kept() -> None:
    timer = run(StepTimer(), 10 + timing.KEPT + 100)
    assert timer.timing().steps == timing.KEPT
    assert timer.timing().p50 == pytest.approx((110 + (timing.KEPT - 1) / 2) / 1000)


class FakeEvent:
    """A CUDA event whose moment is the number of events recorded before it, in milliseconds."""

    count = 0

    def record(self, _: object) -> None:
        self.moment, FakeEvent.count = FakeEvent.count, FakeEvent.count + 1

    def elapsed_time(self, end: FakeEvent) -> float:
        return float(end.moment - self.moment)


def test_on_a_gpu_only_cuda_events_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_cuda_event", FakeEvent)
    monkeypatch.setattr(timing, "_power_handle", lambda _: None)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 3 * 2**20)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: pytest.fail("the CPU's clock was read"))
    timer = run(StepTimer("cuda:0"), 60)
    assert timer.timing().p50 == pytest.approx(0.001)
    assert {s.protocol.detail for s in timer.scores()} == {"timer=cuda"}
    assert timer.scores()[0].value == 3.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpus_step_time_covers_the_work_that_was_queued() -> None:
    x = torch.randn(4096, 4096, device="cuda")
    timer = StepTimer("cuda")
    for _ in range(60):
        with timer.step(1):
            for _ in range(5):
                x @ x
    assert timer.timing().p50 > 5 * 2 * 4096**3 / 1e15  # no GPU multiplies float32 at 1,000 TFLOP/s
