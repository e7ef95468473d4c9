"""What people read in MLflow's lists beside names: descriptions, and the tags to search by.

MLflow's search knows ``LIKE`` but no lists. A tag for several words therefore has a space around each:
``tags.retable.tables LIKE '% dtn-table-1 %'`` does not find ``dtn-table-10``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from retable.reports.records.cell import Cell

TABLES = "retable.tables"
"""Tag of a child run: ids of the tables that show its cell, with spaces around each."""
PAPERS = "retable.papers"
"""Tag of a parent run: the papers of its plan, with spaces around each."""

EXPERIMENT_NOTE = """\
One parent run per invocation of `retable run`, one child run per cell. A parent's description shows the verdicts; its \
artifact `report/index.html` is the whole report. Searches for the box above the list:

- a paper: `tags.retable.paper = 'dtn'`
- a table: `tags.retable.tables LIKE '% dtn-table-1 %'`
- a status: `tags.retable.status = 'oom'` (ok, failed, oom, timeout, nonfinite, skipped, killed)
- what did not end well: `tags.retable.cell != '' AND tags.retable.status != 'ok'`
- invocations only: `tags.retable.kind = 'invocation'`

Sorted by Run Name, the list is flat: cells without the invocations above them. Curves of several runs: the chart \
view, or tick runs and Compare. Sample grids by step: a run's Model metrics, chart `samples`. \
More in `docs/mlflow.md`."""
FORMER_NOTES = ("One parent run per invocation of `retable run`, one child run per cell.",)
"""What earlier versions wrote and sync may replace. A note of the user's stays."""


def spaced(words: Iterable[str]) -> str:
    """The words with a space on either side of each; empty without words."""
    found = list(words)
    return f" {' '.join(found)} " if found else ""


def child_note(cell: Cell) -> str:
    """A child run's description: which tables show the cell, and where its pictures are."""
    tables = tables_of(cell)
    shown = "Shown in " + ", ".join(f"`{table}`" for table in tables) if tables else "Shown in no table"
    return (
        f"`{cell.address}`. {shown}. Sample grids by step: Model metrics, chart `samples`; "
        "last pictures: Artifacts, `pictures/`."
    )


def tables_of(cell: Cell) -> tuple[str, ...]:
    """Ids of the published tables that show a cell, in the order of the report."""
    names = [
        table
        for table, method, task, variants in _rows()
        if method == cell.method and task in (None, cell.task) and variants & {"*", cell.variant}
    ]
    return tuple(dict.fromkeys(names))


@cache
def _rows() -> list[tuple[str, str, str | None, set[str]]]:
    """``(table, method, task or any, variants)`` of every row with a method of ours."""
    from retable.reports.errors import ReportError
    from retable.reports.published.papers import published_tables

    try:
        tables = published_tables()
    except ReportError:
        return []  # `retable report` says what is wrong with the file; runs are tracked all the same
    return [
        (table.id, row.method, table.task, {row.variant or column.variant or "" for column in table.columns})
        for table in tables
        for row in table.rows
        if row.method
    ]


def dataset_context(name: str) -> str:
    """What a data set is for, by its name: ``test``, ``reference`` (what sets of images are compared with), ``truth``
    (the right answers to the test), else ``training``."""
    words = name.split("-")
    return next((context for context in ("test", "reference", "truth") if context in words), "training")
