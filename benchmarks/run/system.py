"""System metrics beside the training curves: a thread that samples this process and, on CUDA, the GPU."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

from retable.benchmarks.run.old_journal import Journal

MIB = 1024 * 1024


class SystemMonitor:
    """Context manager: writes a ``system`` event every few seconds. The names are those that MLflow's UI groups."""

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
            self._journal.write("system", step=step, values=values)
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
