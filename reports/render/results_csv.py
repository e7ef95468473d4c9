"""Every score as one line of CSV, for spreadsheets and notebooks."""

from __future__ import annotations

import csv
import io
import json

from retable.reports.compute.runs import Runs

COLUMNS = (
    "address", "cell", "paper", "method", "title", "task", "variant", "source", "profile", "seed", "status", "reason",
    "name", "value", "unit", "direction", "slice", "protocol", "interval", "device", "accelerator", "timer", "commit",
    "wall_s",
)  # fmt: skip


def results_csv(runs: Runs) -> str:
    """The scores of all cells, numbers to the last digit, ``protocol`` as JSON and ``interval`` as ``low;high``."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in runs.scores:
        cell, record, score = one.cell, one.record, one.score
        interval = "" if score.interval is None else f"{score.interval[0]!r};{score.interval[1]!r}"
        environment = record.environment
        rows.writerow(
            [
                *(cell.address, cell.hash, cell.paper, cell.method, _text(runs.title(cell)), cell.task, cell.variant),
                *(_text(record.source), cell.profile, cell.seed, record.status, _text(record.reason)),
                *(_text(score.name), score.value, _text(score.unit), score.direction, _text(one.slice)),
                *(json.dumps(score.protocol.model_dump(), sort_keys=True), interval),
                *(_text(environment.get(key, "")) for key in ("device", "accelerator")),
                *(_text(one.timer), _text(environment.get("commit", "")), record.wall_s),
            ]
        )
    return out.getvalue()


def _text(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
