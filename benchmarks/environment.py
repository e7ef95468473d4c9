"""What a cell runs on: device, versions, commit and sources, told once; the load of process and GPU, sampled."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

import psutil

from retable.reports.records.journal import Journal, System
from retable.reports.records.result import Result

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = ("benchmarks", "datasets", "methods")
"""The packages that make a cell's numbers; reports only show them."""
MIB = 1024 * 1024


def environment(accelerator: str, threads: int) -> dict[str, str]:
    """Facts for the journal: device, CPU, cores, threads, versions, commit, whether the tree was clean, sources.

    ``code`` is the :func:`code_digest` of the sources as this process found them.
    """
    import torch

    commit, dirty = git_state(REPOSITORY)
    return {
        "device": torch.cuda.get_device_name() if accelerator == "cuda" else "cpu",
        "accelerator": accelerator,
        "cpu": _cpu_name(),
        "cores": str(os.cpu_count() or 0),
        "threads": str(threads),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "commit": commit,
        "dirty": dirty,
        "code": code_digest(),
        "retable": package_version(),
    }


@functools.cache
def code_digest(folder: Path = REPOSITORY) -> str:
    """First 16 hex digits of the SHA-256 of every Python file of :data:`SOURCES` below ``folder``, names included.

    A cell's hash covers its settings and not the code, so two results of one hash may differ where the digests do. The
    commit would not tell: most changes of a working tree are not committed, and most commits change no number.
    """
    digest = hashlib.sha256()
    for package in SOURCES:
        for path in sorted((folder / package).rglob("*.py")):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def made_elsewhere(result: Result) -> bool:
    """Whether a result comes from other sources than these, or does not say from which."""
    return result.environment.get("code") != code_digest()


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
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, timeout=10
    )
    return done.stdout.strip()


def _cpu_name() -> str:
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
