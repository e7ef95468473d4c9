"""What a run shows on the terminal: the plan before it, a tree of cells while it runs, the counts after it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run.estimate import Estimates, recorded_results
from retable.benchmarks.run.scheduler import CellState
from retable.reports.records.files import read_json
from retable.reports.records.journal import finished
from retable.reports.text import duration, plural

STYLES = {
    "ok": "green",
    "failed": "bold red",
    "oom": "bold red",
    "timeout": "bold red",
    "nonfinite": "bold red",
    "skipped": "yellow",
    "running": "cyan",
    "waiting": "dim",
}


def show_plan(plan: Plan, root: Path, console: Console) -> None:
    """The cells in order: what each starts from, how many others need it, how long it will take, whether it is done."""
    table = Table(title=f"suite {plan.suite.name}, profile {plan.suite.profile}", box=None)
    for column in ("cell", "starts from", "needed by", "steps", "about", "state"):
        numeric = column in ("needed by", "steps", "about")
        table.add_column(column, justify="right" if numeric else "left", no_wrap=column == "cell", overflow="fold")
    lines = [Text(str(table.title), style="table.title")]
    sharers = Counter(needed.hash for cell in plan.cells for needed in cell.needed)
    estimates = Estimates(recorded_results(root))
    missing: list[float | None] = []
    for cell in plan.cells:
        before = finished(cell.directory(root))
        state = before.status if before and before.cell.hash == cell.hash else "missing"
        seconds = estimates.seconds(cell)
        if state != "ok":
            missing.append(seconds)
        word = Text(state, style=STYLES.get(state, "dim"))
        needed = ", ".join(f"{role}: {other.address}" for role, other in cell.starts_from.items())
        steps, shared = str(cell.method_settings["steps"]), str(sharers[cell.hash] or "")
        about = duration(seconds)
        table.add_row(cell.address, needed, shared, steps, about, word)
        more = f", from {needed}" if needed else ""
        lines.append(Text.assemble(cell.address, ": ", word, f", {steps} steps, {about}{more}"))
    # Too narrow for a table that holds every address whole: a line each, which the terminal wraps.
    if (
        max(len(cell.address) for cell in plan.cells) + len(" starts from  needed by  steps  12 min 34 s  skipped ")
        > console.width
    ):
        for line in lines:
            console.print(line, soft_wrap=True)
    else:
        console.print(table)
    rows, cells = plural(len(plan.rows), "row"), plural(len(plan.cells), "cell")
    console.print(f"{rows}, {cells} with shared stages, {len(missing)} to run", soft_wrap=True)
    known = [seconds for seconds in missing if seconds is not None]
    if known:
        rest = (
            f"; no time is known of {plural(len(missing) - len(known), 'other')}" if len(known) < len(missing) else ""
        )
        words = f"{plural(len(known), 'cell')} to run: about {duration(sum(known))} one after the other{rest}"
        console.print(words, soft_wrap=True)


def show_summary(states: Sequence[CellState], wall_s: float, console: Console) -> None:
    """How many cells ended how, and each that did not end ``ok`` with its reason."""
    counts = Counter(str(state.status) for state in states)
    words = [(f"{n} {word}", STYLES[word]) for word, n in counts.items()]
    each = [part for word in words for part in (", ", word)][1:]
    reused = sum(state.reused for state in states)
    earlier = f" ({reused} from earlier runs)" if reused else ""
    line = Text.assemble(f"{plural(len(states), 'cell')}: ", *each, f"{earlier} in {wall_s:.0f} s")
    console.print(line, soft_wrap=True)
    for state in states:
        if state.status != "ok":
            word = str(state.status), STYLES[str(state.status)]
            line = Text.assemble("  ", word, f" {state.cell.address}: {state.reason}")
            console.print(line, soft_wrap=True)


class LiveView:
    """Context manager. On a terminal a tree that refreshes itself; elsewhere one line per cell that starts or ends."""

    def __init__(self, suite: str, states: Sequence[CellState], console: Console, tracking: Callable[[], str]) -> None:
        self._suite, self._states, self._console, self._tracking = suite, states, console, tracking
        self._began = time.monotonic()
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=2, transient=True)

    def __enter__(self) -> LiveView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def watch(self, state: CellState) -> None:
        """Print the line of a cell that started or ended."""
        done = sum(other.phase == "ended" for other in self._states)
        word = Text(f"{state.status or state.phase:>9}", style=STYLES[state.status or state.phase])
        line = Text.assemble(
            f"[{done:>{len(str(len(self._states)))}}/{len(self._states)}] ", word, f"  {state.cell.address}"
        )
        if state.phase == "ended":
            line.append(f"  {state.wall_s:.0f} s", style="dim")
        elif self._console.is_terminal:
            return  # the tree shows what is running
        if state.reason:
            line.append(f"  {state.reason}", style="yellow")
        self._console.print(line, soft_wrap=True)

    def _render(self) -> RenderableType:
        tree = Tree(Text(f"{self._suite}   {time.monotonic() - self._began:.0f} s", style="bold"))
        branches: dict[str, Tree] = {}
        for state in self._states:
            label = state.cell.task_label
            branch = branches.setdefault(label, tree.add(label) if label not in branches else branches[label])
            branch.add(_leaf(state))
        return Group(tree, Text(f"MLflow: {self._tracking()}", style="dim"))


def _leaf(state: CellState) -> Text:
    word = state.status or state.phase
    name = f"{state.cell.method} s{state.cell.seed}"
    leaf = Text.assemble((f"{word:<9}", STYLES[word]), f" {name}")
    if state.phase == "running":
        now = read_json(state.directory / "progress.json") or {}
        leaf.append(f"  {now.get('stage', 'starting')}", style="cyan")
        steps, step, rate = int(now.get("steps", 0)), int(now.get("step", 0)), float(now.get("rate", 0.0))
        if steps:
            leaf.append(f" {step}/{steps}")
        if rate:
            leaf.append(f"  {rate:.1f} steps/s  {(steps - step) / rate:.0f} s left", style="dim")
    elif state.phase == "ended":
        leaf.append(f"  {'reused' if state.reused else f'{state.wall_s:.0f} s'}", style="dim")
        if state.reason:
            leaf.append(f"  {state.reason}", style="yellow")
    return leaf
