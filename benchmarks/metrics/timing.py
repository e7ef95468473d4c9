"""Speed and memory of a training step, percentiles over many steps after a warm-up as in MLPerf and asv; answer time.
Reference: `torch.cuda.Event` on a GPU (no synchronisation inside the loop), `time.perf_counter` on a CPU; never mixed.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.measure import Direction, Question
from retable.benchmarks.metrics.tolerance import Tolerance
from retable.reports.records.score import Protocol, Score

TOLERANCE = Tolerance("NumPy's percentiles of the same times", "float64 sums in another order", relative=1e-9)
WARM_UP = 10
"""Steps at the beginning that are not timed (caches, cuDNN's choice of algorithms, clocks)."""
NEEDED, KEPT = 50, 2000
"""Timed steps without which there are no percentiles, and the most that are kept."""
POWER_EVERY = 20  # reading it costs about a millisecond, and the sensor averages over a second anyway


class StepTimer:
    """Times the steps of a training on one device. Wrap every step in :meth:`step`; ask for :meth:`scores` at the end.

    Args:
        device: ``cpu`` or ``cuda[:n]``; it decides the timer.
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.kind: Literal["cpu", "cuda"] = "cuda" if self.device.type == "cuda" else "cpu"
        self.seen = 0
        self._times: deque[tuple[Any, Any, int]] = deque(maxlen=KEPT)
        self._watts: list[float] = []
        self._peak: float | None = None

    @contextmanager
    def step(self, images: int) -> Iterator[None]:
        """Time one step over ``images`` images. A step that raises is not counted."""
        if self.kind == "cuda":
            begin, end = _cuda_event(), _cuda_event()
            stream = torch.cuda.current_stream(self.device)
            begin.record(stream)
            yield
            end.record(stream)
            self._count(begin, end, images)
        else:
            start = time.perf_counter()
            yield
            self._count(start, time.perf_counter(), images)

    def _count(self, begin: Any, end: Any, images: int) -> None:
        self.seen += 1
        if self.seen > WARM_UP:
            self._times.append((begin, end, images))
            if self.kind == "cuda" and self.seen % POWER_EVERY == 0:
                self._watts += _power(self.device)

    def peak_memory(self) -> float:
        """MiB: the most that torch held on the GPU, or the process's largest resident size on a CPU.

        Once :meth:`keep_peak` was called, until then.
        """
        if self._peak is not None:
            return self._peak
        if self.kind == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**20
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes on macOS, KiB on Linux

    def keep_peak(self) -> None:
        """What follows needs memory of its own, which is not training's."""
        self._peak = self.peak_memory()

    def scores(self, data: str = "") -> Iterator[Score]:
        """``peak_memory``; with enough timed steps ``step_time.p50``, ``.p90``, ``throughput`` and ``power`` as well.

        They cover the last steps, at most 2,000; ``power`` only where the GPU reports it.
        """

        def score(name: str, value: float, unit: str, direction: Direction) -> Score:
            protocol = Protocol(metric=name.split(".")[0], data=data, detail=f"timer={self.kind}")
            part = {"request": "train"}
            return Score(name=name, value=value, unit=unit, direction=direction, slice=part, protocol=protocol)

        yield score("peak_memory", self.peak_memory(), "MiB", "lower")
        if len(self._times) < NEEDED:
            return
        if self.kind == "cuda":
            torch.cuda.synchronize(self.device)
            seconds = np.array([begin.elapsed_time(end) / 1000 for begin, end, _ in self._times])
        else:
            seconds = np.array([end - begin for begin, end, _ in self._times])
        p50, p90 = (float(v) for v in np.percentile(seconds, [50, 90]))
        images = sum(count for _, _, count in self._times)
        yield score("step_time.p50", p50, "s", "lower")
        yield score("step_time.p90", p90, "s", "lower")
        yield score("throughput", images / float(seconds.sum()), "images/s", "higher")
        if self._watts:
            yield score("power", float(np.mean(self._watts)), "W", "none")


def _cuda_event() -> torch.cuda.Event:
    event: torch.cuda.Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    return event


def _power(device: torch.device) -> list[float]:
    """Watts that the GPU draws, or nothing where it does not say."""
    try:
        return [torch.cuda.power_draw(device) / 1000]
    except Exception:  # power is optional: drivers, containers and MIG slices refuse it in many ways
        return []


def score_answer_time(question: Question) -> Iterator[Score]:
    """``answer_time``: seconds that the method takes per image, models applied one after the other included."""
    answer = question.answer
    if answer.seconds is None:
        raise UserError(f"metric 'answer_time' needs the time that the answer to {answer.request!r} took")
    seconds, count = answer.seconds / len(answer.images), len(answer.images)
    timer = f"timer={'cuda' if question.device.startswith('cuda') else 'cpu'}"
    yield question.score("answer_time", seconds, question.whole, "lower", unit="s", n_fake=count, detail=timer)
