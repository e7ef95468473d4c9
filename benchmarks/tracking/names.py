"""The names of runs, metrics, parameters and tags in MLflow.

A run is called as :func:`parent_name` and :func:`child_name` say. Metrics allow only letters, digits, the space and
``_-.:/``.

A training curve is ``curve/NAME``. A score is ``score/NAME request:VALUE``, and one of a slice ``score/by KEY/NAME
request:VALUE KEY:VALUE``, e.g. ``score/by digit/accuracy.target request:test digit:3``: the UI makes a section of
charts of every folder, in this order, so that ten digits do not hide the score over all of them. A character that has a
meaning of its own or is not allowed becomes ``_xHHHH_`` (its code point in hexadecimal), and an underscore before an
``x`` becomes ``_x005f_``, so different scores have different names.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from retable.benchmarks.tracking.invocation import Invocation
from retable.reports.records.cell import Cell

MAX_NAME = 250
"""MLflow's longest metric, parameter or tag name, in characters."""
MAX_PARAMETER = 6000
"""MLflow's longest parameter value."""
MAX_TAG = 8000
"""MLflow's longest tag value; also that of a run's description."""
CURVE = "curve/"
SCORE = "score/"
SYSTEM = "system/"

_EMPTY = "_x_"


def escape(text: str, also: str = "") -> str:
    """Spell ``text`` with letters, digits, ``_ - .`` and the characters in ``also``; never an empty string."""

    def spell(match: re.Match[str]) -> str:
        return f"_x{ord(match[0]):04x}_"

    # MLflow refuses what looks like a path to the folder above, so a dot never comes first.
    return re.sub(rf"[^A-Za-z0-9_.{also}-]|_(?=x)|^\.", spell, text) or _EMPTY


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
