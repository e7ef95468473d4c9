"""Building the project's wheel from a copy of the checkout, so that nothing is left in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("retable", "datasets", "methods", "benchmarks", "reports")
FILES = ("pyproject.toml", "README.md", "LICENSE")
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"


def build_wheel(work: Path) -> Path:
    """The wheel, built without a network in the folder ``work``."""
    tree, out = work / "tree", work / "wheels"
    for folder in SOURCES:
        shutil.copytree(ROOT / folder, tree / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, tree / name)
    out.mkdir()
    command = [sys.executable, "-P", "-c", BUILD, str(out)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]
