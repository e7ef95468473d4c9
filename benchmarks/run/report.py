"""From results in folders to the pages of a report: of what a suite has so far, or of exactly what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from retable.benchmarks.environment import made_elsewhere
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.registry import get_title
from retable.benchmarks.plan.select import Fewer, asked_for, refuse_idle
from retable.benchmarks.run.earlier import stale_lines
from retable.benchmarks.run.results import (
    Recorded,
    find_recorded,
    other_settings,
    planned_cells,
    read_index,
    suite_cells,
)
from retable.reports.compute.runs import Runs
from retable.reports.records.cell import Cell
from retable.reports.records.folder import CellRecord, read_cells
from retable.reports.records.recording import ENDING, read_recording
from retable.reports.records.result import RecordError
from retable.reports.render.summary import markdown_summary
from retable.reports.write import write_report


def wanted_runs(
    root: Path,
    suites: Sequence[str],
    runs: Sequence[Path] = (),
    seeds: Sequence[int] | None = None,
    fewer: Sequence[Fewer] = (),
) -> tuple[Runs, Sequence[str]]:
    """What ``retable report`` was asked for, and what the person at the terminal should know about it.

    Args:
        root: the folder of all runs.
        suites: empty for everything that recorded files hold.
        runs: recorded folders and files; empty for the suite's own index in ``root``.
        seeds: which of them; ``None`` for all.
        fewer: globs of cells that have fewer seeds.

    Raises:
        UserError: see :func:`recorded_runs`, :func:`recordings_alone` and :func:`suite_runs`.
    """
    if not suites:
        return recordings_alone(runs, seeds, fewer), ()
    if runs or seeds is not None or fewer or len(suites) > 1:
        found, recorded = recorded_runs(suites, runs or (root,), seeds, fewer)
        return found, recorded.notes
    return suite_runs(root, suites[0]), ()


def report_run(root: Path, suite: str, out: Path) -> tuple[Path, str]:
    """Write the report at the end of a run. Returns the path of ``index.html`` and a summary in Markdown."""
    runs = suite_runs(root, suite)
    return write_report(runs, out), markdown_summary(runs)


def suite_runs(root: Path, suite: str) -> Runs:
    """What the report is made from: everything that the suite has so far in one folder of runs.

    Raises:
        UserError: the suite was never run there.
    """
    cells = suite_cells(root, suite)
    records, problems = read_cells([folder for cell in cells if (folder := cell.directory(root)).is_dir()])
    _, others = read_index(root / "suites" / f"{suite}.json")
    if others:
        what = "1 entry cannot be read, and is" if others == 1 else f"{others} entries cannot be read, and are"
        problems.append(f"suites/{suite}.json: {what} left out")
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
    titles: dict[str, str] = {}
    gone: list[str] = []
    for method in sorted({cell.method for cell in (*cells, *(record.cell for record in records))}):
        try:
            titles[method] = get_title(method)
        except UserError as error:
            gone.append(f"{method} is shown by its recorded name, since its title is not to be had: {error}")
    # What was recorded to be kept is of other sources by its nature.
    stale = {
        record.cell.hash: elsewhere
        for record in records
        if record.status == "ok" and record.directory and (elsewhere := made_elsewhere(record.environment))
    }
    addresses: dict[str, list[str]] = {}
    for record in records:
        if record.cell.hash in stale:
            addresses.setdefault(stale[record.cell.hash], []).append(record.cell.address)
    return Runs.of(records, cells, suite, titles, on_gpu, [*stale_lines(addresses), *warnings, *gone], stale)
