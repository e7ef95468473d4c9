"""``retable list``: the methods, tasks, suites and published tables that there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from retable.benchmarks.cli.app import app, get_console
from retable.benchmarks.errors import UserError, did_you_mean

Listing = tuple[tuple[str, ...], Sequence[tuple[str, ...]]]
"""The names of the columns, and the rows."""


@app.command("list", epilog="Example: [bold]retable list methods[/]")
def list_(what: Annotated[str, typer.Argument(help="methods, tasks, suites or tables")] = "suites") -> None:
    """Show what there is: methods, tasks, suites or tables."""
    get_console().print(listing(what))


def listing(what: str) -> Table:
    """A table of methods, tasks, suites or published tables.

    Raises:
        UserError: another word.
    """
    kinds = {"methods": _methods, "tasks": _tasks, "suites": _suites, "tables": _tables}
    if what not in kinds:
        raise UserError(f"cannot list {what!r}{did_you_mean(what, kinds)} (there are: {', '.join(kinds)})")
    columns, rows = kinds[what]()
    table = Table(*columns, box=None, title=what)
    for row in rows:
        table.add_row(*row)
    for place, shown in enumerate(table.columns):
        # Names are what one copies: a narrow terminal breaks what stands behind them, and cuts nothing.
        shown.overflow, shown.no_wrap = "fold", place == 0
    return table


def _methods() -> Listing:
    from retable.benchmarks.plan.registry import get_method, get_needs, get_title, rows

    found = ((name, get_title(name), get_method(name).task, get_needs(name).values()) for name in sorted(rows()))
    columns = ("method", "row in the paper", "task", "starts from")
    return columns, [(name, title, task, ", ".join(needs)) for name, title, task, needs in found]


def _tasks() -> Listing:
    from retable.benchmarks.plan.registry import get_task, tasks

    found = ((name, get_task(name)) for name in sorted(tasks()))
    rows = [(name, ", ".join(cls.judges.values()), str(cls.__doc__).partition("\n")[0]) for name, cls in found]
    return ("task", "judges", "what it is"), rows


def _suites() -> Listing:
    from retable.benchmarks.plan.suites import load_suite, suite_names

    suites = [load_suite(name) for name in suite_names()]
    rows = [(one.name, one.profile, str(sum(len(rows.methods) for rows in one.rows)), one.about) for one in suites]
    return ("suite", "profile", "rows", "what it is"), rows


def _tables() -> Listing:
    from retable.reports.published.papers import published_tables

    rows = [(published.id, str(len(published.rows)), published.caption) for published in published_tables()]
    return ("table", "rows", "caption"), rows
