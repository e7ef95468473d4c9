"""One ``retable run``: check, prepare the data, run what is missing, track, report."""

from __future__ import annotations

import os
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from retable.benchmarks.environment import made_elsewhere
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run import index
from retable.benchmarks.run.live import STYLES, LiveView
from retable.benchmarks.run.old_journal import finished
from retable.benchmarks.run.scheduler import CellState, Executor
from retable.reports.records.cell import Cell
from retable.reports.text import plural

if TYPE_CHECKING:
    from retable.benchmarks.tracking.tracker import Tracker


@dataclass(frozen=True)
class Options:
    """What the command line said."""

    root: Path
    jobs: int | None = None
    fresh: bool = False
    track: bool = True


def show_plan(plan: Plan, root: Path, console: Console) -> None:
    """The cells in order, with what each starts from, how many others need it, and whether it is done."""
    table = Table(title=f"suite {plan.suite.name}, profile {plan.suite.profile}", box=None)
    for column in ("cell", "starts from", "needed by", "steps", "state"):
        numeric = column in ("needed by", "steps")
        table.add_column(column, justify="right" if numeric else "left", no_wrap=column == "cell", overflow="fold")
    sharers = Counter(needed.hash for cell in plan.cells for needed in cell.needed)
    for cell in plan.cells:
        before = finished(cell.directory(root))
        state = before["status"] if before else "missing"
        needed = ", ".join(f"{role}: {other.address}" for role, other in cell.starts_from.items())
        style = STYLES.get(state, "dim")
        steps, shared = str(cell.method_settings["steps"]), str(sharers[cell.hash] or "")
        table.add_row(cell.address, needed, shared, steps, f"[{style}]{state}[/]")
    console.print(table)
    missing = sum((finished(cell.directory(root)) or {}).get("status") != "ok" for cell in plan.cells)
    rows, cells = plural(len(plan.rows), "row"), plural(len(plan.cells), "cell")
    console.print(f"{rows}, {cells} with shared stages, {missing} to run")


def invoke(plan: Plan, options: Options, console: Console) -> int:
    """Run the plan and render its report. Returns the exit code: 0, 1 (some cell is not ok) or 130 (interrupted)."""
    root = options.root
    _check_writable(root)
    _check_extractors(plan)
    _check_files(plan, root, fresh=options.fresh)
    prepare_data(plan, root, console)
    index.update(root, plan.suite.name, plan.cells)
    executor = Executor(plan.cells, root, options.jobs or _default_jobs(plan), fresh=options.fresh)
    tracker = _start_tracker(plan, options)
    began = time.monotonic()
    if words := _other_sources(executor.states):
        console.print(f"[yellow]{words}[/]", soft_wrap=True)
    view = LiveView(plan.suite.name, executor.states, console, lambda: f"{tracker.state} {tracker.message}")

    def watch(state: CellState) -> None:
        tracker.watch(state.directory)
        view.watch(state)

    with view:
        all_ok = executor.run(watch, lambda: None)
    console.print(_summary(executor.states, time.monotonic() - began))
    report = _report(plan, root, console)
    status = "interrupted" if executor.interrupted else "ok" if all_ok else "failed"
    tracker.finish(status, report_dir=report[0], summary_markdown=report[1])
    console.print(f"MLflow: {tracker.state} {escape(tracker.message)}", soft_wrap=True)
    return 130 if executor.interrupted else 0 if all_ok else 1


def prepare_data(plan: Plan, root: Path, console: Console) -> None:
    """Fetch, render and verify every data set of the plan before the first cell starts.

    Raises:
        UserError: what is wrong with one of them, and which cells want it.
    """
    from retable.benchmarks.run.build import build_task
    from retable.datasets.errors import DataError

    wanted: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        wanted.setdefault(f"{cell.task}{sorted(cell.task_settings.items())}", []).append(cell)
    told: set[str] = set()
    for first, *others in wanted.values():
        words = f"preparing data of {first.task_label} ({first.task_settings['source']})"
        if not console.is_terminal and words not in told:
            # A log shows no spinner, and the first run draws for minutes.
            console.print(words)
            told.add(words)
        with console.status(words):
            try:
                build_task(first, root).prepare()
            except DataError as error:
                more = f" and {len(others)} more" if others else ""
                raise UserError(f"{error} (wanted by {first.address}{more}; --only can leave them out)") from error


def render_report(root: Path, suite: str, out: Path) -> tuple[Path, str, str]:
    """Render the report of everything the suite has so far.

    Returns:
        ``(path of index.html, Markdown summary, RESULTS.md page)``.
    """
    from retable.benchmarks.run.results import indexed_runs
    from retable.reports.render.results_page import results_page
    from retable.reports.render.summary import markdown_summary
    from retable.reports.write import write_report

    runs = indexed_runs(root, suite)
    files = write_report(runs, out)
    return files.index, markdown_summary(runs), results_page(runs)


WHOSE_DATA = ("task.source", "task.data_dir")


