"""One ``retable run``, from top to bottom: check, prepare the data, run what is missing, track, report.

The plan's cells are scheduled (:mod:`.scheduler`), each runs in a process of its own (:mod:`.process`), whose way is
``benchmarks/cell.py``, and leaves a journal and a result. From these MLflow is fed and the report is made.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.features import check_available
from retable.benchmarks.plan.plan import Plan, with_data
from retable.benchmarks.run.build import build_task, file_digests
from retable.benchmarks.run.earlier import put_right
from retable.benchmarks.run.live import LiveView, show_plan, show_summary
from retable.benchmarks.run.report import report_run
from retable.benchmarks.run.results import index_cells
from retable.benchmarks.run.scheduler import CellState, Scheduler, at_work
from retable.benchmarks.tracking import default_uri
from retable.benchmarks.tracking.tracker import Tracker
from retable.datasets.errors import DataError
from retable.datasets.files import some
from retable.reports.records.cell import Cell
from retable.reports.text import plural


@dataclass(frozen=True)
class Options:
    """What the command line said."""

    root: Path
    jobs: int | None = None
    fresh: bool = False
    resume_stale: bool = False
    """Go on with trainings that other sources, another torch, Python or CPU began, instead of starting them again."""
    track: bool = True


def run_suite(plan: Plan, options: Options, console: Console) -> int:
    """Run the plan and render its report. Returns the exit code: 0, 1 (some cell is not ok) or 130 (interrupted)."""
    root, suite = options.root, plan.suite.name

    def say(words: str) -> None:
        console.print(words, style="yellow", soft_wrap=True)

    check_writable(root)
    # An extractor without weights stops a run before it trains for an hour, not after.
    for extractor in plan.cells[0].run.extractors:
        check_available(extractor)
    plan = prepare_data(plan, root, console)
    changed, lost = index_cells(root, suite, plan.cells)
    if lost:
        say(lost)
    if changed:
        say(f"{plural(len(changed), 'cell')} saw other data before, which changed since: run anew ({some(changed)})")

    with at_work(root, alone=options.fresh, say=say):
        return _run(plan, options, console, say)


def dry_run(plan: Plan, root: Path, console: Console) -> None:
    """Show the plan, bound to the user's own data as a run would bind it; nothing is drawn, trained or recorded.

    Raises:
        UserError: what a run would refuse of these data.
    """
    if any(cell.task_settings.get("data_dir") for cell in plan.cells):
        for extractor in plan.cells[0].run.extractors:
            check_available(extractor)
        plan = prepare_data(plan, root, console, drawn=False)
    else:
        with suppress(UserError):  # weights that are not there yet
            plan = with_data(plan, file_digests)
    show_plan(plan, root, console)


def _run(plan: Plan, options: Options, console: Console, say: Callable[[str], None]) -> int:
    root, suite = options.root, plan.suite.name
    if not options.fresh:
        for words in put_right(plan.cells, root, resume_stale=options.resume_stale):
            say(words)
    scheduler = Scheduler(plan.cells, root, options.jobs or default_jobs(plan), fresh=options.fresh)
    tracker = Tracker(default_uri(root) if options.track else None, suite, root, plan.cells)
    view = LiveView(suite, scheduler.states, console, lambda: tracker.state)

    def watch(state: CellState) -> None:
        tracker.watch(state.directory)
        view.watch(state)

    began = time.monotonic()
    with view:
        all_ok = scheduler.run(watch)
    show_summary(scheduler.states, time.monotonic() - began, console)

    report_dir, summary = render_report(root, suite, console)
    status = "interrupted" if scheduler.interrupted else "ok" if all_ok else "failed"
    tracker.finish(status, report_dir=report_dir, summary_markdown=summary)
    console.print(f"MLflow: {tracker.state}", soft_wrap=True)
    return 130 if scheduler.interrupted else 0 if all_ok else 1


def check_writable(root: Path) -> None:
    """The folder of all runs has to be writable."""
    probe = root / f".probe-{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"output folder {root} is not writable ({error.strerror}); choose another with --out"
        ) from error


def prepare_data(plan: Plan, root: Path, console: Console, *, drawn: bool = True) -> Plan:
    """Fetch, render and verify every data set of the plan before the first cell starts.

    Args:
        plan: whose cells want them.
        root: the folder of all runs.
        console: told what is prepared.
        drawn: also data that are not the user's own.

    Returns:
        The plan, whose cells now hold the digests of the user's own data and weights.

    Raises:
        UserError: what is wrong with one of them, and which cells want it.
    """
    # A missing file of weights is told before anything is drawn; a dry run shows the plan without it.
    weights: dict[str, dict[str, str]] = {}
    for cell in plan.cells:
        with suppress(*(() if drawn else (UserError,))):
            weights[cell.hash] = file_digests(cell)
    wanted: dict[tuple[object, ...], list[Cell]] = {}
    for cell in plan.cells:
        wanted.setdefault(_data_of(cell), []).append(cell)
    told: set[str] = set()
    digests: dict[tuple[object, ...], dict[str, str]] = {}
    for data, (first, *others) in wanted.items():
        if not drawn and not first.task_settings.get("data_dir"):
            digests[data] = {}
            continue
        words = f"preparing data of {first.task_label} ({first.task_settings['source']})"
        if not console.is_terminal and words not in told:
            # A log shows no spinner, and the first run draws for minutes.
            console.print(words)
            told.add(words)
        with console.status(Text(words)):
            try:
                task = build_task(first, root)
                task.prepare()
                digests[data] = task.digests() if _is_real(first) else {}
            except DataError as error:
                more = f" and {len(others)} more" if others else ""
                raise UserError(f"{error} (wanted by {first.address}{more}; --only can leave them out)") from error
    return with_data(plan, lambda cell: {**digests[_data_of(cell)], **weights.get(cell.hash, {})})


def _is_real(cell: Cell) -> bool:
    return cell.task_settings["source"] == "real"


def _data_of(cell: Cell) -> tuple[object, ...]:
    """What decides a cell's data. Of the user's own, the seed may choose some."""
    return cell.task, str(sorted(cell.task_settings.items())), cell.seed if _is_real(cell) else None


def default_jobs(plan: Plan) -> int:
    """One cell per core; on a GPU one at a time, since timings of cells that share a device mean nothing."""
    run = plan.cells[0].run
    return 1 if run.accelerator == "cuda" else max(1, (os.cpu_count() or 1) // run.threads)


def render_report(root: Path, suite: str, console: Console) -> tuple[Path | None, str]:
    """Render the report of all that the suite has so far; an error there must not cost the runs.

    Returns:
        Its folder, and a summary in Markdown; ``(None, "")`` where it could not be rendered.
    """
    out = root / "report" / suite
    try:
        from retable.reports.write import refuse_link_out

        refuse_link_out(out, root)
        with console.status("rendering the report"):
            path, summary = report_run(root, suite, out)
    except Exception as error:
        words = f"the report could not be rendered: {error}; try `retable report`"
        console.print(words, style="yellow", soft_wrap=True)
        return None, ""
    console.print(f"report: {path}", soft_wrap=True)
    return out, summary
