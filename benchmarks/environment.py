"""What a run depended on besides its settings: device, versions, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def environment(accelerator: str, threads: int) -> dict[str, str]:
    """Flat facts for the journal: device, CPU, cores, threads, versions, commit and whether the tree was clean."""
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
        "retable": package_version(),
    }


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
