"""From a cell to a living method: built from its settings, started from what it needs, filled with its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cell import Cell
from benchmarks.checkpoint import load_weights
from benchmarks.registry import get_method, get_task
from benchmarks.seeds import derive_seed, seed_everything

if TYPE_CHECKING:
    from datasets.task import Task
    from methods.method import Method

WEIGHTS = "weights.safetensors"


def build_task(cell: Cell, root: Path) -> Task:
    """The cell's task, not yet prepared."""
    cls = get_task(cell.task)
    return cls(cls.Settings.model_validate(cell.task_settings), root / "cache")


def build_method(cell: Cell, task: Task, root: Path, *, trained_needs: bool = True) -> Method:
    """The cell's method with fresh weights, started from the cells that it needs.

    Args:
        cell: what to build.
        task: gives shapes and class names.
        root: the folder of all runs.
        trained_needs: whether to load the needed cells' weights; without, only their shapes are taken over, which is
            enough when a checkpoint of this cell follows.
    """
    cls = get_method(cell.method)
    seed_everything(derive_seed("weights", cell.task, cell.seed))
    method = cls(cls.Settings.model_validate(cell.method_settings), task.info())
    for role, needed in cell.starts_from.items():
        other = build_method(needed, task, root, trained_needs=trained_needs)
        if trained_needs:
            load_weights(needed.directory(root) / WEIGHTS, other.networks())
        method.start_from(role, other)
    return method


def restore_method(cell: Cell, task: Task, root: Path, directory: Path | None = None) -> Method:
    """The cell's method as it was after training, networks in evaluation mode, on the CPU.

    Raises:
        UserError: its weights are missing or damaged.
    """
    method = build_method(cell, task, root, trained_needs=False)
    load_weights((directory or cell.directory(root)) / WEIGHTS, method.networks())
    for network in method.networks().values():
        network.eval().requires_grad_(False)
    return method
