"""From folders of runs to cells and their results, for the report, the gate and the commands that use a trained row.

A folder of runs holds ``cells/``, and in ``suites/SUITE.json`` an index: which cell stands behind which address of the
suite. A cell's directory is named after its content, so ``--set`` makes new ones; the index says which was asked for
last. A *recording* is a folder of runs too, made at another time or on another machine, or a file that ``retable report
--record`` made of one. There suites are planned anew and every planned cell is looked up by its hash, so a cell of
other settings cannot stand in for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, JsonValue

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.plan.overrides import Override
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.registry import get_method, get_task
from retable.benchmarks.plan.select import Fewer, asked_for, refuse_idle
from retable.benchmarks.plan.suites import load_suite
from retable.reports.records.cell import Cell
from retable.reports.records.files import read_json, read_sealed, write_sealed
from retable.reports.records.folder import CellRecord
from retable.reports.records.recording import Store
from retable.reports.records.result import RecordError
from retable.reports.text import one_line


def index_cells(root: Path, suite: str, cells: Iterable[Cell]) -> tuple[list[str], str]:
    """Point the suite's addresses at these cells; other addresses stay, as far as they can be read.

    Returns:
        The addresses that pointed at a cell of other data of the user's; what was lost because the file was damaged.
    """
    path = root / "suites" / f"{suite}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        # Cells that an earlier version planned under other hashes are left out: nothing could find their folders.
        before = {cell.address: cell for cell in read_index(path)[0]}
        damaged = path.exists() and read_sealed(path) is None
        known = before | {cell.address: cell for cell in cells}
        write_sealed(path, {"suite": suite, "cells": {address: cell.to_json() for address, cell in known.items()}})
    both = known.keys() & before.keys()
    changed = sorted(name for name in both if known[name].data != before[name].data and before[name].data)
    lost = f"{path} was damaged; of the suite's cells it keeps {len(known)}. Run those again that a report misses"
    return changed, lost if damaged else ""


def suite_cells(root: Path, suite: str) -> list[Cell]:
    """The suite's cells as they were last asked for.

    Raises:
        UserError: the suite was never run here.
    """
    path = root / "suites" / f"{suite}.json"
    if not path.exists():
        known = sorted(path.stem for path in (root / "suites").glob("*.json"))
        have = f"it holds: {', '.join(known)}" if known else "it holds no runs"
        raise UserError(
            f"suite {suite!r} has not been run in {root}{did_you_mean(suite, known)} ({have}); `retable run {suite}`"
        )
    cells, _ = read_index(path)
    if not cells or read_sealed(path) is None:
        raise UserError(f"{path}: damaged, or written by another version of Retable; `retable run {suite}` renews it")
    return cells


def read_index(path: Path) -> tuple[list[Cell], int]:
    """The cells in a suite's index that this version understands, and the number of the others."""
    recorded = (read_json(path) or {}).get("cells")
    cells: list[Cell] = []
    others = 0
    for data in recorded.values() if isinstance(recorded, dict) else ():
        try:
            cells.append(Cell.from_json(data))
        except ValueError:
            others += 1
    return cells, others


WHOSE_DATA = ("task.source", "task.data_dir")


def other_settings(suite: str, cells: Sequence[Cell]) -> list[str]:
    """One line for each cell that was not run as the suite is written: ``--set`` stays in force until the next run.

    Whose data a cell saw stands under every table; it is worth a line only where cells of one task saw different data.
    """
    try:
        plan = make_plan(load_suite(suite), seeds=sorted({cell.seed for cell in cells}))
    except UserError:
        return []  # a suite from the user's own file, whose path the index does not hold
    written = {cell.address: cell for cell in plan.cells}
    lines = []
    for cell in cells:
        if cell.address in written:
            changes = [
                f"{key} = {one_line(str(ours), 60)} instead of {one_line(str(theirs), 60)}"
                for key, ours, theirs in _differences(*_completed(cell, written[cell.address]))
                if key.startswith(("method.", "task.")) and key not in WHOSE_DATA
            ]
            if changes:
                lines.append(f"{cell.address} was run with {', '.join(changes)}: not comparable with the other rows")
    data: dict[str, Counter[str]] = {}
    for cell in cells:
        seen = " ".join(str(cell.task_settings[key]) for key in ("source", "data_dir") if cell.task_settings.get(key))
        data.setdefault(cell.task, Counter())[seen] += 1
    for task, counted in data.items():
        if len(counted) > 1:
            each = ", ".join(f"{number} on {seen}" for seen, number in counted.items())
            lines.append(f"cells of the task {task} saw different data ({each}): not comparable with each other")
    return lines


def _completed(cell: Cell, planned: Cell) -> tuple[Cell, Cell]:
    """A recorded cell with the defaults of settings that did not exist when it was run, and what is planned today."""

    def completed(model: type[BaseModel], recorded: dict[str, JsonValue]) -> dict[str, JsonValue]:
        return {**model.model_construct().model_dump(mode="json", warnings=False), **recorded}

    changes = {
        "method_settings": completed(get_method(planned.method).Settings, cell.method_settings),
        "task_settings": completed(get_task(planned.task).Settings, cell.task_settings),
    }
    return cell.model_copy(update=changes), planned


