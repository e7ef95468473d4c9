"""What a run depended on besides its settings: device, versions, commit, sources."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = ("benchmarks", "datasets", "methods")
"""The packages that make a cell's numbers; reports only show them."""


def environment(accelerator: str, threads: int) -> dict[str, str]:
    """Flat facts for the journal: device, CPU, cores, threads, versions, commit, whether the tree was clean, sources.

    ``code`` is :func:`code_digest` of the sources as this process found them.
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

    A cell's hash holds its settings and not the code; two results of equal hashes and unequal digests may differ. A
    commit would not tell: most changes of a working tree are not committed, and most commits change no number.
    """
    digest = hashlib.sha256()
    for package in SOURCES:
        for path in sorted((folder / package).rglob("*.py")):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def made_elsewhere(result: dict[str, Any]) -> bool:
    """Whether a result comes from other sources than these, or does not say from which."""
    return bool(result.get("environment", {}).get("code") != code_digest())


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
