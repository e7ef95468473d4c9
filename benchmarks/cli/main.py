"""The ``retable`` command. Each subcommand is a thin layer over one function of the harness."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from retable.benchmarks.cli.seeds import parse_recorded, parse_seeds
from retable.benchmarks.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Re-make the tables of four papers: train, score, track, compare, gate.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console(emoji=False)  # a slice such as request:train: is no picture

Out = Annotated[
    Path, typer.Option("--out", envvar="RETABLE_RUNS", help="Folder of all runs: cells, cache, MLflow, reports.")
]
RUNS = Path("runs")
RECORDED_SEEDS = "Of recordings: 0-2 or 0,2,7, the suites' otherwise; GLOB:0-2 where some cells have fewer."


@app.command("list", epilog="Example: [bold]retable list methods[/]")
def list_(what: Annotated[str, typer.Argument(help="methods, tasks, suites or tables")] = "suites") -> None:
    """Show what there is: methods, tasks, suites or tables."""
    from retable.benchmarks.cli.listing import listing

    console.print(listing(what))


@app.command(
    epilog="Examples: [bold]retable run quick[/]   "
    "[bold]retable run quick --only 'dtn/*' --seeds 0-4[/]   "
    "[bold]retable run smoke --set 'dtn/*:method.alpha=0'[/]"
)
def run(
    suite: Annotated[str, typer.Argument(help="A suite's name, or the path of a suite's .toml file.")],
    only: Annotated[
        str | None, typer.Option(help="Glob over addresses, paper/method/task/seed; commas separate several.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="0-4 or 0,2,7; the suite's own otherwise.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Cells at a time; one per CPU core otherwise.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="[METHOD-GLOB:]method.KEY=VALUE, task.KEY=VALUE or run.KEY=VALUE.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Your data set's folder; means task.source=real.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every cell anew, even those that are done.")] = False,
    track: Annotated[bool, typer.Option("--track/--no-track", help="Send runs to MLflow while they happen.")] = True,
    out: Out = RUNS,
) -> None:
    """Run a suite: whatever is missing of it is trained, scored, tracked and reported."""
    from retable.benchmarks.plan.overrides import Override, parse_override
    from retable.benchmarks.plan.plan import make_plan
    from retable.benchmarks.plan.suites import load_suite
    from retable.benchmarks.run.suite_run import Options, invoke, show_plan

    overrides = [parse_override(text) for text in set_ or []]
    if data_dir is not None:
        where = f"--data-dir {data_dir}"
        folder = str(data_dir.expanduser().resolve())
        given = [Override("task", "source", "real", where), Override("task", "data_dir", folder, where)]
        overrides = [*given, *overrides]
    plan = make_plan(load_suite(suite), seeds=parse_seeds(seeds), only=only, overrides=overrides)
    if dry_run:
        show_plan(plan, out, console)
        return
    raise typer.Exit(invoke(plan, Options(out, jobs, fresh, track), console))


@app.command(
    epilog="Examples: [bold]retable report --suite quick --to site/[/]   "
    "[bold]retable report --suite quick --suite mixdl --runs A --runs B --seeds 0-4 --seeds 'mixdl/*:0-2' "
    "--record recorded.jsonl.gz[/]   [bold]retable report --runs recorded.jsonl.gz --results RESULTS.md --to site/[/]"
)
def report(
    suite: Annotated[list[str] | None, typer.Option(help="The suite to report on (quick); several are joined.")] = None,
    to: Annotated[Path | None, typer.Option(help="Folder of the report; OUT/report/SUITE otherwise.")] = None,
    results: Annotated[Path | None, typer.Option(help="Also write claims and main tables as a Markdown page.")] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            help="A recorded folder of runs, or a file made with --record; several are joined. Cells count as the "
            "suites plan them; files without --suite are shown as they are."
        ),
    ] = None,
    seeds: Annotated[list[str] | None, typer.Option(help=RECORDED_SEEDS)] = None,
    record: Annotated[
        Path | None, typer.Option(help="Also write the results as one small file (.jsonl.gz), to be committed.")
    ] = None,
    compact: Annotated[bool, typer.Option("--compact", help="A small page alone, below 4.5 MB.")] = False,
    budget: Annotated[Path | None, typer.Option(help="Also write where the time went as a Markdown page.")] = None,
    out: Out = RUNS,
) -> None:
    """Render tables, figures and index.html from the runs there are, or from exactly the recorded ones."""
    from retable.benchmarks.run.results import Wanted, make_report
    from retable.reports.records.recording import ENDING, is_recording

    if record is not None and not is_recording(record):
        raise UserError(f"--record {record}: the name of a recording ends in {ENDING}")
    files = runs is not None and all(map(is_recording, runs))
    names = tuple(suite or ([] if files else ["quick"]))
    wanted = Wanted(names, tuple(runs or ()), *parse_recorded(seeds or ()), compact, results, budget, record)
    folder = "-".join(Path(name).stem for name in names) or "recorded"
    with console.status("rendering the report"):
        path, notes = make_report(wanted, out, to or out / "report" / folder)
    for note in notes:
        console.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)
    for what, file in (("results", results), ("budget", budget), ("recording", record)):
        if file is not None:
            console.print(f"{what}: {file}", soft_wrap=True)
    console.print(f"report: {path}", soft_wrap=True)


@app.command(
    epilog="Examples: [bold]retable gate[/]   [bold]retable gate --accept[/]   "
    "[bold]retable gate --accept --only 'cartoon/*'[/]   [bold]retable gate --against 1a2b3c4d --summary gate.md[/]"
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
    times: Annotated[
        bool, typer.Option("--times", help="With --against COMMIT and --only: train both in turns, compare step times.")
    ] = False,
    rounds: Annotated[int, typer.Option(help="With --times: how often each side is run.")] = 6,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Also write the verdicts as Markdown.")] = None,
    expected: Annotated[Path | None, typer.Option(help="Expectations; the suite's own otherwise.")] = None,
    out: Out = RUNS,
) -> None:
    """Compare a suite's scores with recorded expectations or with another run; exit 1 when any is worse or missing."""
    from retable.benchmarks.gate import gate as check
    from retable.benchmarks.gate import judged
    from retable.benchmarks.plan.suites import EXPECTED
    from retable.benchmarks.run import index
    from retable.benchmarks.tracking import default_uri, last_green_parent, mark_gate

    path = expected or EXPECTED / f"{suite}.toml"
    if against is not None:
        from retable.benchmarks.gate.runs import check_against
        from retable.benchmarks.gate.times import check_times

        if accept:
            raise UserError("--accept makes expectations of a suite's own scores; it does not go with --against")
        if times:
            raise typer.Exit(
                check_times(out, suite, against, only, rounds=rounds, junit=junit, summary_to=summary, console=console)
            )
        raise typer.Exit(
            check_against(out, suite, against, head, path, only=only, junit=junit, summary_to=summary, console=console)
        )
    if times:
        raise UserError("--times compares with a commit: give --against COMMIT as well")
    if head is not None:
        raise UserError("--head names the run that --against is to judge; give --against as well")
    found = index.results(out, suite)
    # What is being judged must not be its own yardstick.
    last_green = last_green_parent(default_uri(out), suite, exclude=index.invocations(out, suite))
    code = check(
        suite,
        found,
        path,
        accept=accept,
        only=only,
        junit=junit,
        summary_to=summary,
        last_green=last_green,
        console=console,
    )
    if only is None:
        mark_gate(default_uri(out), suite, judged(path, found), "red" if code else "green")
    raise typer.Exit(code)