def other_settings(suite: str, cells: Sequence[Cell]) -> list[str]:
    """One line for each cell that was not run as the suite is written: ``--set`` stays in force until the next run.

    Whose data a cell saw stands under every table; it is worth a line only where a task's cells saw different ones.
    """
    from retable.benchmarks.plan.plan import make_plan
    from retable.benchmarks.plan.suites import load_suite

    try:
        plan = make_plan(load_suite(suite), seeds=sorted({cell.seed for cell in cells}))
    except UserError:
        return []  # a suite from a file of the user's, which the index does not know
    written = {cell.address: cell for cell in plan.cells}
    lines = []
    for cell in cells:
        if cell.address in written:
            ours, theirs = _flat(cell), _flat(written[cell.address])
            changed = [key for key in theirs if key not in WHOSE_DATA and ours.get(key) != theirs[key]]
            changes = [f"{key} = {ours.get(key)} instead of {theirs[key]}" for key in changed]
            if changes:
                lines.append(f"{cell.address} was run with {', '.join(changes)}: not comparable with the other rows")
    data: dict[str, dict[str, int]] = {}
    for cell in cells:
        seen = " ".join(str(cell.task_settings[key]) for key in ("source", "data_dir") if cell.task_settings.get(key))
        counted = data.setdefault(cell.task, {})
        counted[seen] = counted.get(seen, 0) + 1
    for task, counted in data.items():
        if len(counted) > 1:
            each = ", ".join(f"{number} on {seen}" for seen, number in counted.items())
            lines.append(f"cells of the task {task} saw different data ({each}): not comparable with each other")
    return lines


def _flat(cell: Cell) -> dict[str, object]:
    flat: dict[str, object] = {f"method.{key}": value for key, value in cell.method_settings.items()}
    return flat | {f"task.{key}": value for key, value in cell.task_settings.items()}


def _report(plan: Plan, root: Path, console: Console) -> tuple[Path | None, str]:
    """The report must never cost the runs that it reports on."""
    out = root / "report" / plan.suite.name
    try:
        with console.status("rendering the report"):
            path, summary, _ = render_report(root, plan.suite.name, out)
    except Exception as error:
        console.print(f"[yellow]the report could not be rendered:[/] {escape(str(error))}; try `retable report`")
        return None, ""
    console.print(f"report: {path}", soft_wrap=True)
    return out, summary


def _start_tracker(plan: Plan, options: Options) -> Tracker:
    from retable.benchmarks.tracking.tracker import Tracker, default_uri

    uri = default_uri(options.root) if options.track else None
    tracker = Tracker(uri, plan.suite.name, uuid.uuid4().hex, options.root)
    tracker.start([cell.to_json() for cell in plan.cells])
    return tracker


def _default_jobs(plan: Plan) -> int:
    """One cell a core; on a GPU one at a time, since timings of cells that share a device mean nothing."""
    run = plan.cells[0].run
    return 1 if run.accelerator == "cuda" else max(1, (os.cpu_count() or 1) // run.threads)


def _check_writable(root: Path) -> None:
    probe = root / f".probe-{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"output folder {root} is not writable ({error.strerror}); choose another with --out"
        ) from error


def _check_extractors(plan: Plan) -> None:
    """Missing weights must stop a run before it trains for an hour, not after."""
    from retable.benchmarks.metrics.features import available

    for name in plan.cells[0].run.extractors:
        reason = available(name)
        if reason is not None:
            raise UserError(reason)


def _check_files(plan: Plan, root: Path, *, fresh: bool) -> None:
    """A missing file of weights stops a run before its judges train for hours; what is done needs none any more."""
    from retable.benchmarks.run.build import weights_files

    for cell in plan.cells:
        if fresh or (finished(cell.directory(root)) or {}).get("status") != "ok":
            weights_files(cell)


def _other_sources(states: Sequence[CellState]) -> str:
    """One line where finished cells are reused that other code has made; empty where there are none."""
    before = [finished(state.directory) for state in states if state.reused]
    count = sum(made_elsewhere(result) for result in before if result is not None)
    if not count:
        return ""
    cells, them = ("1 cell was", "it") if count == 1 else (f"{count} cells were", "them")
    return f"{cells} made by other sources of Retable; --fresh runs {them} anew"


def _summary(states: Sequence[CellState], wall_s: float) -> str:
    counts: dict[str, int] = {}
    for state in states:
        counts[str(state.status)] = counts.get(str(state.status), 0) + 1
    words = ", ".join(f"[{STYLES[word]}]{n} {word}[/]" for word, n in counts.items())
    reused = sum(state.reused for state in states)
    line = (
        f"{plural(len(states), 'cell')}: {words}{f' ({reused} from earlier runs)' if reused else ''} in {wall_s:.0f} s"
    )
    bad = [state for state in states if state.status != "ok"]
    return "\n".join(
        [line, *(f"  [{STYLES[str(s.status)]}]{s.status}[/] {s.cell.address}: {escape(s.reason)}" for s in bad)]
    )
