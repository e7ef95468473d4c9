"""Where the two runs of ``retable gate --against`` come from: MLflow, and the folder of all runs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate import gate_against
from retable.benchmarks.run.results import suite_cells, suite_results
from retable.benchmarks.tracking import default_uri
from retable.benchmarks.tracking.download import BaseRun, download_run
from retable.reports.records.files import read_json

if TYPE_CHECKING:
    from rich.console import Console


def check_against(
    root: Path,
    suite: str,
    against: str,
    head: str | None,
    expected_path: Path,
    *,
    only: str | None = None,
    junit: Path | None = None,
    summary_to: Path | None = None,
    console: Console,
) -> int:
    """Hold a run of ``suite`` against another one of MLflow; the exit code is that of the gate.

    Args:
        root: folder of all runs: the head's cells, and MLflow where no other tracking URI is set.
        suite: suite's name.
        against: the base: a parent run's id, or the first digits of a commit.
        head: likewise; ``None`` for the suite's cells in ``root``, failed and unfinished ones included.
        expected_path: where recorded tolerances come from, if it is there.
        only: glob over addresses; other cells are not compared.
        junit: where to write JUnit XML, if anywhere.
        summary_to: where to write the verdicts as Markdown, if anywhere.
        console: where to print.

    Raises:
        UserError: a run that cannot be found or read, or two that cannot be compared.
    """
    results = [one.model_dump(mode="json") for one in suite_results(root, suite)] if head is None else []
    planned = {cell.address for cell in suite_cells(root, suite)} if head is None else set()
    uri = default_uri(root)
    with console.status("reading MLflow"):
        base, base_results = _download(uri, suite, against)
        judged, judged_results = (None, []) if head is None else _download(uri, suite, head)
    notes = [*_notes("base", base, base_results)]
    if judged is not None:
        if judged.run_id == base.run_id:
            raise UserError(f"--against {against} and --head {head} are one run, {base.run_id}")
        results = judged_results
        planned = {one["cell"]["address"] for one in base_results if one["cell"].get("hash") in judged.planned}
        notes += [f"the head is {judged.label}", *_notes("head", judged, judged_results)]
    return gate_against(
        suite,
        base_results,
        results,
        expected_path,
        against=base.label,
        planned=planned,
        notes=notes,
        only=only,
        junit=junit,
        summary_to=summary_to,
        console=console,
    )


def _download(uri: str, suite: str, wanted: str) -> tuple[BaseRun, list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory(prefix="retable-") as folder:
        found = download_run(uri, suite, wanted, Path(folder))
        files = sorted(found.folder.glob("cells/*/result.json"))
        return found, [result for file in files if (result := read_json(file))]


def _notes(side: str, run: BaseRun, results: Sequence[Mapping[str, Any]]) -> list[str]:
    missing = len(run.planned) - len(results)
    return [f"MLflow lacks {missing} of the {side}'s {len(run.planned)} cells"] if missing else []
