"""``retable gate``: are the scores as they should be? This is what CI asks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retable.benchmarks.cli.app import RUNS, Out, app, get_console


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
        str | None,
        typer.Option(help="A run to compare with: a commit's first digits or a run's id in MLflow, or a folder."),
    ] = None,
    head: Annotated[str | None, typer.Option(help="With --against: judge this run instead of what is in OUT.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Also write the verdicts as Markdown.")] = None,
    expected: Annotated[Path | None, typer.Option(help="Expectations; the suite's own otherwise.")] = None,
    out: Out = RUNS,
) -> None:
    """Compare a suite's scores with recorded expectations or with another run; exit 1 when any is worse or missing."""
    from retable.benchmarks.gate.command import gate as check
    from retable.benchmarks.plan.suites import EXPECTED

    code = check(
        out,
        suite,
        expected or EXPECTED / f"{suite}.toml",
        accept=accept,
        only=only,
        against=against,
        head=head,
        junit=junit,
        summary_to=summary,
        console=get_console(),
    )
    raise typer.Exit(code)
