"""Nothing that lies in the folder where somebody types the command is executed, by it or by a process it starts."""

from __future__ import annotations

import importlib.metadata
import os
import socket
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from retable.benchmarks.tracking.ui import HOST, await_server, end_server, start_server
from retable.reports.render.drawing import draw_panels

REPOSITORY = Path(__file__).parents[2]
COMMANDS = [
    ["run", "dummy", "--only", "dummy/dummy/*", "--set", "method.steps=2", "--out", "{out}"],
    ["list", "methods"],
    ["report", "--suite", "dummy", "--out", "{out}"],
    ["sync", "--out", "{out}"],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a module of every name that anything of ours may import, each of which would tell of its import."""
    folder = tmp_path / "typed here"
    folder.mkdir()
    installed = {name.partition(".")[0] for name in importlib.metadata.packages_distributions()}
    names = {*sys.stdlib_module_names, *installed, "datasets", "methods", "benchmarks", "reports", "sitecustomize"}
    for name in (name for name in names if name.isidentifier()):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'told')!r}, 'a').write(__name__ + '\\n')\n")
    told = f"import os; open({str(tmp_path / 'told')!r}, 'a').write('gunicorn\\n')\n"
    (folder / "gunicorn.conf.py").write_text(told)
    (folder / "matplotlibrc").write_text("backend: TkAgg\ntext.usetex: True\nfont.size: not a number\n")
    (folder / ".env").write_text("MLFLOW_TRACKING_URI=http://127.0.0.1:9/\n")
    return folder


def test_no_settings_of_matplotlib_but_ours_change_a_figure() -> None:
    def drawn() -> tuple[bytes, bytes]:
        return draw_panels("f", ["a $1"], ["b"], 2.0, lambda place, axis: axis.plot([0, 1], [place, 1], label="b"))

    plain = drawn()
    with mpl.rc_context({"text.usetex": True, "axes.linewidth": 9, "savefig.bbox": "tight", "lines.linewidth": 8}):
        assert drawn() == plain


@pytest.mark.slow
def test_no_process_imports_from_the_folder_where_the_command_is_typed(folder: Path, tmp_path: Path) -> None:
    """``retable`` is a script in the folder of Python's programs; ``-P`` stands for that place here."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    for words in COMMANDS:
        command = [word.format(out=tmp_path / "runs") for word in words]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "retable.benchmarks.cli.main", *command],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "down" not in done.stdout
    told = tmp_path / "told"
    assert not told.exists(), told.read_text()
    assert (tmp_path / "runs" / "mlflow.db").is_file()


@pytest.mark.slow
def test_no_process_of_the_ui_does_either(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    process = start_server(f"sqlite:///{tmp_path / 'mlflow.db'}", port)
    try:
        await_server(process, port)
    finally:
        end_server(process)
    told = tmp_path / "told"
    assert not told.exists(), told.read_text()
