from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from retable.benchmarks.gate.compare import is_gated
from retable.benchmarks.metrics import timing
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.timing import TOLERANCE, StepTimer
from retable.reports.records.score import Score
from tests.metrics.factory import make_images


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which step k (from 0) takes k milliseconds."""
    ticks = itertools.chain.from_iterable((k * 10.0, k * 10.0 + k / 1000) for k in itertools.count())
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))


def run(timer: StepTimer, steps: int, images: int = 8) -> dict[str, Score]:
    """Scores by name after some more steps."""
    for _ in range(steps):
        with timer.step(images):
            pass
    return {score.name: score for score in timer.scores("digits:standin:train")}


@pytest.mark.usefixtures("clock")
def test_percentiles_are_over_the_steps_after_the_warm_up() -> None:
    scores = run(StepTimer(), 60)
    seconds = np.arange(10, 60) / 1000
    expected = {
        "step_time.p50": (np.percentile(seconds, 50), "s", "lower"),
        "step_time.p90": (np.percentile(seconds, 90), "s", "lower"),
        "throughput": (50 * 8 / seconds.sum(), "images/s", "higher"),
    }
    assert 50 < scores.pop("peak_memory").value < 100_000  # MiB of a process with torch
    assert {name: (s.value, s.unit, s.direction) for name, s in scores.items()} == {
        name: (pytest.approx(value, rel=TOLERANCE.relative), *rest) for name, (value, *rest) in expected.items()
    }
    for score in scores.values():
        assert (score.protocol.detail, score.protocol.data) == ("timer=cpu", "digits:standin:train")
        assert score.slice == {"request": "train"}


@pytest.mark.usefixtures("clock")
def test_percentiles_need_fifty_steps_and_cover_the_latest_two_thousand() -> None:
    timer = StepTimer()
    assert list(run(timer, 59)) == ["peak_memory"]
    assert "step_time.p50" in run(timer, 1)
    scores = run(timer, timing.KEPT + 50)
    assert scores["step_time.p50"].value == pytest.approx((110 + (timing.KEPT - 1) / 2) / 1000)
    with pytest.raises(ZeroDivisionError), timer.step(1):
        _ = 1 / 0
    assert timer.seen == timing.KEPT + 110, "a step that raises is not counted"


class FakeEvent:
    """A CUDA event whose moment is the number of events recorded before it, in milliseconds."""

    count = 0

    def record(self, _: object) -> None:
        self.moment, FakeEvent.count = FakeEvent.count, FakeEvent.count + 1

    def elapsed_time(self, end: FakeEvent) -> float:
        return float(end.moment - self.moment)


def test_on_a_gpu_only_cuda_events_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_cuda_event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "power_draw", lambda _: 250_000)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 3 * 2**20)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: pytest.fail("the CPU's clock was read"))
    scores = run(StepTimer("cuda:0"), 60)
    assert scores["step_time.p50"].value == pytest.approx(0.001)
    assert (scores["power"].value, scores["power"].unit) == (250.0, "W")
    assert {score.protocol.detail for score in scores.values()} == {"timer=cuda"}
    assert scores["peak_memory"].value == 3.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpus_step_time_covers_the_work_that_was_queued() -> None:
    x = torch.randn(4096, 4096, device="cuda")
    timer = StepTimer("cuda")
    for _ in range(60):
        with timer.step(1):
            for _ in range(5):
                x @ x
    assert run(timer, 0)["step_time.p50"].value > 5 * 2 * 4096**3 / 1e15  # no GPU multiplies float32 at 1,000 TFLOP/s


def test_answer_time_is_the_seconds_per_image_and_never_gated() -> None:
    answer = Answer("hair", make_images(4), seconds=2.0)
    (score,) = measure(Question("answer_time", answer, device="cpu"))
    assert (score.name, score.value, score.unit, score.slice) == ("answer_time", 0.5, "s", {"request": "hair"})
    assert (score.protocol.detail, score.protocol.n_fake) == ("timer=cpu", 4)
    assert measure(Question("answer_time", answer, device="cuda:0"))[0].protocol.detail == "timer=cuda"
    assert not is_gated(score)
