"""``retable list``: the methods, tasks, suites and published tables that there are."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from retable.benchmarks.cli.app import app, get_console
from retable.benchmarks.errors import UserError, did_you_mean

Row = tuple[str, tuple[str, ...]]
"""The first column, and the others."""
KINDS = ("methods", "tasks", "suites", "tables")


@app.command("list", epilog="Example: [bold]retable list methods[/]")
def list_(what: Annotated[str, typer.Argument(help="methods, tasks, suites or tables")] = "suites") -> None:
    """Show what there is: methods, tasks, suites or tables."""
    get_console().print(listing(what))


def listing(what: str) -> Table:
    """A table of methods, tasks, suites or published tables.

    Raises:
        UserError: another word.
    """
    if what not in KINDS:
        raise UserError(f"cannot list {what!r}{did_you_mean(what, KINDS)} (there are: {', '.join(KINDS)})")
    table = Table(box=None, title=what)
    for column, row in {"methods": _methods, "tasks": _tasks, "suites": _suites, "tables": _tables}[what](table):
        table.add_row(column, *row)
    for place, shown in enumerate(table.columns):
        # Names are what one copies: a narrow terminal breaks what stands behind them, and cuts nothing.
        shown.overflow, shown.no_wrap = "fold", place == 0
    return table


def _methods(table: Table) -> list[Row]:
    from retable.benchmarks.plan.registry import get_method, get_needs, get_title, rows

    for name in ("method", "row in the paper", "task", "starts from"):
        table.add_column(name)
    return [
        (name, (get_title(name), get_method(name).task, ", ".join(get_needs(name).values()))) for name in sorted(rows())
    ]


def _tasks(table: Table) -> list[Row]:
    from retable.benchmarks.plan.registry import get_task, tasks

    for name in ("task", "judges", "what it is"):
        table.add_column(name)
    found = ((name, get_task(name)) for name in sorted(tasks()))
    return [(name, (", ".join(cls.judges.values()), _first_line(cls.__doc__))) for name, cls in found]


def _suites(table: Table) -> list[Row]:
    from retable.benchmarks.plan.suites import load_suite, suite_names

    for name in ("suite", "profile", "rows", "what it is"):
        table.add_column(name)
    suites = [load_suite(name) for name in suite_names()]
    return [(one.name, (one.profile, str(sum(len(rows.methods) for rows in one.rows)), one.about)) for one in suites]


def _tables(table: Table) -> list[Row]:
    from retable.reports.published.papers import published_tables

    for name in ("table", "rows", "caption"):
        table.add_column(name)
    return [(published.id, (str(len(published.rows)), published.caption)) for published in published_tables()]


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
