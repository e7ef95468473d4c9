"""From results in folders to the pages of a report: of what a suite has so far, or of exactly what was recorded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.registry import get_title
from retable.benchmarks.plan.select import Fewer, asked_for, refuse_idle
from retable.benchmarks.run.results import Recorded, find_recorded, other_settings, planned_cells, suite_cells
from retable.reports.compute.runs import Runs
from retable.reports.records.cell import Cell
from retable.reports.records.folder import CellRecord, read_cells
from retable.reports.records.recording import ENDING, read_recording, recording
from retable.reports.records.result import RecordError
from retable.reports.render.budget_page import budget_page
from retable.reports.render.results_page import pictures_beside, results_page
from retable.reports.render.summary import markdown_summary
from retable.reports.write import write, write_report, write_small_report


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


def make_report(wanted: Wanted, root: Path, out: Path) -> tuple[Path, tuple[str, ...]]:
    """Write the report, and the recording and the pages of results and of the budget where they are wanted.

    Returns:
        ``(path of index.html, what the person at the terminal should know)``.

    Raises:
        UserError: see :func:`recorded_runs`, :func:`recordings_alone` and :func:`suite_runs`.
    """
    notes: tuple[str, ...] = ()
    if not wanted.suites:
        runs = recordings_alone(wanted.runs, wanted.seeds, wanted.fewer)
    elif wanted.runs or wanted.seeds is not None or wanted.fewer or len(wanted.suites) > 1:
        runs, recorded = recorded_runs(wanted.suites, wanted.runs or (root,), wanted.seeds, wanted.fewer)
        notes = recorded.notes
    else:
        runs = suite_runs(root, wanted.suites[0])
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


def report_run(root: Path, suite: str, out: Path) -> tuple[Path, str]:
    """Write the report at the end of a run. Returns the path of ``index.html`` and a summary in Markdown."""
    runs = suite_runs(root, suite)
    return write_report(runs, out).index, markdown_summary(runs)


def suite_runs(root: Path, suite: str) -> Runs:
    """What the report is made from: everything that the suite has so far in one folder of runs.

    Raises:
        UserError: the suite was never run there.
    """
    cells = suite_cells(root, suite)
    records, problems = read_cells([folder for cell in cells if (folder := cell.directory(root)).is_dir()])
    return _runs(records, cells, suite, warnings=[*problems, *other_settings(suite, cells)])


def recorded_runs(
    suites: Sequence[str], runs: Sequence[Path], seeds: Sequence[int] | None, fewer: Sequence[Fewer] = ()
) -> tuple[Runs, Recorded]:
    """What the report of several suites, folders and recordings is made from.

    Raises:
        UserError: see :func:`planned_cells` and :func:`find_recorded`.
    """
    recorded = find_recorded(planned_cells(suites, seeds, fewer), runs)
    suite = " and ".join(Path(suite).stem for suite in suites)
    return _runs(recorded.records, recorded.cells, suite, on_gpu=recorded.on_gpu), recorded


def recordings_alone(files: Sequence[Path], seeds: Sequence[int] | None = None, fewer: Sequence[Fewer] = ()) -> Runs:
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
    suite = " and ".join(file.name.removesuffix(ENDING) for file in files)
    return _runs(on_cpu, [record.cell for record in on_cpu], suite, on_gpu=on_gpu)


def _runs(
    records: Sequence[CellRecord],
    cells: Sequence[Cell],
    suite: str,
    on_gpu: Sequence[CellRecord] = (),
    warnings: Sequence[str] = (),
) -> Runs:
    titles = {cell.method: _title(cell.method) for cell in cells}
    return Runs.of(records, cells, suite, titles, on_gpu, warnings)


def _title(method: str) -> str:
    """The row's name in tables; a recording may hold rows that were removed since."""
    try:
        return get_title(method)
    except UserError:
        return method
