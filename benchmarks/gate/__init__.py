"""The gate: scores of a suite, red when one is worse than its tolerance or missing.

:func:`gate` holds them against recorded expectations, :func:`gate_against` against another run. Expectations live in
``benchmarks/expected/SUITE.toml``; :mod:`retable.benchmarks.gate.tolerance` explains how tolerances are made and how
often a gate is red by chance.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retable.benchmarks.gate.accept import accept as accept_results
from retable.benchmarks.gate.accept import picked
from retable.benchmarks.gate.against import Results, compare_runs
from retable.benchmarks.gate.compare import LastGreen, compare
from retable.benchmarks.gate.expectations import Expectation, Expectations, load, save, score_key
from retable.benchmarks.gate.junit import write_file, write_junit
from retable.benchmarks.gate.record import Accepted, record
from retable.benchmarks.gate.render import show, summary, to_markdown, to_text
from retable.benchmarks.gate.verdict import Check, GateReport

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "Accepted",
    "Check",
    "Expectation",
    "Expectations",
    "GateReport",
    "LastGreen",
    "accept_results",
    "compare",
    "compare_runs",
    "gate",
    "gate_against",
    "judged",
    "load",
    "record",
    "save",
    "score_key",
    "show",
    "summary",
    "to_markdown",
    "to_text",
    "write_junit",
]


def judged(expected_path: Path, results: Sequence[Mapping[str, Any]]) -> set[str]:
    """Hashes of the cells that have both a result and an expectation."""
    expected = {entry.cell for entry in load(expected_path).score}
    return {str(result["cell"]["hash"]) for result in results if result["cell"]["address"] in expected}


def gate(
    suite: str,
    results: Sequence[Mapping[str, Any]],
    expected_path: Path,
    *,
    accept: bool = False,
    only: str | None = None,
    junit: Path | None = None,
    summary_to: Path | None = None,
    last_green: LastGreen | None = None,
    console: Console,
    verbose: bool = False,
) -> int:
    """Compare results with the expectations, print what came out, and say whether it is good enough.

    Args:
        suite: name of the suite, for messages.
        results: contents of the suite's ``result.json`` files, failed cells included.
        expected_path: the suite's file of expectations.
        accept: first make the results the expectations.
        only: glob over addresses; other cells are neither compared nor, with ``accept``, renewed.
        junit: where to write JUnit XML, if anywhere.
        summary_to: where to write the verdicts as Markdown, if anywhere.
        last_green: address -> score key -> value of the last green run, if there is one; changes no verdict.
        console: where to print; a table on a terminal, plain lines otherwise.
        verbose: print what is ok and what is new, too.

    Returns:
        Exit code: 0 for green, 1 for red.

    Raises:
        UserError: no or a malformed file of expectations, malformed results, or results that cannot be accepted.
    """
    if accept:
        for note in accept_results(suite, results, expected_path, only=only).notes:
            console.print(note, markup=False, highlight=False, soft_wrap=True)
    expectations = load(expected_path)
    if only is not None:
        expectations, results = picked(expectations, results, only)
    report = compare(expectations, results, last_green)
    return _tell(report, junit, summary_to, console, verbose=verbose)


def gate_against(
    suite: str,
    base: Results,
    head: Results,
    expected_path: Path,
    *,
    against: str,
    planned: Collection[str] = (),
    notes: Sequence[str] = (),
    only: str | None = None,
    junit: Path | None = None,
    summary_to: Path | None = None,
    console: Console,
    verbose: bool = False,
) -> int:
    """Compare the head's results with the base's, print what came out, and say whether anything got worse.

    Args:
        suite: name of the suite, for messages.
        base: contents of the base's ``result.json`` files.
        head: those of the run that is judged.
        expected_path: the suite's file of expectations, for its tolerances; there need be none.
        against: what the base is called.
        planned: addresses that the head was asked for.
        notes: what else a reader should know of the two runs.
        only: glob over addresses; other cells are not compared.
        junit: where to write JUnit XML, if anywhere.
        summary_to: where to write the verdicts as Markdown, if anywhere.
        console: where to print; a table on a terminal, plain lines otherwise.
        verbose: print what is ok, what is new and what could not be compared, too.

    Returns:
        Exit code: 0 for green, 1 for red.

    Raises:
        UserError: malformed results or expectations, no cell picked, or nothing that could be decided.
    """
    expectations = load(expected_path) if expected_path.exists() else None
    report = compare_runs(suite, base, head, expectations, against=against, planned=planned, only=only)
    report = replace(report, notes=(*notes, *report.notes))
    return _tell(report, junit, summary_to, console, verbose=verbose)


def _tell(
    report: GateReport, junit: Path | None, summary_to: Path | None, console: Console, *, verbose: bool = False
) -> int:
    if junit is not None:
        write_junit(report, junit)
    if summary_to is not None:
        write_file(summary_to, to_markdown(report))
    show(report, console, verbose=verbose)
    return 0 if report.ok else 1
