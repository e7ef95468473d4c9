"""A trained cell by its address or folder, for commands that use what a run has made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.run import index
from retable.benchmarks.run.build import WEIGHTS, build_task, restore_method
from retable.benchmarks.run.old_journal import read_json
from retable.datasets.task import Task
from retable.methods.method import Kind, Method
from retable.reports.records.cell import Cell

_WHAT = {"translate": "does not translate images", "sample": "does not make images out of nothing"}


@dataclass(frozen=True)
class Trained:
    """A cell with its task, not yet prepared, and its method as it was after training."""

    cell: Cell
    task: Task
    method: Method


def find_trained(source: str, root: Path, suite: str, kind: Kind) -> Trained:
    """A trained cell whose method answers requests of one kind.

    Args:
        source: the cell's address within ``suite``, or its directory.
        root: the folder of all runs.
        suite: where the address is looked up.
        kind: what its method must do.

    Raises:
        UserError: no such cell, not trained, or a method that does something else.
    """
    cell, directory = _find(source, root, suite)
    runs = directory.parent.parent
    if not (directory / WEIGHTS).exists():
        raise UserError(f"{cell.address} has no trained networks: {directory} holds no {WEIGHTS}; run it to its end")
    task = build_task(cell, runs)
    method = restore_method(cell, task, runs, directory)
    if method.kind != kind:
        raise UserError(f"{cell.address} {_WHAT.get(kind, 'does something else')}: its method answers {method.kind!r}")
    return Trained(cell, task, method)


def refuse_to_overwrite(paths: Sequence[Path]) -> None:
    """Make sure that none of these files exists, and that their folder is none.

    Raises:
        UserError: one does; the message names it.
    """
    for folder in sorted({path.parent for path in paths}):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"--out {folder}: this is a file; name a folder")
    for path in paths:
        if path.exists():
            raise UserError(f"{path} is there already and will not be overwritten; choose another folder with --out")


def _find(source: str, root: Path, suite: str) -> tuple[Cell, Path]:
    directory = Path(source)
    if (data := read_json(directory / "cell.json")) is not None:
        try:
            return Cell.from_json(data), directory
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{directory / 'cell.json'} does not describe a cell of this version: {error}") from error
    cells = {cell.address: cell for cell in index.suite_cells(root, suite)}
    if source not in cells:
        raise UserError(f"no trained cell {source!r} in suite {suite!r}{did_you_mean(source, cells)}")
    return cells[source], cells[source].directory(root)
