"""A cell's process: what it imports, which files it enters, and how it ends."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retable.benchmarks import cell as process
from retable.benchmarks.cell import uncollected
from retable.benchmarks.plan import registry
from retable.benchmarks.plan.plan import Plan
from retable.reports.records.files import write_json

REPOSITORY = Path(__file__).parents[2]
HEAVY = ("IPython", "lpips", "matplotlib", "mlflow", "pandas", "pyarrow", "resvg_py", "rich", "scipy", "torchvision")
"""What no cell needs before it trains; some metrics and tasks import one of these when they are asked for."""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_of_a_cell_answers_before_anything_heavy_is_imported() -> None:
    done = python("import sys, retable.benchmarks.cell; print(*sys.modules)")
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "retable" in loaded, done.stderr
    assert not loaded & {*HEAVY, "torch", "lightning_fabric", "numpy"}


FOLLOW = """
import inspect, sys, threading
from pathlib import Path
from retable.benchmarks import cell

entered = set()

def follow(frame, event, _):
    # A function, not the body of a module or class.
    if event == "call" and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        entered.add(frame.f_code.co_filename)

threading.setprofile(follow)
sys.setprofile(follow)
codes = [cell.main([str(Path(folder) / "cell.json"), folder]) for folder in sys.argv[1:]]
sys.setprofile(None)
print(*codes, *(Path(name).resolve() for name in entered))
"""


def test_a_cells_way_to_its_result_enters_the_ten_files_that_it_is_documented_with(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    """Of the harness and the records those files count whose functions are called; what is only declared does not.

    The row's method, its task and the files of metrics are left out: which those are is up to the row.
    """
    cells = plan_of('[[rows]]\nmethods = ["dummy/tuned"]\ntask = "dummy"\nset = { "method.steps" = 2 }\n').cells
    folders = [cell.directory(tmp_path) for cell in cells]
    for cell, folder in zip(cells, folders, strict=True):
        folder.mkdir(parents=True)
        write_json(folder / "cell.json", cell.to_json())
    code, *files = python(FOLLOW, *map(str, folders)).stdout.split()[1:]
    assert code == "0"
    ours = {str(Path(file).relative_to(REPOSITORY)) for file in files if Path(file).is_relative_to(REPOSITORY)}
    way = {file for file in ours if re.match("benchmarks/(?!metrics/|plan/dummy)|reports/records/", file)}
    documented = re.findall(r"^\d+\. ``(.+)``:", str(process.__doc__), re.MULTILINE)
    assert way == set(documented)
    assert len(documented) == 10


def test_training_and_evaluation_import_nothing_that_only_some_cells_need() -> None:
    names = ("environment", "run.training", "run.answers")
    done = python(f"import sys, {', '.join(f'retable.benchmarks.{name}' for name in names)}; print(*sys.modules)")
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "torch" in loaded, done.stderr
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("on", [True, False])
def test_imports_of_a_block_are_left_out_of_collections_and_the_collector_is_on_or_off_as_before(on: bool) -> None:
    before = gc.get_freeze_count()
    try:
        if not on:
            gc.disable()
        with uncollected():
            assert not gc.isenabled()
            kept = [[number] for number in range(1000)]
        assert gc.isenabled() == on
        assert gc.get_freeze_count() >= before + len(kept)
    finally:
        gc.enable()
        gc.unfreeze()


@pytest.mark.parametrize("code", [0, 1, 2])
def test_leaving_keeps_the_exit_code_and_what_was_printed_but_takes_nothing_apart(code: int) -> None:
    done = python(
        "import atexit, sys; from retable.benchmarks.cell import leave\n"
        "atexit.register(print, 'taken apart'); print('out'); print('error', file=sys.stderr, end=''); "
        f"leave({code})"
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "error")


def test_a_thousand_questions_for_a_method_read_the_installed_packages_once_per_place_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "late/one" not in registry.rows()
    begin = time.process_time()
    for _ in range(1000):
        registry.rows()
    assert time.process_time() - begin < 1.0, "reading them anew each time takes ten seconds"
    info = tmp_path / "late-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: late\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[retable.methods]\nlate/one = late:One\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert registry.rows()["late/one"].method == "late:One"
