"""What earlier runs left in the cells' folders: put right what cannot be built upon, and say so.

A finished cell is reused and an unfinished one goes on from its checkpoints. Neither happens in silence on damaged
files, or on what other sources, another torch or another Python made.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from retable.benchmarks.environment import made_elsewhere, run_elsewhere
from retable.benchmarks.run.build import WEIGHTS
from retable.benchmarks.run.checkpoint import damage
from retable.datasets.files import some
from retable.reports.records.cell import Cell
from retable.reports.records.journal import Start, finished, first_start, sealed
from retable.reports.records.result import Result
from retable.reports.text import plural


def put_right(cells: Sequence[Cell], root: Path, *, resume_stale: bool = False) -> Iterator[str]:
    """Make the folders of these cells fit to go on from.

    Args:
        cells: dependencies before those that need them.
        root: the folder of all runs.
        resume_stale: go on with what something else began, instead of starting it again.

    Yields:
        A line for each kind of thing that was found.
    """
    again: list[str] = []
    made: dict[str, list[str]] = {}
    begun: dict[str, list[str]] = {}
    unfinished: set[str] = set()
    # Those that need others come first, so that it is known whose weights will be read.
    for cell in reversed(cells):
        directory = cell.directory(root)
        result = finished(directory)
        wanted = any(cell in other.needed for other in cells if other.hash in unfinished)
        began = None if result is not None and result.status == "ok" else first_start(directory)
        if words := _of_no_use(cell, directory, result, began):
            if forget(directory):
                again.append(f"{cell.address} is done again: {words}")
                result = began = None
        elif (words := _damage(directory, result, wanted=wanted)) and reopen(directory):
            again.append(f"{cell.address} is done again: {words}")
            result, began = None, first_start(directory)
        if result is not None and result.status == "ok":
            if elsewhere := made_elsewhere(result.environment):
                made.setdefault(elsewhere, []).append(cell.address)
            continue
        unfinished.add(cell.hash)
        elsewhere = run_elsewhere(began.environment) if began is not None else ""
        if elsewhere and (resume_stale or forget(directory)):
            begun.setdefault(elsewhere, []).append(cell.address)
    yield from again
    yield from stale_lines(made)
    for elsewhere, addresses in begun.items():
        what = "going on, as --resume-stale asks" if resume_stale else "starting again"
        yield f"{plural(len(addresses), 'unfinished cell')} begun by {elsewhere}: {what} ({some(addresses)})"


def stale_lines(made: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A line for each thing that is said by :func:`made_elsewhere`, with the addresses of which it is said."""
    for elsewhere, addresses in made.items():
        cells_were, them = ("1 cell was", "it") if len(addresses) == 1 else (f"{len(addresses)} cells were", "them")
        yield f"stale: {cells_were} made by {elsewhere}; --fresh runs {them} anew ({some(addresses)})"


def _of_no_use(cell: Cell, directory: Path, result: Result | None, began: Start | None) -> str:
    """Why nothing in a cell's folder can be built upon; empty where something can."""
    if any(known is not None and known.cell.hash != cell.hash for known in (result, began)):
        return "its folder holds another cell"
    if result is not None and result.status == "ok" and not sealed(directory):
        return "journal.jsonl is damaged"
    return ""


def _damage(directory: Path, result: Result | None, *, wanted: bool) -> str:
    """What is damaged of a cell that is done; weights only count where they are ``wanted``."""
    if result is None:
        return "result.json is damaged" if (directory / "done").exists() else ""
    return damage(directory / WEIGHTS) if result.status == "ok" and wanted else ""


def reopen(directory: Path) -> bool:
    """Take back that a cell is done, so that it goes on from its newest checkpoint; see :func:`forget`."""
    try:
        with FileLock(directory / "lock", blocking=False):
            for name in ("done", "result.json"):
                (directory / name).unlink(missing_ok=True)
    except Timeout:
        return False
    return True


def forget(directory: Path) -> bool:
    """Remove everything that a cell has left in its folder; returns whether it was there and nobody worked on it.

    The journal goes last: it says who began what an interrupted removal leaves.
    """
    if not directory.is_dir() or not reopen(directory):
        return False
    try:
        with FileLock(directory / "lock", blocking=False):
            names = {path.name for path in directory.iterdir()} - {"lock", "journal.jsonl"}
            for path in (directory / name for name in (*sorted(names), "journal.jsonl")):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
    except Timeout:
        return False
    return True
