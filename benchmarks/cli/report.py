"""``retable report``: tables, figures and pages from results in folders or recordings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from retable.benchmarks.cli.app import RUNS, NameOption, Out, PathOption, app, get_console
from retable.benchmarks.errors import UserError

SEEDS = "Of recordings: 0-2 or 0,2,7, the suites' otherwise; GLOB:0-2 where some cells have fewer."


@app.command(
    "report",
    epilog="Examples: [bold]retable report --suite quick --to site/[/]   "
    "[bold]retable report --suite quick --suite mixdl --runs A --runs B --seeds 0-4 --seeds 'mixdl/*:0-2' "
    "--record recorded.jsonl.gz[/]   [bold]retable report --runs recorded.jsonl.gz --results RESULTS.md --to site/[/]",
)
def report(
    suite: Annotated[list[str] | None, NameOption(help="The suite to report on (quick); several are joined.")] = None,
    to: Annotated[Path | None, PathOption(help="Folder of the report; OUT/report/SUITE otherwise.")] = None,
    results: Annotated[Path | None, PathOption(help="Also write claims and main tables as a Markdown page.")] = None,
    runs: Annotated[
        list[Path] | None,
        PathOption(
            help="A recorded folder of runs, or a file made with --record; several are joined. Cells count as the "
            "suites plan them; files without --suite are shown as they are."
        ),
    ] = None,
    seeds: Annotated[list[str] | None, typer.Option(help=SEEDS)] = None,
    record: Annotated[
        Path | None, PathOption(help="Also write the results as one small file (.jsonl.gz), to be committed.")
    ] = None,
    compact: Annotated[bool, typer.Option("--compact", help="A small page alone, with lossy pictures.")] = False,
    budget: Annotated[Path | None, PathOption(help="Also write where the time went as a Markdown page.")] = None,
    out: Out = RUNS,
) -> None:
    """Render tables, figures and index.html from the runs there are, or from exactly the recorded ones."""
    from retable.benchmarks.plan.select import parse_recorded
    from retable.benchmarks.run.report import wanted_runs
    from retable.reports.records.recording import ENDING, is_recording, recording
    from retable.reports.render.budget_page import budget_page
    from retable.reports.render.results_page import pictures_beside, results_page
    from retable.reports.write import refuse_link_out, write, write_report, write_small_report

    if record is not None and not is_recording(record):
        raise UserError(f"--record {record}: the name of a recording ends in {ENDING}")
    console = get_console()
    files = runs is not None and all(map(is_recording, runs))
    names = suite or ([] if files else ["quick"])
    folder = to or out / "report" / ("-".join(Path(name).stem for name in names) or "recorded")
    if to is None:
        refuse_link_out(folder, out)
    with console.status("rendering the report"):
        found, notes = wanted_runs(out, names, runs or (), *parse_recorded(seeds or ()))
        if record is not None:
            ended = [cell.result for cell in (*found.records, *found.on_gpu) if cell.result is not None]
            write(record, recording(ended))
        began = time.monotonic()
        page = write_small_report(found, folder) if compact else write_report(found, folder)
        took = time.monotonic() - began
        if results is not None:
            write(results, results_page(found, pictures_beside(results)))
        if budget is not None:
            write(budget, budget_page(found, took))
    for note in notes:
        console.print(note, style="yellow", soft_wrap=True)
    for what, file in (("results", results), ("budget", budget), ("recording", record), ("report", page)):
        if file is not None:
            console.print(f"{what}: {file}", soft_wrap=True)
