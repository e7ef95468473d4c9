"""Weights that a method starts from and nobody here can train: found, checked, recorded, or refused in one line."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import safetensors.torch
import torch
from rich.console import Console
from torch import Tensor, nn

from retable.benchmarks.cell import run_cell
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.dummy import Dummy
from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run import checkpoint
from retable.benchmarks.run.build import WEIGHTS, build_method, build_task, trained_method
from retable.benchmarks.run.suite_run import Options, check_files, run_suite
from retable.methods import rows
from retable.methods.method import Info, Method, MethodSettings
from retable.reports.records.cell import Cell
from tests.harness.conftest import result_of

EYE = {"weight": torch.eye(3), "bias": torch.arange(3.0)}
ROWS = """
[[rows]]
methods = ["made/seeing", "made/heir"]
task = "dummy"
set = { "method.steps" = 2, "task.n_test" = 4 }
"""


class Seeing(Dummy):
    """The dummy with an eye that comes from a file."""

    name: ClassVar[str] = "eye.pth"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.eye = nn.Linear(3, 3).requires_grad_(False)

    @classmethod
    def files(cls, settings: MethodSettings) -> Mapping[str, str]:
        return {"eye": cls.name}

    def take_file(self, role: str, state: Mapping[str, Tensor]) -> None:
        self.eye.load_state_dict(dict(state))


class SeeingSafely(Seeing):
    """The same from a file of the other kind."""

    name: ClassVar[str] = "eye.safetensors"


class Heir(Seeing):
    """Starts from the one with the eye, and keeps that."""

    needs: ClassVar[Mapping[str, str]] = {"parent": "made/seeing"}

    @classmethod
    def files(cls, settings: MethodSettings) -> Mapping[str, str]:
        return {}

    def start_from(self, role: str, other: Method) -> None:
        self.eye.load_state_dict(other.networks()["eye"].state_dict())


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No file of weights but the test's own; settings that a cell's process makes for itself are put back."""
    for name, cls in {"seeing": Seeing, "safely": SeeingSafely, "heir": Heir}.items():
        monkeypatch.setitem(rows.ROWS, f"made/{name}", rows.Row(f"{__name__}:{cls.__name__}"))
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("RETABLE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch-home"))
    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture
def cell(plan_of: Callable[..., Plan]) -> Cell:
    return plan_of(ROWS).rows[0]


def saved(state: object) -> bytes:
    out = io.BytesIO()
    torch.save(state, out)
    return out.getvalue()


def build(cell: Cell, root: Path, *, trained_needs: bool = True) -> Method:
    return build_method(cell, build_task(cell, root), root, trained_needs=trained_needs)


def has_eye(method: Method) -> bool:
    found = method.networks()["eye"].state_dict()
    return all(torch.equal(found[key], value) for key, value in EYE.items())


@pytest.mark.parametrize(
    ("method", "name", "content"),
    [("made/seeing", "eye.pth", saved(EYE)), ("made/safely", "eye.safetensors", safetensors.torch.save(EYE))],
)
def test_a_method_gets_the_file_that_it_asks_for(
    plan_of: Callable[..., Plan], tmp_path: Path, method: str, name: str, content: bytes
) -> None:
    (tmp_path / "weights" / name).write_bytes(content)
    (cell,) = plan_of(f'[[rows]]\nmethods = ["{method}"]\ntask = "dummy"\n').rows
    assert has_eye(build(cell, tmp_path))


def test_a_missing_file_is_one_error_with_the_way_out(cell: Cell, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        build(cell, tmp_path)
    for word in ("made/seeing", "eye.pth", str(tmp_path / "weights"), "RETABLE_WEIGHTS", "settings that do without"):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged, or no file of weights"),
        (b"these are no weights", "damaged, or no file of weights"),
        (saved(EYE)[:200], "damaged, or no file of weights"),
        (saved(nn.Linear(3, 3)), "damaged, or no file of weights"),
        (saved([1, 2]), "holds no state dict"),
        (saved({"state": EYE}), "holds no state dict"),
        (saved({"weight": torch.eye(4)}), "does not fit 'eye' of method 'made/seeing'"),
    ],
    ids=["empty", "text", "cut short", "a program", "a list", "nested", "another network's"],
)
def test_a_file_that_is_something_else_is_refused_by_name(
    cell: Cell, tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "weights" / "eye.pth").write_bytes(content)
    with pytest.raises(UserError) as caught:
        build(cell, tmp_path)
    assert str(tmp_path / "weights" / "eye.pth") in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_safetensors_file_is_refused_by_name(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    (tmp_path / "weights" / "eye.safetensors").write_bytes(b"\xff" * 40)
    (cell,) = plan_of('[[rows]]\nmethods = ["made/safely"]\ntask = "dummy"\n').rows
    with pytest.raises(UserError, match=r"eye\.safetensors is damaged"):
        build(cell, tmp_path)


def test_a_trained_method_needs_the_file_no_more(cell: Cell, plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    heir = plan_of(ROWS).rows[1]
    method = build(cell, tmp_path, trained_needs=False)
    method.networks()["eye"].load_state_dict(EYE)
    (directory := heir.starts_from["parent"].directory(tmp_path)).mkdir(parents=True)
    checkpoint.save_weights(directory / WEIGHTS, method.networks())
    assert heir.starts_from["parent"] == cell
    assert has_eye(build(heir, tmp_path))
    assert has_eye(trained_method(cell, build_task(cell, tmp_path), tmp_path))


def test_the_result_says_which_file_it_was(cell: Cell, tmp_path: Path) -> None:
    (tmp_path / "weights" / "eye.pth").write_bytes(saved(EYE))
    assert run_cell(cell, cell.directory(tmp_path)) == "ok"
    data = result_of(tmp_path, cell)["data"]
    assert data == {"squares": "squares-1", "weights:eye.pth": hashlib.sha256(saved(EYE)).hexdigest()}


def test_a_missing_file_stops_a_run_before_anything_is_trained(
    plan_of: Callable[..., Plan], cell: Cell, tmp_path: Path
) -> None:
    plan = plan_of(ROWS)
    with pytest.raises(UserError, match=r"eye\.pth is not in .* or use settings that do without it"):
        run_suite(plan, Options(tmp_path), Console())
    assert not (tmp_path / "cells").exists()
    # Done without the file at hand, as on the machine of a colleague: nothing asks for it any more.
    for done in plan.cells:
        directory = done.directory(tmp_path)
        directory.mkdir(parents=True)
        (directory / "result.json").write_text(json.dumps({"status": "ok", "cell": done.to_json()}))
        (directory / "done").write_text("ok")
    check_files(plan, tmp_path, fresh=False)
    with pytest.raises(UserError, match=r"eye\.pth is not in"):
        check_files(plan, tmp_path, fresh=True)


def test_a_cell_without_its_file_fails_with_the_reason(cell: Cell, tmp_path: Path) -> None:
    assert run_cell(cell, cell.directory(tmp_path)) == "failed"
    result = result_of(tmp_path, cell)
    assert result["status"] == "failed"
    assert "eye.pth is not in" in result["reason"]
