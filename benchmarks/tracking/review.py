"""What helps a reviewer find runs in MLflow: the tables that a cell stands in, and words on where to look.

Table ids come from the files of published tables. MLflow's search knows ``LIKE`` and no lists, so the tag is one string
with a space around every id: ``tags.retable.tables LIKE '% dtn-table-1 %'`` does not find ``dtn-table-10``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

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
"""What earlier versions wrote, and what may therefore be replaced: a note of the user's stays."""


def spaced(words: Iterable[str]) -> str:
    """`` a b ``: every word with a space on either side, so that one can be searched for; empty without words."""
    found = list(words)
    return f" {' '.join(found)} " if found else ""


def tables_of(method: str, task: str, variant: str) -> tuple[str, ...]:
    """Ids of the published tables that show a method on a variant of a task, in the order of the report."""
    found = (
        table
        for table, shown, on, variants in _rows()
        if shown == method and on in (None, task) and ("*" in variants or variant in variants)
    )
    return tuple(dict.fromkeys(found))


def cell_tables(cell: Mapping[str, Any]) -> tuple[str, ...]:
    """:func:`tables_of` a cell as its journal describes it."""
    method, task, variant = (str(cell.get(key) or "") for key in ("method", "task", "variant"))
    return tables_of(method, task, variant)


def papers_of(addresses: Iterable[str]) -> list[str]:
    """Papers that the addresses name, sorted; judges belong to no paper of their own."""
    return sorted({address.partition("/")[0] for address in addresses} - {"judges", ""})


def child_note(cell: Mapping[str, Any]) -> str:
    """A child run's description: which tables show the cell, and where its pictures are."""
    tables = cell_tables(cell)
    shown = "Shown in " + ", ".join(f"`{table}`" for table in tables) if tables else "Shown in no table"
    return (
        f"`{cell.get('address', '')}`. {shown}. Sample grids by step: Model metrics, chart `samples`; "
        "last pictures: Artifacts, `pictures/`."
    )


def dataset_context(name: str) -> str:
    """What a data set is for, by its name: ``test``, ``reference`` (what sets of images are compared with), ``truth``
    (the right answers to the test), else ``training``."""
    words = name.split("-")
    return next((context for context in ("test", "reference", "truth") if context in words), "training")


@cache
def _rows() -> tuple[tuple[str, str, str | None, frozenset[str]], ...]:
    """``(table, method, task or any, variants)`` of every row with a method of ours."""
    from retable.reports.errors import ReportError
    from retable.reports.published.papers import published_tables

    try:
        tables = published_tables()
    except ReportError:
        return ()  # `retable report` says what is wrong with the file; runs are tracked all the same
    return tuple(
        (
            table.id,
            row.method,
            table.task,
            frozenset(row.variant or column for column in {c.variant or "" for c in table.columns} or {""}),
        )
        for table in tables
        for row in table.rows
        if row.method
    )