@app.command(epilog="Example: [bold]retable sync runs/cells/*[/]")
def sync(
    dirs: Annotated[list[Path] | None, typer.Argument(help="Cell folders; all of OUT otherwise.")] = None,
    out: Out = RUNS,
) -> None:
    """Bring MLflow up to date with what the cells' journals say. Syncing twice adds nothing."""
    from retable.benchmarks.tracking import default_uri
    from retable.benchmarks.tracking.sync import sync as replay_all

    folders = dirs or sorted(path for path in (out / "cells").glob("*") if path.is_dir())
    if not folders:
        raise UserError(f"nothing to sync: {out / 'cells'} holds no cells")
    with console.status(f"syncing {len(folders)} cells"):
        done = replay_all(folders, default_uri(out))
    console.print(str(done), soft_wrap=True)


@app.command(epilog="Examples: [bold]retable data list[/]   [bold]retable data check ~/svhn[/]")
def data(
    action: Annotated[str, typer.Argument(help="list, fetch or check")] = "list",
    what: Annotated[str | None, typer.Argument(help="A data set's name (fetch), a file or folder (check).")] = None,
    out: Out = RUNS,
) -> None:
    """List data sets, fetch what can be fetched, or check a folder of your own."""
    from retable.benchmarks.cli.data import data_command

    raise typer.Exit(data_command(action, what, out, console))


