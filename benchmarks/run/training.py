"""The training loop: one method, one task, one cell. Everything that decides the result is in the arguments."""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import torch
from lightning_fabric import Fabric
from torch import Tensor

from retable.benchmarks.metrics.timing import StepTimer
from retable.benchmarks.run import checkpoint
from retable.benchmarks.run.build import derive_seed
from retable.datasets.task import Task
from retable.methods.method import Method
from retable.reports.records.cell import Cell
from retable.reports.records.files import write_atomically
from retable.reports.records.journal import Journal, Metrics, Note, Seal, System

MIB = 1024 * 1024


class NonFiniteLossError(Exception):
    """A loss became NaN or infinite; the message says which and at which step."""


def set_up(method: Method, fabric: Fabric) -> None:
    """Move a method's networks to the device, wrap them and their optimisers, and hand it its backward pass."""
    for name, network in method.networks().items():
        trainable = any(parameter.requires_grad for parameter in network.parameters())
        setattr(method, name, fabric.setup_module(network) if trainable else fabric.to_device(network))
    for name, optimizer in method.optimizers().items():
        ready: Any = fabric.setup_optimizers(optimizer)
        method.opt[name] = ready
    method.backward = fabric.backward


def train(
    cell: Cell,
    method: Method,
    task: Task,
    fabric: Fabric,
    folder: Path,
    journal: Journal,
    progress: Progress,
    preview: Callable[[int], None],
    score: Callable[[int], None],
) -> StepTimer:
    """Train from the newest checkpoint, or from the start, to the last step.

    Args:
        cell: intervals, batch size and seed.
        method: set up by :func:`set_up`.
        task: prepared.
        fabric: device and precision.
        folder: where checkpoints live.
        journal: gets the training curves.
        progress: what the live view reads.
        preview: draws the sample grid of a step.
        score: measures what the cell is scored by on the way.

    Returns:
        The timer that watched every step.

    Raises:
        NonFiniteLossError: a loss is NaN or infinite.
    """
    settings, run = method.settings, cell.run
    networks = method.networks()
    timer = StepTimer(fabric.device)

    def fits(about: Mapping[str, Any]) -> bool:
        # Curves that a power cut took away would be missing from the final losses.
        return "journal" in about and journal.holds(Seal(*about["journal"]))

    first = checkpoint.restore_newest(folder, networks, method.opt, lambda text: journal.write(Note(text=text)), fits)
    if first:
        journal.write(Note(text=f"resumed from the checkpoint of step {first}"))
    data_seed = derive_seed("data", cell.task, cell.seed)
    for network in networks.values():
        network.train(any(parameter.requires_grad for parameter in network.parameters()))
    recent: dict[str, Tensor] = {}
    scored_at = {round(share * settings.steps) for share in run.scores_at} - {0, settings.steps}
    for step in range(first, settings.steps):
        batch = _to_device(task.batch(method.stream, step, settings.batch_size, data_seed), fabric)
        with timer.step(settings.batch_size), fabric.autocast():
            losses = method.training_step(batch, step)
        # A term that is not computed in every step is logged with its newest value.
        recent |= losses
        done = step + 1
        last = done == settings.steps
        if done % run.log_every == 0 or last:
            values = _finite(recent, step)
            recent = {}
            journal.write(Metrics(step=done, values={**values, "steps_per_s": round(progress.rate, 3)}))
        # Between two log points the losses are checked on the CPU alone: on CUDA it would mean to wait for the device.
        elif fabric.device.type == "cpu":
            _finite(losses, step)
        progress.step(done, settings.steps)
        if done % run.samples_every == 0 or last:
            preview(done)
        if done in scored_at:
            timer.keep_peak()
            score(done)
        # Scores on the way are behind a checkpoint at once, so that a resumed training never returns to them.
        if (done % run.checkpoint_every == 0 and not last) or done in scored_at:
            checkpoint.save(folder, done, networks, method.opt, journal=journal.seal())
    return timer


def _to_device(batch: Mapping[str, Tensor], fabric: Fabric) -> dict[str, Tensor]:
    moved: Any = fabric.to_device(dict(batch))
    return dict(moved)


def _finite(losses: Mapping[str, Tensor], step: int) -> dict[str, float]:
    values = {name: float(value) for name, value in losses.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise NonFiniteLossError(f"{name} is {value} at step {step}")
    return values


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that host or device memory ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


class Progress:
    """Keeps ``progress.json`` in the cell's folder, which the live view reads, at most half a second behind.

    A refresh that is lost costs nothing: the disk is never synced, and a full one is no reason to stop.
    """

    def __init__(self, directory: Path, interval_s: float = 0.5) -> None:
        self._path = directory / "progress.json"
        self._interval_s = interval_s
        self._written = 0.0
        self._stage = ""
        self._since = time.monotonic()
        self._first_step: int | None = None
        self.rate = 0.0
        """Steps per second since this stage began."""

    def stage(self, name: str) -> None:
        """Enter a stage: ``data``, ``train``, ``images``, ``scores``."""
        self._stage, self._since, self._first_step, self.rate = name, time.monotonic(), None, 0.0
        self._write(0, 0)

    def step(self, done: int, total: int) -> None:
        """``done`` of ``total`` steps of this stage are done."""
        now = time.monotonic()
        if self._first_step is None:
            self._first_step, self._since = done, now
        elif now > self._since:
            self.rate = (done - self._first_step) / (now - self._since)
        if now - self._written >= self._interval_s:
            self._write(done, total)

    def _write(self, done: int, total: int) -> None:
        self._written = time.monotonic()
        content = {"stage": self._stage, "step": done, "steps": total, "rate": self.rate}
        with contextlib.suppress(OSError):
            write_atomically(self._path, json.dumps(content), durable=False)


class SystemMonitor:
    """Context manager: a thread writes a ``system`` event every few seconds, under names that MLflow's UI groups."""

    def __init__(self, journal: Journal, accelerator: str, interval_s: float = 5.0) -> None:
        self._journal = journal
        self._accelerator = accelerator
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="system-monitor", daemon=True)

    def __enter__(self) -> SystemMonitor:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=self._interval_s)

    def _run(self) -> None:
        process = psutil.Process()
        process.cpu_percent()
        step = 0
        while not self._stop.wait(self._interval_s if step else 1.0):
            values = {
                "cpu_utilization_percentage": process.cpu_percent(),
                "process_memory_usage_megabytes": process.memory_info().rss / MIB,
                "system_memory_usage_megabytes": psutil.virtual_memory().used / MIB,
                **(_gpu() if self._accelerator == "cuda" else {}),
            }
            self._journal.write(System(step=step, values=values))
            step += 1


def _gpu() -> dict[str, float]:
    import torch

    free, total = torch.cuda.mem_get_info()
    values = {"gpu_0_memory_usage_megabytes": (total - free) / MIB}
    try:
        values["gpu_0_utilization_percentage"] = float(torch.cuda.utilization())
        values["gpu_0_power_usage_watts"] = torch.cuda.power_draw() / 1000
    except (RuntimeError, ModuleNotFoundError):
        pass  # NVML is not readable in every container
    return values
