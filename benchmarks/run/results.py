"""Reports of exactly what was recorded: suites are planned, and every planned cell is taken by its hash.

A recording is a folder of runs, or a file that ``retable report --record`` made of one. Several of them, made at
different times or on different machines, give one report. A cell's hash is its content, so that a folder of older
settings cannot stand in for a cell that was planned. Files without a suite are reported as they are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retable.benchmarks.cli.seeds import Fewer, asked_for, refuse_idle
from retable.benchmarks.errors import UserError
from retable.reports.records.cell import Cell
from retable.reports.records.folder import CellRecord, read_cells
from retable.reports.records.recording import ENDING, Store, read_recording, recording
from retable.reports.records.result import RecordError

if TYPE_CHECKING:
    from retable.reports.compute.runs import Runs


@dataclass(frozen=True)
class Wanted:
    """What ``retable report`` was asked for."""

    suites: tuple[str, ...]
    """Empty for everything that recorded files hold."""
    runs: tuple[Path, ...] = ()
    """Recorded folders and files; empty for the suite's own index in the folder of all runs."""
    seeds: Sequence[int] | None = None
    fewer: tuple[Fewer, ...] = ()
    compact: bool = False
    results: Path | None = None
    budget: Path | None = None
    record: Path | None = None


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


def planned_cells(suites: Sequence[str], seeds: Sequence[int] | None, fewer: Sequence[Fewer] = ()) -> list[Cell]:
    """The cells of all suites at these seeds (each suite's own for ``None``), in order, each once, to run on the CPU.

    Cells that ``fewer`` has a glob for are planned at its seeds alone, and missing at no others.
    What is planned must not depend on the machine that the report is made on; see :func:`on_cuda` for the others.

    Raises:
        UserError: two suites plan one address with different settings, or a glob picks nothing; see also
            :func:`retable.benchmarks.plan.plan.make_plan`.
    """
    from retable.benchmarks.plan.overrides import Override
    from retable.benchmarks.plan.plan import make_plan
    from retable.benchmarks.plan.suites import load_suite

    on_cpu = Override("run", "accelerator", "cpu", "a report's plan")
    known: dict[str, tuple[Cell, str]] = {}
    for suite in suites:
        for cell in make_plan(load_suite(suite), seeds=seeds, overrides=[on_cpu]).cells:
            first, where = known.setdefault(cell.address, (cell, suite))
            if first.hash != cell.hash:
                raise UserError(
                    f"{cell.address}: suite {where} plans it as {first.hash} and suite {suite} as {cell.hash} "
                    f"({_difference(first, cell)}); one address is one cell, so report these suites apart"
                )
    refuse_idle({address: cell.seed for address, (cell, _) in known.items()}, fewer)
    return [cell for cell, _ in known.values() if asked_for(cell.address, cell.seed, fewer)]


def _difference(one: Cell, other: Cell) -> str:
    ours, theirs = one.model_dump(mode="json"), other.model_dump(mode="json")
    changed = []
    for part in ("method_settings", "task_settings", "run"):
        keys = sorted(set(ours[part]) | set(theirs[part]))
        changed += [f"{part}.{key}" for key in keys if ours[part].get(key) != theirs[part].get(key)]
    changed += [part for part in ("profile", "variant") if ours[part] != theirs[part]]
    return f"they differ in {', '.join(changed)}" if changed else "they need different cells"


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
    content = {name: getattr(cell, name) for name in Cell.model_fields}
    # Not model_copy: it would keep the hash that the cell has worked out already.
    return Cell(
        **content
        | {
            "run": cell.run.model_copy(update={"accelerator": "cuda"}),
            "starts_from": {role: on_cuda(needed) for role, needed in cell.starts_from.items()},
            "judges": {role: on_cuda(needed) for role, needed in cell.judges.items()},
        }
    )


def _some(addresses: Sequence[str], most: int = 3) -> str:
    listed = ", ".join(addresses[:most])
    rest = len(addresses) - most
    return f"{len(addresses)} cells ({listed}{f' and {rest} more' if rest > 0 else ''})"


