"""Speed and memory of a training step: medians over many steps after a warm-up, in the manner of MLPerf and asv.
Reference: `torch.cuda.Event` on a GPU (no synchronisation inside the loop), `time.perf_counter` on a CPU; never mixed.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from retable.benchmarks.errors import UserError
from retable.reports.records.score import Protocol, Score

WARM_UP, NEEDED, KEPT = 10, 50, 2000
POWER_EVERY = 20  # reading it costs about a millisecond, and the sensor averages over a second anyway


@dataclass(frozen=True)
class Timing:
    """What a :class:`StepTimer` found."""

    p50: float
    """Median seconds of a step."""
    p90: float
    """Seconds that nine steps of ten stay below."""
    throughput: float
    """Images a second over all timed steps."""
    steps: int
    """Timed steps behind these numbers: the last ones, at most 2,000."""
    power: float | None
    """Mean watts of the GPU, or ``None`` where they cannot be read."""


class StepTimer:
    """Times steps on one device. Wrap every step in :meth:`step`; ask for :meth:`timing` or :meth:`scores` at the end.

    Args:
        device: ``cpu`` or ``cuda[:n]``; it decides the timer.
        warm_up: steps at the beginning that are not timed, >= 10 (caches, cuDNN's choice of algorithms, clocks).
        needed: timed steps without which there are no percentiles, >= 50.
    """

    def __init__(self, device: str | torch.device = "cpu", warm_up: int = WARM_UP, needed: int = NEEDED) -> None:
        if warm_up < WARM_UP or needed < NEEDED:
            raise UserError(
                f"timing needs at least {WARM_UP} warm-up and {NEEDED} timed steps, got {warm_up} and {needed}"
            )
        self.device = torch.device(device)
        self.kind: Literal["cpu", "cuda"] = "cuda" if self.device.type == "cuda" else "cpu"
        self.warm_up, self.needed = warm_up, needed
        self.seen = 0
        self._times: deque[tuple[Any, Any, int]] = deque(maxlen=KEPT)
        self._watts: list[float] = []
        self._power_handle = _power_handle(self.device) if self.kind == "cuda" else None

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
        if self.seen > self.warm_up:
            self._times.append((begin, end, images))
            if self._power_handle is not None and self.seen % POWER_EVERY == 0:
                import pynvml

                self._watts.append(pynvml.nvmlDeviceGetPowerUsage(self._power_handle) / 1000)

    @property
    def shortfall(self) -> str | None:
        """``None`` when there are enough timed steps, else a sentence that says how many there are and are needed."""
        timed = max(0, self.seen - self.warm_up)
        if timed >= self.needed:
            return None
        return f"step times need {self.needed} timed steps after {self.warm_up} of warm-up; this run has {timed}"

    def timing(self) -> Timing:
        """Percentiles over the timed steps.

        Raises:
            UserError: too few of them; the message is :attr:`shortfall`.
        """
        if self.shortfall is not None:
            raise UserError(self.shortfall)
        if self.kind == "cuda":
            torch.cuda.synchronize(self.device)
            seconds = np.array([begin.elapsed_time(end) / 1000 for begin, end, _ in self._times])
        else:
            seconds = np.array([end - begin for begin, end, _ in self._times])
        p50, p90 = (float(v) for v in np.percentile(seconds, [50, 90]))
        images = sum(count for _, _, count in self._times)
        power = float(np.mean(self._watts)) if self._watts else None
        return Timing(p50, p90, images / float(seconds.sum()), len(seconds), power)

    def peak_memory(self) -> float:
        """MiB: the most that torch held on the GPU, or the process's largest resident size on a CPU."""
        if self.kind == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**20
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes on macOS, KiB on Linux

    def scores(self, data: str = "", request: str = "train") -> list[Score]:
        """``peak_memory``, and with enough timed steps ``step_time.p50``, ``.p90``, ``throughput`` and ``power``."""

        def score(name: str, value: float, unit: str, direction: Literal["higher", "lower", "none"]) -> Score:
            protocol = Protocol(metric=name.split(".")[0], data=data, detail=f"timer={self.kind}")
            return Score(
                name=name, value=value, unit=unit, direction=direction, slice={"request": request}, protocol=protocol
            )

        found = [score("peak_memory", self.peak_memory(), "MiB", "lower")]
        if self.shortfall is None:
            timing = self.timing()
            found += [
                score("step_time.p50", timing.p50, "s", "lower"),
                score("step_time.p90", timing.p90, "s", "lower"),
                score("throughput", timing.throughput, "images/s", "higher"),
            ]
            found += [] if timing.power is None else [score("power", timing.power, "W", "none")]
        return found


def _cuda_event() -> torch.cuda.Event:
    event: torch.cuda.Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    return event


def _power_handle(device: torch.device) -> Any:
    """NVML's handle of the very GPU that torch uses (indices differ under CUDA_VISIBLE_DEVICES), or ``None``."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        pynvml.nvmlDeviceGetPowerUsage(handle)
    except Exception:  # power is a courtesy: drivers, containers and MIG slices refuse it in many ways
        return None
    return handle
