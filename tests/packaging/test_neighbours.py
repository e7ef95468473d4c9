"""Retable and Hugging Face's ``datasets`` and ``transformers`` in one environment, whichever is uninstalled first.

Runs in ``tox -e neighbours``, which installs both; it uninstalls packages, so nothing else may run beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.wheel import build_wheel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.environ.get("RETABLE_NEIGHBOURS") != "installed", reason="uninstalls packages; run by tox -e neighbours"
    ),
]
THEIRS = """
import json, pathlib, sys
from datasets import load_dataset
import transformers
path = pathlib.Path(sys.argv[1]) / "rows.json"
path.write_text(json.dumps([{"digit": 3}, {"digit": 5}]))
rows = load_dataset("json", data_files=str(path), split="train", cache_dir=sys.argv[1])
assert rows["digit"] == [3, 5] or list(rows["digit"]) == [3, 5]
assert transformers.__version__
"""


def run(*command: str, cwd: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def ours_works(folder: Path, only: str) -> None:
    retable = str(Path(sys.executable).parent / "retable")
    command = [retable, "run", "smoke", "--only", only, "--fresh", "--no-track", "--out", str(folder / "runs")]
    run(*command, cwd=folder)


def theirs_works(folder: Path) -> None:
    script = folder / "theirs.py"
    script.write_text(THEIRS)
    run(sys.executable, str(script), str(folder), cwd=folder)


def pip(*arguments: str, cwd: Path) -> None:
    run(sys.executable, "-P", "-m", "pip", *arguments, cwd=cwd)


def test_both_work_before_and_after_either_is_uninstalled(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path)
    theirs_works(tmp_path)
    ours_works(tmp_path, "dtn/dtn/*")
    pip("uninstall", "--yes", "retable", cwd=tmp_path)
    theirs_works(tmp_path)
    pip("install", "--no-deps", "--no-index", str(wheel), cwd=tmp_path)
    # One row is enough to see that the installation is whole again.
    ours_works(tmp_path, "dtn/original/*")
    pip("uninstall", "--yes", "datasets", cwd=tmp_path)
    ours_works(tmp_path, "dtn/original/*")
