"""Breaking a method on purpose turns the gate red: one method of each paper, broken by one changed line.

Every case trains the row of the smoke suite with the stages that it needs, then once more from a copy of the sources in
which one line says something else, and holds both against the recorded expectations. What a checkout's own smoke run
has left behind is used where these very sources made it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from retable.benchmarks.environment import REPOSITORY, made_elsewhere
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.suites import load_suite
from retable.benchmarks.run.results import index_cells
from retable.reports.records.cell import Cell
from retable.reports.records.journal import finished

from .conftest import asked

RUN = """
import sys
from pathlib import Path
from retable.benchmarks.run.scheduler import Scheduler
from retable.benchmarks.run.suite_run import prepare_data
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.suites import load_suite
from rich.console import Console

root, address = Path(sys.argv[1]), sys.argv[2]
plan = make_plan(load_suite("smoke"), only=address)
prepare_data(plan, root, Console())
sys.exit(not Scheduler(plan.cells, root, jobs=2).run(lambda state: None))
"""


@dataclass(frozen=True)
class Break:
    """One line changed, and a metric in which it has to show."""

    address: str
    file: str
    line: str
    broken: str
    metric: str


BREAKS = {
    "a sign: DTN's generator flees from L_CONST": Break(
        "dtn/dtn/digits-no3-s/s0",
        "methods/dtn/dtn.py",
        '"const": self.settings.alpha,',
        '"const": -self.settings.alpha,',
        "loss.l_const request:train",
    ),
    "a frozen network: the cartoon rows' G_A2B has no optimiser": Break(
        "cartoon/basic/cartoon-groups/s0",
        "methods/cartoon/method.py",
        '"g": self.adam(self.g_ab, self.g_ba),',
        '"g": self.adam(self.g_ba),',
        "loss.l_cycle request:train",
    ),
    "a weight: StarGAN's reconstruction counts negatively": Break(
        "stargan/stargan/attributes-faces/s0",
        "methods/stargan/stargan.py",
        "+ s.lambda_rec * l_rec\n",
        "+ -1.0 * s.lambda_rec * l_rec\n",
        "loss.l_rec request:train",
    ),
    "a sign: StyleGAN2's discriminator climbs L_D": Break(
        "mixdl/stylegan2/ten-shot/s0",
        "methods/mixdl/stylegan2.py",
        'self.update(self.opt["d"], l_d)',
        'self.update(self.opt["d"], -l_d)',
        "loss.l_d request:train",
    ),
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("break_", BREAKS.values(), ids=BREAKS)
def test_the_gate_is_green_for_the_method_and_red_for_the_broken_one(break_: Break, tmp_path: Path) -> None:
    plan = make_plan(load_suite("smoke"), only=break_.address)
    root = tmp_path / "runs"
    _take_over(plan.cells, root)
    index_cells(root, "smoke", plan.cells)

    _run(REPOSITORY, root, break_.address)
    code, said = asked(root, "--only", break_.address)
    assert code == 0, said

    row = next(cell for cell in plan.cells if cell.address == break_.address)
    shutil.rmtree(row.directory(root))
    tree = _copy(tmp_path / "broken", break_)
    _run(tree, root, break_.address)
    code, said = _python(tree, "-m", "retable.benchmarks.cli.main", "gate", "--out", root, "--only", break_.address)
    assert code == 1, said
    assert any(line.startswith(f"worse        {break_.address}  {break_.metric}: ") for line in said.splitlines()), said
    code, said = asked(root, "--only", break_.address)
    assert code == 2, said
    assert "1 stale, made by other sources" in said, "which is what these sources have to say about it"


def _take_over(cells: tuple[Cell, ...] | list[Cell], root: Path) -> None:
    """Copy the data, and the finished cells that the sources as they are now have made, of a run in the checkout."""
    theirs = Path(os.environ.get("RETABLE_RUNS") or REPOSITORY / "runs")
    if (theirs / "cache").is_dir():
        shutil.copytree(theirs / "cache", root / "cache", ignore=shutil.ignore_patterns("*.lock", "*.tmp"))
    for cell in cells:
        result = finished(cell.directory(theirs))
        if result is not None and result.status == "ok" and not made_elsewhere(result.environment):
            shutil.copytree(cell.directory(theirs), cell.directory(root))


def _copy(tree: Path, break_: Break) -> Path:
    """Our sources with the one line changed."""
    for package in ("benchmarks", "datasets", "methods", "reports"):
        shutil.copytree(REPOSITORY / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "retable", tree / "retable", symlinks=True)
    file = tree / break_.file
    text = file.read_text(encoding="utf-8")
    assert text.count(break_.line) == 1, f"{break_.file} has changed: the break needs another line"
    file.write_text(text.replace(break_.line, break_.broken), encoding="utf-8")
    return tree


def _run(tree: Path, root: Path, address: str) -> None:
    """Train what is missing, with the sources in ``tree``."""
    code, said = _python(tree, "-c", RUN, root, address)
    assert code == 0, said


def _python(tree: Path, *words: object) -> tuple[int, str]:
    """Exit code and output of a Python that finds our packages in ``tree``."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=tree,
        # Cells do not look for sources in the working directory.
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=420,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
