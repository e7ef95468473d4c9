"""``retable data``: what data there are, fetching them, checking a folder of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from retable.benchmarks.cli.app import RUNS, NameArgument, Out, app, counted, get_console
from retable.benchmarks.errors import UserError, did_you_mean

ACTIONS = ("list", "fetch", "check")


@app.command("data", epilog="Examples: [bold]retable data list[/]   [bold]retable data check ~/svhn[/]")
def data(
    action: Annotated[str, typer.Argument(help="list, fetch or check")] = "list",
    what: Annotated[str | None, NameArgument(help="A data set's name (fetch), a file or folder (check).")] = None,
    out: Out = RUNS,
) -> None:
    """List data sets, fetch what can be fetched, or check a folder of your own."""
    console, cache = get_console(), out / "cache"
    if action not in ACTIONS:
        hint = did_you_mean(action, ACTIONS)
        raise UserError(f"retable data {action}: unknown action{hint} (there are: {', '.join(ACTIONS)})")
    if action == "list":
        console.print(_table(cache))
    elif what is None:
        example = "mnist" if action == "fetch" else "FOLDER"
        raise UserError(f"retable data {action} what? For example `retable data {action} {example}`")
    elif action == "fetch":
        _fetch(what, cache, console)
    else:
        raise typer.Exit(_check(Path(what), console))


def _table(cache: Path) -> Table:
    from retable.datasets import inventory

    table = Table(box=None, title="data sets")
    for column in ("name", "what", "state", "MiB", "where"):
        table.add_column(column, justify="right" if column == "MiB" else "left")
    for item in inventory.list_data(cache):
        table.add_row(item.name, item.title, item.status, f"{item.size / 2**20:.1f}" if item.size else "", item.where)
    return table


def _fetch(name: str, cache: Path, console: Console) -> None:
    from retable.datasets import inventory

    with counted(console) as tell:
        inventory.fetch(name, cache, tell)
    console.print(f"{name}: ready in {cache}", soft_wrap=True)


def _check(path: Path, console: Console) -> int:
    """0, or 1 when the data cannot be used as they are."""
    from retable.datasets import inventory

    report = inventory.check(path)
    console.print(f"{report.path}: {report.kind}", soft_wrap=True)
    for style, word, lines in (
        ("green", "found", report.found),
        ("yellow", "note", report.notes),
        ("yellow", "missing", report.missing),
        ("red", "problem", report.problems),
        ("yellow", "too few", report.too_few),
    ):
        for line in lines:
            console.print(Text.assemble("  ", (f"{word:>7}", style), f"  {line}"), soft_wrap=True)
    if not report.ok:
        console.print("not usable as it is", style="yellow")
    elif report.too_few:
        console.print("sound, but too few for a run with the task's default settings", style="yellow")
    else:
        console.print("ready to use")
    return 0 if report.ok else 1
