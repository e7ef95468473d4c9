"""Weights that a method starts from and nobody here can train: found, checked, recorded, or refused in one line."""

from __future__ import annotations

import hashlib
import io
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
from retable.benchmarks.run.suite_run import Options, run_suite
from retable.methods.method import Info, Method, MethodSettings
from retable.reports.records.cell import Cell
from tests.harness.conftest import register, result_of, row

EYE = {"weight": torch.eye(3), "bias": torch.arange(3.0)}
ROWS = row("made/seeing", "made/heir", "made/safely", method_steps=2, task_n_test=4)


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
    register(monkeypatch, {"made/seeing": Seeing, "made/safely": SeeingSafely, "made/heir": Heir})
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("RETABLE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch-home"))
    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture
def plan(plan_of: Callable[..., Plan]) -> Plan:
    return plan_of(ROWS)


@pytest.fixture
def cell(plan: Plan) -> Cell:
    return plan.rows[0]


def saved(state: object) -> bytes:
    out = io.BytesIO()
    torch.save(state, out)
    return out.getvalue()


def build(cell: Cell, root: Path, *, trained_needs: bool = True) -> Method:
    return build_method(cell, build_task(cell, root), root, trained_needs=trained_needs)


def has_eye(method: Method) -> bool:
    found = method.networks()["eye"].state_dict()
    return all(torch.equal(found[key], value) for key, value in EYE.items())


def test_a_method_gets_the_file_that_it_asks_for_of_either_kind(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "weights" / "eye.pth").write_bytes(saved(EYE))
    (tmp_path / "weights" / "eye.safetensors").write_bytes(safetensors.torch.save(EYE))
    for cell in (plan.rows[0], plan.rows[2]):
        assert has_eye(build(cell, tmp_path))


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
    plan: Plan, tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "weights" / "eye.pth"
    file.write_bytes(content)
    with pytest.raises(UserError, match=rf"^{file} [^\n]*{words}[^\n]*$|^{file} {words}[^\n]*$"):
        build(plan.rows[0], tmp_path)
    (tmp_path / "weights" / "eye.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(UserError, match=r"eye\.safetensors is damaged"):
        build(plan.rows[2], tmp_path)


def test_a_trained_method_needs_the_file_no_more(plan: Plan, tmp_path: Path) -> None:
    cell, heir, _ = plan.rows
    method = build(cell, tmp_path, trained_needs=False)
    method.networks()["eye"].load_state_dict(EYE)
    (directory := heir.starts_from["parent"].directory(tmp_path)).mkdir(parents=True)
    checkpoint.save_weights(directory / WEIGHTS, method.networks())
    assert heir.starts_from["parent"] == cell
    assert has_eye(build(heir, tmp_path))
    assert has_eye(trained_method(cell, build_task(cell, tmp_path), tmp_path))


def test_the_result_says_which_file_it_was_and_which_one_is_missing(cell: Cell, tmp_path: Path) -> None:
    assert run_cell(cell, cell.directory(tmp_path)) == "failed"
    for word in ("made/seeing", "eye.pth is not in", str(tmp_path / "weights"), "RETABLE_WEIGHTS", "do without it"):
        assert word in result_of(tmp_path, cell)["reason"]
    (tmp_path / "weights" / "eye.pth").write_bytes(saved(EYE))
    assert run_cell(cell, cell.directory(tmp_path)) == "ok"
    data = result_of(tmp_path, cell)["data"]
    assert data == {"squares": "squares-1", "weights:eye.pth": hashlib.sha256(saved(EYE)).hexdigest()}


def test_a_missing_file_stops_a_run_before_anything_is_trained(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"eye\.pth is not in .* or use settings that do without it"):
        run_suite(plan, Options(tmp_path), Console())
    assert not (tmp_path / "cells").exists()
