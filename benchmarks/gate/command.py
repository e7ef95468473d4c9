"""``retable gate``: a run of a suite against recorded expectations, or against another run."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.accept import accept as accept_results
from retable.benchmarks.gate.compare import Run, compare_runs, compare_with_file
from retable.benchmarks.gate.expectations import load, save, to_toml
from retable.benchmarks.gate.render import show, to_junit, to_markdown
from retable.benchmarks.run.results import suite_cells, suite_results
from retable.benchmarks.tracking import default_uri
from retable.benchmarks.tracking.download import download_run
from retable.reports.records.journal import finished

if TYPE_CHECKING:
    from rich.console import Console


def gate(
    root: Path,
    suite: str,
    expected: Path,
    *,
    accept: bool = False,
    only: str | None = None,
    against: str | None = None,
    head: str | None = None,
    junit: Path | None = None,
    summary_to: Path | None = None,
    console: Console,
) -> int:
    """Check a run of a suite, print the verdicts, and return the exit code: 0 for green, 1 for red.

    Args:
        root: folder of all runs: the run that is checked, and MLflow where no other tracking URI is set.
        suite: name of the suite.
        expected: the suite's file of expectations; with ``against`` it need not exist.
        accept: first make the results the expectations.
        only: globs over addresses; other cells are neither compared nor, with ``accept``, renewed.
        against: compare with this run: a folder of runs, or in MLflow the id of a parent run or the first digits of a
            commit.
        head: check this run instead of the one in ``root``; named likewise.
        junit: where to write JUnit XML, if anywhere.
        summary_to: where to write the verdicts as Markdown, if anywhere.
        console: where to print.

    Raises:
        UserError: options that do not go together, a run or file that cannot be read, results that cannot be accepted,
            or nothing that could be decided.
    """
    if against is not None:
        if accept:
            raise UserError("--accept makes expectations of a suite's own scores; it does not go with --against")
        base, judged, notes = _against(root, suite, against, head, console)
        report = compare_runs(suite, base, judged, load(expected) if expected.exists() else None, only)
        report = replace(report, notes=(*notes, *report.notes))
    elif head is not None:
        raise UserError("--head names the run that --against is to judge; give --against as well")
    else:
        results = read_folder(root, suite).results
        if accept:
            old = load(expected) if expected.exists() else None
            new, notes = accept_results(suite, results, old, only)
            save(expected, to_toml(new))
            for note in notes:
                console.print(note, markup=False, highlight=False, soft_wrap=True)
        report = compare_with_file(load(expected), results, only)
    if junit is not None:
        save(junit, to_junit(report))
    if summary_to is not None:
        save(summary_to, to_markdown(report))
    show(report, console)
    return 1 if report.failures else 0


def read_folder(root: Path, suite: str) -> Run:
    """A suite's cells as they were last asked for in a folder of runs."""
    return Run(f"folder {root}", suite_results(root, suite), {cell.address for cell in suite_cells(root, suite)})


def _against(root: Path, suite: str, against: str, head: str | None, console: Console) -> tuple[Run, Run, list[str]]:
    """The base, the head, and what there is to say of them."""
    base, judged = _read(root, suite, against, console), _read(root, suite, head, console)
    if judged.run_id and judged.run_id == base.run_id:
        raise UserError(f"--against {against} and --head {head} are one run, {base.run_id}")
    notes = [] if head is None else [f"the head is {judged.label}"]
    for side, run in (("base", base), ("head", judged)):
        if run.run_id and len(run.planned) > len(run.results):
            missing = len(run.planned) - len(run.results)
            notes.append(f"MLflow lacks {missing} of the {side}'s {len(run.planned)} cells")
    return base, judged, notes


def _read(root: Path, suite: str, wanted: str | None, console: Console) -> Run:
    if wanted is None or (Path(wanted) / "cells").is_dir():
        return read_folder(root if wanted is None else Path(wanted), suite)
    with console.status("reading MLflow"), tempfile.TemporaryDirectory(prefix="retable-") as folder:
        found = download_run(default_uri(root), suite, wanted, Path(folder))
        results = [result for path in Path(folder, "cells").iterdir() if (result := finished(path))]
        return Run(found.label, results, found.planned, found.run_id)
