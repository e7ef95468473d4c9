"""``retable gate``: are the scores as they should be? This is what CI asks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retable.benchmarks.cli.app import RUNS, Out, app, get_console
from retable.benchmarks.errors import UserError


@app.command(
    "gate",
    epilog="Examples: [bold]retable gate[/]   [bold]retable gate --accept[/]   "
    "[bold]retable gate --accept --only 'cartoon/*'[/]   [bold]retable gate --against 1a2b3c4d --summary gate.md[/]",
)
def gate(
    suite: Annotated[str, typer.Option(help="The suite to check.")] = "smoke",
    accept: Annotated[bool, typer.Option("--accept", help="Make today's scores the expectation.")] = False,
    only: Annotated[
        str | None, typer.Option(help="Glob over addresses: compare, or accept, these cells and leave the others.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Compare with a run in MLflow: a parent run's id or a commit's first digits.")
    ] = None,
    head: Annotated[
        str | None, typer.Option(help="With --against: judge this run of MLflow instead of what is in OUT.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Also write the verdicts as Markdown.")] = None,
    expected: Annotated[Path | None, typer.Option(help="Expectations; the suite's own otherwise.")] = None,
    out: Out = RUNS,
) -> None:
    """Compare a suite's scores with recorded expectations or with another run; exit 1 when any is worse or missing."""
    from retable.benchmarks.gate import gate as check
    from retable.benchmarks.gate.runs import check_against
    from retable.benchmarks.plan.suites import EXPECTED
    from retable.benchmarks.run.results import suite_results

    path, console = expected or EXPECTED / f"{suite}.toml", get_console()
    if against is not None:
        if accept:
            raise UserError("--accept makes expectations of a suite's own scores; it does not go with --against")
        raise typer.Exit(
            check_against(out, suite, against, head, path, only=only, junit=junit, summary_to=summary, console=console)
        )
    if head is not None:
        raise UserError("--head names the run that --against is to judge; give --against as well")
    found = [result.model_dump(mode="json") for result in suite_results(out, suite)]
    code = check(
        suite,
        found,
        path,
        accept=accept,
        only=only,
        junit=junit,
        summary_to=summary,
        console=console,
    )
    raise typer.Exit(code)
