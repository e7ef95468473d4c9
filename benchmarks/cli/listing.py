"""``retable list``: the methods, tasks, suites and published tables that there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from rich.table import Table

from retable.benchmarks.cli.app import app, get_console
from retable.benchmarks.errors import UserError, did_you_mean

Listing = tuple[tuple[str, ...], Sequence[tuple[str, ...]]]
"""The names of the columns, and the rows."""
Problems = list[str]
"""Filled with one line for each thing that is registered and cannot be used."""


@app.command("list", epilog="Example: [bold]retable list methods[/]")
def list_(what: Annotated[str, typer.Argument(help="methods, tasks, suites or tables")] = "suites") -> None:
    """Show what there is: methods, tasks, suites or tables."""
    problems: Problems = []
    get_console().print(listing(what, problems))
    for problem in problems:
        get_console(stderr=True).print(problem, style="yellow", soft_wrap=True)


def listing(what: str, problems: Problems) -> Table:
    """A table of methods, tasks, suites or published tables; ``problems``: told what cannot be shown.

    Raises:
        UserError: another word.
    """
    kinds = {"methods": _methods, "tasks": _tasks, "suites": _suites, "tables": _tables}
    if what not in kinds:
        raise UserError(f"cannot list {what!r}{did_you_mean(what, kinds)} (there are: {', '.join(kinds)})")
    columns, rows = kinds[what](problems)
    table = Table(*columns, box=None, title=what)
    for row in rows:
        table.add_row(*row)
    for place, shown in enumerate(table.columns):
        # Names are what one copies: a narrow terminal breaks what stands behind them, and cuts nothing.
        shown.overflow, shown.no_wrap = "fold", place == 0
    return table


def _methods(problems: Problems) -> Listing:
    from retable.benchmarks.plan.registry import get_needs, get_tasks, get_title, rows

    def row(name: str) -> tuple[str, ...]:
        return name, get_title(name), ", ".join(get_tasks(name)), ", ".join(get_needs(name).values())

    return ("method", "row in the paper", "task", "starts from"), _usable("method", sorted(rows()), row, problems)


def _tasks(problems: Problems) -> Listing:
    from retable.benchmarks.plan.registry import get_task, tasks

    def row(name: str) -> tuple[str, ...]:
        cls = get_task(name)
        return name, ", ".join(cls.judges.values()), str(cls.__doc__).partition("\n")[0]

    return ("task", "judges", "what it is"), _usable("task", sorted(tasks()), row, problems)


def _usable(
    what: str, names: Sequence[str], row: Callable[[str], tuple[str, ...]], problems: Problems
) -> list[tuple[str, ...]]:
    from retable.reports.text import one_line

    rows = []
    for name in names:
        try:
            rows.append(tuple(map(str, row(name))))
        except UserError as error:
            problems.append(str(error))
        except Exception as error:  # the class is anybody's
            problems.append(one_line(f"{what} {name!r} cannot be shown: {type(error).__name__}: {error}"))
    return rows


def _suites(_: Problems) -> Listing:
    from retable.benchmarks.plan.suites import load_suite, suite_names

    suites = [load_suite(name) for name in suite_names()]
    rows = [(one.name, one.profile, str(sum(len(rows.methods) for rows in one.rows)), one.about) for one in suites]
    return ("suite", "profile", "rows", "what it is"), rows


def _tables(_: Problems) -> Listing:
    from retable.reports.published.papers import published_tables

    rows = [(published.id, str(len(published.rows)), published.caption) for published in published_tables()]
    return ("table", "rows", "caption"), rows
