"""What a cell runs on: device, versions, commit and sources, told once; the load of process and GPU, sampled."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

import psutil

from retable.benchmarks.sources import code_digest
from retable.reports.records.journal import Journal, System

REPOSITORY = Path(__file__).resolve().parents[1]
MIB = 1024 * 1024


def environment(accelerator: str, threads: int, modules: Sequence[str]) -> dict[str, str]:
    """Facts for the journal: device, CPU, cores, threads, versions, commit, whether the tree was clean, sources.

    Args:
        accelerator: ``cpu`` or ``cuda``.
        threads: CPU threads of the cell.
        modules: those of the cell's method, task and metrics; ``code`` is the digest of everything behind them.
    """
    import torch

    commit, dirty = git_state(REPOSITORY)
    return {
        "device": torch.cuda.get_device_name() if accelerator == "cuda" else "cpu",
        "accelerator": accelerator,
        "cpu": cpu_name(),
        "cores": str(os.cpu_count() or 0),
        "threads": str(threads),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "commit": commit,
        "dirty": dirty,
        "code": code_digest(modules),
        "modules": " ".join(modules),
        "retable": package_version(),
    }


def made_elsewhere(environment: Mapping[str, str]) -> str:
    """What made a result that is not what would make it now: ``other sources, torch 2.9 (now 2.12)``, or nothing.

    Args:
        environment: as :func:`environment` has told it; one that names no sources counts as made by others.
    """
    differ = []
    modules = environment.get("modules", "").split()
    if not modules or environment.get("code") != code_digest(modules):
        differ.append("other sources")
    for name, here in (("torch", _torch_version()), ("Python", platform.python_version())):
        before = environment.get(name.lower(), "unknown")
        # A local version, such as +cpu, names the same sources built for other devices.
        if before.partition("+")[0] != here.partition("+")[0]:
            differ.append(f"{name} {before} (now {here})")
    return ", ".join(differ)


def run_elsewhere(environment: Mapping[str, str]) -> str:
    """:func:`made_elsewhere`, or on another CPU, which rounds differently: an interrupted training cannot go on."""
    differ = [made] if (made := made_elsewhere(environment)) else []
    if (cpu := environment.get("cpu", "unknown")) != cpu_name():
        differ.append(f"{cpu} (now {cpu_name()})")
    return ", ".join(differ)


def _torch_version() -> str:
    """Torch's version without its import, which takes seconds."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return "unknown"


def package_version() -> str:
    """Our own version, or ``unknown`` when run from a bare checkout."""
    try:
        return version("retable")
    except PackageNotFoundError:
        return "unknown"


def git_state(folder: Path) -> tuple[str, str]:
    """``(commit, "true" | "false")``; ``("unknown", "unknown")`` outside a git checkout."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        dirty = "true" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "false"
    except (OSError, subprocess.SubprocessError):
        return "unknown", "unknown"
    return commit, dirty


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
        # A hook that runs us names its own repository in GIT_DIR and others.
        env={key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
    )
    return done.stdout.strip()


@functools.cache
def cpu_name() -> str:
    """What the processor calls itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


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
