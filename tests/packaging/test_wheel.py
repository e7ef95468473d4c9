"""What a user gets from an installation: one import name, with everything that belongs to it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.wheel import ROOT, build_wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_wheels_only_top_level_name_is_retable(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"retable"}


def test_the_wheel_holds_every_module_and_data_file_as_a_file_of_its_own(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        assert not any(entry.external_attr >> 16 & 0o170000 == 0o120000 for entry in archive.infolist()), "a link"
    wanted = {
        f"retable/{path.relative_to(ROOT).as_posix()}"
        for folder in ("datasets", "methods", "benchmarks", "reports")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - packed == set()


def test_a_script_beside_folders_named_like_ours_imports_the_installed_retable(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name in ("datasets", "methods", "benchmarks", "reports"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        (tmp_path / "mine" / name / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    script = tmp_path / "mine" / "script.py"
    script.write_text(
        "import retable\n"
        "from retable.benchmarks.plan.suites import load_suite\n"
        "from retable.reports.records.cell import Cell\n"
        "print(retable.__file__, load_suite('smoke').profile)\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=script.parent,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(site / "retable" / "__init__.py"), "smoke"]
