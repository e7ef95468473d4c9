"""``retable run``: train, score, track and report what is missing of a suite."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from retable.benchmarks.cli.app import RUNS, NameArgument, Out, PathOption, app, get_console


@app.command(
    "run",
    epilog="Examples: [bold]retable run quick[/]   "
    "[bold]retable run quick --only 'dtn/*' --seeds 0-4[/]   "
    "[bold]retable run smoke --set 'dtn/*:method.alpha=0'[/]",
)
def run(
    suite: Annotated[str, NameArgument(help="A suite's name, or the path of a suite's .toml file.")],
    only: Annotated[
        str | None, typer.Option(help="Glob over addresses, paper/method/task/seed; commas separate several.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="0-4 or 0,2,7; the suite's own otherwise.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Cells at a time; one per CPU core otherwise.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="[METHOD-GLOB:]method.KEY=VALUE, task.KEY=VALUE or run.KEY=VALUE.")
    ] = None,
    data_dir: Annotated[Path | None, PathOption(help="Your data set's folder; means task.source=real.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every cell anew, even those that are done.")] = False,
    resume_stale: Annotated[
        bool,
        typer.Option("--resume-stale", help="Go on with trainings that other sources, torch, Python or CPU began."),
    ] = False,
    track: Annotated[bool, typer.Option("--track/--no-track", help="Send runs to MLflow while they happen.")] = True,
    out: Out = RUNS,
) -> None:
    """Run a suite: whatever is missing of it is trained, scored, tracked and reported."""
    from retable.benchmarks.run.process import compute_beside_cells

    compute_beside_cells()
    from retable.benchmarks.errors import UserError
    from retable.benchmarks.plan.overrides import Override, parse_override
    from retable.benchmarks.plan.plan import make_plan
    from retable.benchmarks.plan.select import parse_seeds
    from retable.benchmarks.plan.suites import load_suite
    from retable.datasets.errors import printable

    overrides = [parse_override(text) for text in set_ or []]
    if data_dir is not None:
        where = f"--data-dir {data_dir}"
        folder = str(data_dir.resolve())
        if folder != printable(folder):
            raise UserError(f"--data-dir {printable(folder)}: not a name in UTF-8; rename it, or give a link to it")
        given = [Override("task", "source", "real", where), Override("task", "data_dir", folder, where)]
        overrides = [*given, *overrides]
    plan = make_plan(load_suite(suite), seeds=parse_seeds(seeds), only=only, overrides=overrides)
    if dry_run:
        from retable.benchmarks.run import suite_run

        suite_run.dry_run(plan, out, get_console())
        return
    from retable.benchmarks.run.suite_run import Options, run_suite

    raise typer.Exit(run_suite(plan, Options(out, jobs, fresh, resume_stale, track), get_console()))
