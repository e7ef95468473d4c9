"""The names of runs, metrics, parameters and tags in MLflow, and the descriptions beside them.

A parent run is called ``quick · mixdl · 11-21 19:54`` (:func:`parent_name`), and a cell's run
``dtn · digits-no3-t · s0`` (:func:`child_name`). Metrics allow only letters, digits, the space and ``_-.:/``.

A training curve is ``curve/NAME``. A score is ``score/NAME request:VALUE``, and one of a slice ``score/by KEY/NAME
request:VALUE KEY:VALUE``, e.g. ``score/by digit/accuracy.target request:test digit:3``: the UI makes a section of
charts of every folder, in this order, so that ten digits do not hide the score over all of them. A character that has a
meaning of its own or is not allowed becomes ``_xHHHH_`` (its code point in hexadecimal), and an underscore before an
``x`` becomes ``_x005f_``, so different scores have different names.

MLflow's search knows ``LIKE`` but no lists. A tag for several words therefore has a space around each:
``tags.retable.tables LIKE '% dtn-table-1 %'`` does not find ``dtn-table-10``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from retable.reports.records.cell import Cell
from retable.reports.records.invocation import Invocation

if TYPE_CHECKING:
    from retable.reports.published.table_schema import PublishedTable

MAX_NAME = 250
"""MLflow's longest metric, parameter or tag name, in characters."""
MAX_PARAMETER = 6000
"""MLflow's longest parameter value."""
MAX_TAG = 8000
"""MLflow's longest tag value; also that of a run's description."""
CURVE = "curve/"
SCORE = "score/"
SYSTEM = "system/"

TABLES = "retable.tables"
"""Tag of a child run: ids of the tables that show its cell, with spaces around each."""
STALE = "retable.stale"
"""Tag of a child run: what made its cell that is not what was installed when it was synced last."""
PAPERS = "retable.papers"
"""Tag of a parent run: the papers of its plan, with spaces around each."""

EXPERIMENT_NOTE = """\
One parent run per invocation of `retable run`, one child run per cell. A parent's description shows the verdicts; its \
artifact `report/index.html` is the whole report. Searches for the box above the list:

- a paper: `tags.retable.paper = 'dtn'`
- a table: `tags.retable.tables LIKE '% dtn-table-1 %'`
- a status: `tags.retable.status = 'oom'` (ok, failed, oom, timeout, nonfinite, skipped, killed)
- what other sources, another torch or Python made: `tags.retable.stale != ''`
- what did not end well: `tags.retable.cell != '' AND tags.retable.status != 'ok'`
- invocations only: `tags.retable.kind = 'invocation'`

Sorted by Run Name, the list is flat: cells without the invocations above them. Curves of several runs: the chart \
view, or tick runs and Compare. Sample grids by step: a run's Model metrics, chart `samples`. \
More in `docs/mlflow.md`."""


def escape(text: str, also: str = "") -> str:
    """Spell ``text`` with letters, digits, ``_ - .`` and the characters in ``also``; never an empty string."""

    def spell(match: re.Match[str]) -> str:
        return f"_x{ord(match[0]):04x}_"

    # MLflow refuses what looks like a path to the folder above, so a dot never comes first.
    return re.sub(rf"[^A-Za-z0-9_.{also}-]|_(?=x)|^\.", spell, text) or "_x_"


def score_metric(name: str, slice_: Mapping[str, str]) -> str:
    """The metric name of a score. Past 250 characters the end gives way to a digest, so that it stays unique."""
    keys = sorted(slice_, key=lambda key: (key != "request", key))
    by = " ".join(escape(key) for key in keys if key != "request")
    words = [escape(name), *(f"{escape(key)}:{escape(slice_[key])}" for key in keys)]
    return _fit(f"{SCORE}{f'by {by}/' if by else ''}{' '.join(words)}")


def readable(name: str, folder: str = "") -> str:
    """The name of a curve, a system measurement or a setting, which may hold slashes, spaces and colons."""
    path_elsewhere = not name.strip() or any(part in ("", ".", "..") for part in name.split("/"))
    return _fit(folder + escape(name, also="" if path_elsewhere else "/ :"))


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """``{"a": {"b": 1}}`` as ``("a.b", "1")``; lists and everything else that is not text as JSON."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            yield f"{prefix}{key}", text


def cut(text: str, limit: int) -> str:
    """``text``, with an ellipsis for what is beyond ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _fit(name: str) -> str:
    if len(name) <= MAX_NAME:
        return name
    return f"{name[: MAX_NAME - 24]}... sha256 {hashlib.sha256(name.encode()).hexdigest()[:13]}"


def parent_name(invocation: Invocation) -> str:
    """``quick · mixdl · 11-21 19:54``: the suite, the papers of its plan, and when it began (local time)."""
    began = datetime.fromtimestamp(invocation.started / 1000).astimezone()
    papers = ", ".join(papers_of(invocation))
    return " · ".join(filter(None, [invocation.suite, papers, f"{began:%m-%d %H:%M}"]))


def papers_of(invocation: Invocation) -> list[str]:
    """The papers of an invocation's plan, sorted; judges belong to no paper of their own."""
    return sorted({address.partition("/")[0] for address in invocation.planned.values()} - {"judges", ""})


def child_name(cell: Cell) -> str:
    """``dtn · digits-no3-t · s0``, and ``judge target · ...`` for a judge."""
    paper, _, method = cell.method.rpartition("/")
    return f"{'judge ' if paper == 'judges' else ''}{method} · {cell.task_label} · s{cell.seed}"


def spaced(words: Iterable[str]) -> str:
    """The words with a space on either side of each; empty without words."""
    joined = " ".join(words)
    return f" {joined} " if joined else ""


def child_note(cell: Cell) -> str:
    """A child run's description: which tables show the cell, and where its pictures are."""
    shown = ", ".join(f"`{table}`" for table in tables_of(cell)) or "no table"
    return (
        f"`{cell.address}`. Shown in {shown}. Sample grids by step: Model metrics, chart `samples`; "
        "last pictures: Artifacts, `pictures/`."
    )


def tables_of(cell: Cell) -> list[str]:
    """Ids of the published tables that show a cell, in the order of the report."""
    return [table.id for table in _tables() if table.shows(cell)]


@cache
def _tables() -> list[PublishedTable]:
    from retable.reports.errors import ReportError
    from retable.reports.published.papers import published_tables

    try:
        return published_tables()
    except ReportError:
        return []  # `retable report` says what is wrong with the file; runs are tracked all the same


def dataset_context(name: str) -> str:
    """What a data set is for, by its name: ``test``, ``reference`` (what sets of images are compared with), ``truth``
    (the right answers to the test), else ``training``."""
    words = name.split("-")
    return next((context for context in ("test", "reference", "truth") if context in words), "training")
