"""``retable gate``: are the scores as they should be? This is what CI asks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retable.benchmarks.cli.app import RUNS, NameOption, Out, PathOption, app, get_console
from retable.benchmarks.errors import UserError


@app.command(
    "gate",
    epilog="Examples: [bold]retable gate[/]   [bold]retable gate --accept[/]   "
    "[bold]retable gate --accept --only 'cartoon/*'[/]   [bold]retable gate --against 1a2b3c4d --summary gate.md[/]",
)
def gate(
    suite: Annotated[str, NameOption(help="The suite to check.")] = "smoke",
    accept: Annotated[bool, typer.Option("--accept", help="Make today's scores the expectation.")] = False,
    only: Annotated[
        str | None, typer.Option(help="Glob over addresses: compare, or accept, these cells and leave the others.")
    ] = None,
    against: Annotated[
        str | None,
        NameOption(help="A run to compare with: a commit's first digits or a run's id in MLflow, or a folder."),
    ] = None,
    head: Annotated[str | None, NameOption(help="With --against: judge this run instead of what is in OUT.")] = None,
    junit: Annotated[Path | None, PathOption(help="Also write JUnit XML.")] = None,
    summary: Annotated[Path | None, PathOption(help="Also write the verdicts as Markdown.")] = None,
    expected: Annotated[Path | None, PathOption(help="Expectations; the suite's own otherwise.")] = None,
    out: Out = RUNS,
) -> None:
    """Compare a suite's scores with recorded expectations or with another run.

    Exit code 1: a score is worse or missing. 2: the question is open, as cells are stale or saw other images.
    """
    from retable.benchmarks.gate.accept import accept as accept_results
    from retable.benchmarks.gate.compare import compare_runs, compare_with_file
    from retable.benchmarks.gate.expectations import Expectations, load, to_toml
    from retable.benchmarks.gate.render import show, to_junit, to_markdown
    from retable.benchmarks.gate.runs import NAMED, read_run
    from retable.benchmarks.plan.suites import EXPECTED
    from retable.datasets.files import some
    from retable.reports.write import write

    if against is not None and accept:
        raise UserError("--accept makes expectations of a suite's own scores; it does not go with --against")
    if head is not None and against is None:
        raise UserError("--head names the run that --against is to judge; give --against as well")
    console, file = get_console(), expected or EXPECTED / f"{suite}.toml"
    with console.status("reading the runs"):
        base = None if against is None else read_run(out, suite, against)
        judged = read_run(out, suite, head)
    if not file.exists() and not accept and base is None:
        raise UserError(f"{file}: nothing is recorded yet; run the suite with five seeds, then `retable gate --accept`")
    if judged.changed:
        of = f"{len(judged.changed)} of {len(judged.cells)} cells"
        words = f"note: {of} were run with other settings than the suite has now: {some(judged.changed, NAMED)}"
        console.print(words, soft_wrap=True, highlight=False)
    known = load(file) if file.exists() else Expectations.none(suite)
    if accept:
        known, notes = accept_results(known, judged, only)
        write(file, to_toml(known))
        for note in notes:
            console.print(note, highlight=False, soft_wrap=True)
    report = compare_runs(known, base, judged, only) if base else compare_with_file(known, judged, only)
    if junit is not None:
        write(junit, to_junit(report))
    if summary is not None:
        write(summary, to_markdown(report))
    show(report, console)
    raise typer.Exit(report.exit_code)