@app.command(epilog="Example: [bold]retable ui --port 5000[/]")
def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000, out: Out = RUNS) -> None:
    """Open the MLflow UI over these runs, on this machine only."""
    from retable.benchmarks.tracking import default_uri
    from retable.benchmarks.tracking.ui import ui as serve

    serve(default_uri(out), port=port)


@app.command(
    epilog="Examples: [bold]retable translate --from dtn/dtn/digits/s0 --out digits/ photos/*.png[/]   "
    "[bold]retable translate --from cartoon/transfer/cartoon-groups/s0 --group kids --out kids/ me.jpg[/]   "
    "[bold]retable translate --from stargan/stargan/attributes-faces/s0 --to hair=blond,gender=male me.jpg[/]"
)
def translate(
    images: Annotated[list[Path], typer.Argument(help="PNG, JPEG or WebP files; of each its centre square is taken.")],
    from_: Annotated[str, typer.Option("--from", help="A trained cell: its address or its folder.")],
    out: Annotated[Path, typer.Option(help="Folder for the translated images.")] = Path("translated"),
    to: Annotated[
        list[str] | None,
        typer.Option(help="What to translate into, in the task's words: KEY=VALUE,... (hair=blond,gender=male)."),
    ] = None,
    group: Annotated[str | None, typer.Option(help="Short for --to group=NAME.")] = None,
    suite: Annotated[str, typer.Option(help="The suite that an address belongs to.")] = "quick",
    runs: Annotated[Path, typer.Option(envvar="RETABLE_RUNS", help="Folder of all runs.")] = RUNS,
) -> None:
    """Translate images of your own with a trained row.

    The centre square of every image is brought to the size that the row was trained at: crop to the face before.
    """
    from retable.benchmarks.cli.translate import parse_wanted
    from retable.benchmarks.cli.translate import translate as apply

    wanted = parse_wanted([*(to or []), *([f"group={group}"] if group is not None else [])])
    written = apply(from_, images, out, runs, suite, wanted)
    console.print(f"{len(written)} image{'s' * (len(written) != 1)} in {out}", soft_wrap=True)


@app.command(
    epilog="Examples: [bold]retable sample --from mixdl/mixdl/ten-shot/s0 --n 64 --out samples/[/]   "
    "[bold]retable sample --from mixdl/mixdl/ten-shot/s0 --seed 1 --strips 4 --points 12 --out more/[/]"
)
def sample(
    from_: Annotated[str, typer.Option("--from", help="A trained cell that samples: its address or its folder.")],
    n: Annotated[int, typer.Option("--n", help="How many images.")] = 64,
    seed: Annotated[int, typer.Option(help="Another seed, other images.")] = 0,
    strips: Annotated[int, typer.Option(help="How many interpolations, a row of strips.png each.")] = 0,
    points: Annotated[int, typer.Option(help="Images of an interpolation, both ends included.")] = 12,
    out: Annotated[Path, typer.Option(help="Folder for 000.png ..., samples.png and strips.png.")] = Path("sampled"),
    suite: Annotated[str, typer.Option(help="The suite that an address belongs to.")] = "quick",
    runs: Annotated[Path, typer.Option(envvar="RETABLE_RUNS", help="Folder of all runs.")] = RUNS,
) -> None:
    """Make new images with a trained row, and interpolations between them."""
    from retable.benchmarks.cli.sample import sample as draw

    draw(from_, out, runs, suite, count=n, seed=seed, strips=strips, points=points)
    rows = f" and {strips} interpolation{'s' * (strips != 1)}" if strips else ""
    console.print(f"{n} image{'s' * (n != 1)}{rows} in {out}", soft_wrap=True)


def main() -> None:
    """Entry point: bad input gets one line on standard error and exit code 2, never a traceback."""
    # MLflow and its friends advertise and phone home unless told not to.
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(name, "true")
    try:
        app()
    except Exception as error:
        if isinstance(error, OSError) and error.filename:
            error = UserError(f"{error.filename}: {error.strerror}")
        if not _is_for_the_user(error):
            raise
        Console(stderr=True, emoji=False).print(
            f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True, highlight=False
        )
        sys.exit(2)


def _is_for_the_user(error: Exception) -> bool:
    if isinstance(error, UserError):
        return True
    from retable.datasets.errors import DataError
    from retable.reports.errors import ReportError

    return isinstance(error, (DataError, ReportError))


if __name__ == "__main__":
    main()
