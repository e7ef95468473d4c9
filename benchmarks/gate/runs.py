"""Where the two runs of ``retable gate --against`` come from: MLflow, and the folder of all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate import gate_against
from retable.benchmarks.run.results import suite_cells, suite_results
from retable.benchmarks.tracking import default_uri
from retable.benchmarks.tracking.results import Recorded, recorded

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
        base = recorded(uri, suite, against)
        judged = None if head is None else recorded(uri, suite, head)
    notes = [*_notes("base", base)]
    if judged is not None:
        if judged.run_id == base.run_id:
            raise UserError(f"--against {against} and --head {head} are one run, {base.run_id}")
        results = judged.results
        planned = {one["cell"]["address"] for one in base.results if one["cell"].get("hash") in judged.planned}
        notes += [f"the head is {judged.label}", *_notes("head", judged)]
    return gate_against(
        suite,
        _readable(base),
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


def _notes(side: str, run: Recorded) -> list[str]:
    missing = len(run.planned) - len(run.results)
    return [f"MLflow lacks {missing} of the {side}'s {len(run.planned)} cells"] if missing else []


def _readable(base: Recorded) -> Sequence[Mapping[str, Any]]:
    """The base's results.

    Raises:
        UserError: a cell ended ok and its scores are gone, so that nobody could say whether they got worse.
    """
    lost = [result for result in base.results if result["status"] == "lost"]
    if lost:
        first = lost[0]
        raise UserError(
            f"the base lacks the results of {len(lost)} cells, e.g. {first['cell']['address']}: {first['reason']}; "
            "keep MLflow's folder of artifacts beside its database, or choose another run"
        )
    return base.results
