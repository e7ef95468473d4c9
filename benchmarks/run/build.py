"""From a cell to a living method: built from its settings, started from what it needs, filled with its weights.

What a method needs is another cell's networks, or a file of weights on the user's disk (:meth:`Method.files`).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics import METRICS
from retable.benchmarks.metrics.networks.weights import file_digest, find
from retable.benchmarks.plan.registry import get_method, get_settings, get_task
from retable.benchmarks.run.checkpoint import load_weights
from retable.reports.records.cell import Cell

if TYPE_CHECKING:
    from torch import Tensor

    from retable.datasets.task import Task
    from retable.methods.method import Method

WEIGHTS = "weights.safetensors"


def derive_seed(*axes: object) -> int:
    """A seed in [0, 2**31) from a purpose and the axes that it depends on.

    Rows of one table whose seeds are equal share their data order and their initial weights: comparisons are paired.
    """
    text = "/".join(str(axis) for axis in axes)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def seed_everything(seed: int) -> None:
    """Seed torch (CPU and CUDA), NumPy's legacy global state and Python's ``random``."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Give back, after a block that draws or seeds, every random state that :func:`seed_everything` seeds."""
    numbers, python = np.random.get_state(), random.getstate()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        np.random.set_state(numbers)
        random.setstate(python)


def build_task(cell: Cell, root: Path) -> Task:
    """The cell's task, not yet prepared.

    Raises:
        UserError: an earlier version recorded the cell, with settings that the task no longer takes.
    """
    cls = get_task(cell.task)
    try:
        settings = cls.Settings.model_validate(cell.task_settings)
    except ValueError as error:
        raise UserError(
            f"{cell.address} was recorded with settings that the task {cell.task!r} does not take any more "
            f"({_one_line(error)}); run it again"
        ) from error
    return cls(settings, root / "cache", derive_seed("data", cell.task, cell.seed))


def build_method(cell: Cell, task: Task, root: Path, *, trained_needs: bool = True) -> Method:
    """The cell's method with fresh weights, started from the cells that it needs.

    Args:
        cell: what to build.
        task: gives shapes and class names.
        root: the folder of all runs.
        trained_needs: whether to load the needed cells' weights and files; without, only shapes are taken over, which
            is enough when a checkpoint of this cell follows.

    Raises:
        UserError: a needed cell's weights or a needed file are missing, damaged or of other networks.
    """
    cls = get_method(cell.method)
    seed_everything(derive_seed("weights", cell.task, cell.seed))
    try:
        method = cls(get_settings(cell.method, cell.method_settings), task.info())
    except ValueError as error:
        raise UserError(f"{cell.address}: its networks cannot be built: {_one_line(error)}") from error
    if trained_needs:
        for role, path in weights_files(cell).items():
            try:
                method.take_file(role, _read_state(path))
            except RuntimeError as error:
                raise UserError(
                    f"{path} does not fit {role!r} of method {cell.method!r}: {_one_line(error)}"
                ) from error
    for role, needed in cell.starts_from.items():
        # Its own needs are among its networks, whose weights follow.
        other = build_method(needed, task, root, trained_needs=False)
        if trained_needs:
            load_weights(needed.directory(root) / WEIGHTS, other.networks())
        try:
            method.start_from(role, other)
        except RuntimeError as error:
            raise UserError(
                f"{cell.address} cannot start from {needed.address}: their networks differ ({_one_line(error)}); "
                "give both methods the same sizes, e.g. by --set without a method's name"
            ) from error
    return method


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def source_modules(cell: Cell, task: Task) -> list[str]:
    """The modules whose sources, with all they import, make this cell's numbers.

    They are those of its method, its task and its metrics, and of the methods and tasks of the cells that it needs.
    """
    cls = get_method(cell.method)
    measures = task.measures(cls.kind, cls.stream_of(get_settings(cell.method, cell.method_settings)))
    modules = {METRICS[measure.metric].partition(":")[0] for measure in measures if measure.metric in METRICS}
    waiting = [cell]
    while waiting:
        one = waiting.pop()
        modules |= {get_method(one.method).__module__, get_task(one.task).__module__}
        waiting += one.needed
    return sorted(modules)


def file_digests(cell: Cell) -> dict[str, str]:
    """``weights:NAME`` -> SHA-256 of every file of weights that the method starts from, for provenance."""
    return {f"weights:{path.name}": file_digest(path) for path in weights_files(cell).values()}


def weights_files(cell: Cell) -> dict[str, Path]:
    """Role -> the file of weights that the cell's method starts from, found in the user's folder.

    Raises:
        UserError: one is missing.
    """
    cls = get_method(cell.method)
    wanted = cls.files(get_settings(cell.method, cell.method_settings))
    return {role: find(name, f"method {cell.method!r}", f"or use {cls.without_files}") for role, name in wanted.items()}


def _read_state(path: Path) -> dict[str, Tensor]:
    """A state dict from ``.safetensors``, else as torch saves it; nothing in the file is executed."""
    from safetensors.torch import load

    try:
        if path.suffix == ".safetensors":
            return load(path.read_bytes())
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both readers let slip whatever a file of other things makes them stumble over
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path} is damaged, or no file of weights: {first}") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise UserError(f"{path} holds no state dict (name -> tensor); save one with torch.save(network.state_dict())")
    return dict(state)


def trained_method(cell: Cell, task: Task, root: Path, directory: Path | None = None) -> Method:
    """The cell's method as it was after training, networks in evaluation mode, on the CPU.

    Raises:
        UserError: its weights are missing or damaged.
    """
    method = build_method(cell, task, root, trained_needs=False)
    load_weights((directory or cell.directory(root)) / WEIGHTS, method.networks())
    for network in method.networks().values():
        network.eval().requires_grad_(False)
    return method