def recorded_runs(
    suites: Sequence[str], runs: Sequence[Path], seeds: Sequence[int] | None, fewer: Sequence[Fewer] = ()
) -> tuple[Runs, Recorded]:
    """What a report of several suites, folders and recordings is made from.

    Raises:
        UserError: see :func:`planned_cells` and :func:`find_recorded`.
    """
    recorded = find_recorded(planned_cells(suites, seeds, fewer), runs)
    suite = " and ".join(Path(suite).stem for suite in suites)
    return _runs(recorded.records, recorded.cells, suite, on_gpu=recorded.on_gpu), recorded


def recordings_alone(
    files: Sequence[Path], seeds: Sequence[int] | None = None, fewer: Sequence[Fewer] = ()
) -> tuple[Runs, Recorded]:
    """Everything that recordings hold, whatever the suites plan today.

    Raises:
        UserError: a file is no recording.
    """
    try:
        held = {result.cell.hash: result for file in files for result in read_recording(file)}
    except RecordError as error:
        raise UserError(f"--runs {error}") from error
    refuse_idle({result.cell.address: result.cell.seed for result in held.values()}, fewer)
    records = [
        CellRecord.of(result)
        for result in held.values()
        if (seeds is None or result.cell.seed in seeds) and asked_for(result.cell.address, result.cell.seed, fewer)
    ]
    on_gpu = [record for record in records if record.cell.run.accelerator == "cuda"]
    on_cpu = [record for record in records if record.cell.run.accelerator != "cuda"]
    if len(on_gpu) > len(on_cpu):
        on_gpu, on_cpu = [], on_gpu
    cells = [record.cell for record in on_cpu]
    recorded = Recorded(tuple(cells), tuple(on_cpu), tuple(on_gpu), ())
    suite = " and ".join(file.name.removesuffix(ENDING) for file in files)
    return _runs(on_cpu, cells, suite, on_gpu=on_gpu), recorded


def indexed_runs(root: Path, suite: str) -> Runs:
    """What the report of everything is made from that the suite has so far in one folder of runs.

    Raises:
        UserError: the suite was never run there.
    """
    from retable.benchmarks.run import index
    from retable.benchmarks.run.suite_run import other_settings

    cells = index.suite_cells(root, suite)
    records, problems = read_cells([folder for cell in cells if (folder := cell.directory(root)).is_dir()])
    return _runs(records, cells, suite, warnings=[*problems, *other_settings(suite, cells)])


def _runs(
    records: Sequence[CellRecord],
    cells: Sequence[Cell],
    suite: str,
    on_gpu: Sequence[CellRecord] = (),
    warnings: Sequence[str] = (),
) -> Runs:
    from retable.benchmarks.plan.registry import get_title
    from retable.reports.compute.runs import Runs

    titles = {cell.method: get_title(cell.method) for cell in cells}
    return Runs.of(records, cells, suite, titles, on_gpu, warnings)


def make_report(wanted: Wanted, root: Path, out: Path) -> tuple[Path, tuple[str, ...]]:
    """Write the report, and the recording and the pages of results and of the budget where they are wanted.

    Returns:
        ``(path of index.html, what the person at the terminal should know)``.

    Raises:
        UserError: see :func:`recorded_runs`, :func:`recordings_alone` and :func:`indexed_runs`.
    """
    from retable.reports.render.budget_page import budget_page
    from retable.reports.render.results_page import pictures_beside, results_page
    from retable.reports.write import write, write_report, write_small_report

    notes: tuple[str, ...] = ()
    if not wanted.suites:
        runs, _ = recordings_alone(wanted.runs, wanted.seeds, wanted.fewer)
    elif wanted.runs or wanted.seeds is not None or wanted.fewer or len(wanted.suites) > 1:
        runs, recorded = recorded_runs(wanted.suites, wanted.runs or (root,), wanted.seeds, wanted.fewer)
        notes = recorded.notes
    else:
        runs = indexed_runs(root, wanted.suites[0])
    if wanted.record is not None:
        results = [record.result for record in (*runs.records, *runs.on_gpu) if record.result is not None]
        write(wanted.record, recording(results))
    began = time.monotonic()
    path = write_small_report(runs, out) if wanted.compact else write_report(runs, out).index
    took = time.monotonic() - began
    if wanted.results is not None:
        write(wanted.results, results_page(runs, pictures_beside(wanted.results)).encode())
    if wanted.budget is not None:
        write(wanted.budget, budget_page(runs, took).encode())
    return path, notes