def _differences(one: Cell, other: Cell) -> list[tuple[str, object, object]]:
    """In which settings two cells differ, by the names that ``--set`` takes, with the values of both."""

    def flat(cell: Cell) -> dict[str, object]:
        parts = {"method": cell.method_settings, "task": cell.task_settings, "run": cell.run.model_dump()}
        return {f"{part}.{key}": value for part, settings in parts.items() for key, value in settings.items()}

    ours, theirs = flat(one), flat(other)
    return [(key, ours.get(key), theirs.get(key)) for key in ours | theirs if ours.get(key) != theirs.get(key)]


def planned_cells(suites: Sequence[str], seeds: Sequence[int] | None, fewer: Sequence[Fewer] = ()) -> list[Cell]:
    """The cells of all suites at these seeds (each suite's own for ``None``), in order, each once, to run on the CPU.

    Cells that a glob of ``fewer`` matches are planned at its seeds alone. The plan must not depend on the machine that
    the report is made on; :func:`on_cuda` gives the cells of a GPU.

    Raises:
        UserError: two suites plan one address with different settings, or a glob picks nothing; see also
            :func:`retable.benchmarks.plan.plan.make_plan`.
    """
    on_cpu = Override("run", "accelerator", "cpu", "a report's plan")
    known: dict[str, tuple[Cell, str]] = {}
    for suite in suites:
        for cell in make_plan(load_suite(suite), seeds=seeds, overrides=[on_cpu]).cells:
            first, where = known.setdefault(cell.address, (cell, suite))
            if first.hash != cell.hash:
                changed = [key for key, _, _ in _differences(first, cell)] or ["their profile or needed cells"]
                raise UserError(
                    f"{cell.address}: suite {where} plans it as {first.hash} and suite {suite} as {cell.hash} (they "
                    f"differ in {', '.join(changed)}); one address is one cell, so report these suites apart"
                )
    refuse_idle({address: cell.seed for address, (cell, _) in known.items()}, fewer)
    return [cell for cell, _ in known.values() if asked_for(cell.address, cell.seed, fewer)]


@dataclass(frozen=True)
class Recorded:
    """Planned cells and what was found of them."""

    cells: tuple[Cell, ...]
    records: tuple[CellRecord, ...]
    """One for each cell that ended, whatever its status."""
    on_gpu: tuple[CellRecord, ...]
    """The same cells as they were run on a GPU, for their times."""
    notes: tuple[str, ...]
    """What the person at the terminal should know: which folder was preferred, what is missing."""


def find_recorded(cells: Sequence[Cell], runs: Sequence[Path]) -> Recorded:
    """Look for planned cells in folders of runs and in recordings.

    Where several have a cell, one that ended well comes first, then the newest. A cell that was run on a GPU is
    another cell. The report is about the CPU or the GPU, whichever has more cells; beside cells of the CPU, those of
    the GPU give their times alone.

    Raises:
        UserError: a folder holds no cells, or a recording is damaged.
    """
    try:
        stores = [Store(path) for path in dict.fromkeys(runs)]
    except RecordError as error:
        raise UserError(f"--runs {error}") from error
    twins = [on_cuda(cell) for cell in cells]
    places, twin_places = ([_places(cell, stores) for cell in some] for some in (cells, twins))
    gpu_alone = sum(map(bool, twin_places)) > sum(map(bool, places))
    if gpu_alone:
        cells, places = twins, twin_places
    found: list[CellRecord] = []
    preferred: dict[tuple[Path, Path], list[str]] = {}
    missing: list[str] = []
    for cell, where in zip(cells, places, strict=True):
        if where:
            found.append(where[0].record(cell))
        else:
            missing.append(cell.address)
        for other in where[1:]:
            preferred.setdefault((where[0].path, other.path), []).append(cell.address)
    pairs = [] if gpu_alone else zip(twins, twin_places, strict=True)
    on_gpu = tuple(where[0].record(cell) for cell, where in pairs if where)
    notes = [
        f"{_some(addresses)}: in {winner} and in {loser}; {winner} is taken (ended well, or the newest)"
        for (winner, loser), addresses in preferred.items()
    ]
    notes += dict.fromkeys(problem for store in stores for problem in store.problems)
    if missing:
        notes.append(f"not run, and shown so: {_some(missing)}")
    if on_gpu:
        notes.append(f"of {len(on_gpu)} cells their times on a GPU are shown beside those of the CPU")
    return Recorded(tuple(cells), tuple(found), on_gpu, tuple(notes))


def _places(cell: Cell, stores: Sequence[Store]) -> list[Store]:
    """Where the cell ended, the best place first."""
    there = [(store, result) for store in stores if (result := store.result(cell)) is not None]
    there.sort(key=lambda pair: (pair[1].status == "ok", pair[1].ended), reverse=True)
    return [store for store, _ in there]


def on_cuda(cell: Cell) -> Cell:
    """The same cell, and all that it needs, as a machine with a GPU plans it."""
    return cell.with_changes(
        run=cell.run.model_copy(update={"accelerator": "cuda"}),
        starts_from={role: on_cuda(needed) for role, needed in cell.starts_from.items()},
        judges={role: on_cuda(needed) for role, needed in cell.judges.items()},
    )


def _some(addresses: Sequence[str], most: int = 3) -> str:
    listed = ", ".join(addresses[:most])
    rest = len(addresses) - most
    return f"{len(addresses)} cells ({listed}{f' and {rest} more' if rest > 0 else ''})"
