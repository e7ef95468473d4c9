"""Verdicts, tables and failures in short Markdown: the description of a tracked run."""

from __future__ import annotations

from collections.abc import Sequence

from retable.reports import text
from retable.reports.compute.claim_model import CONDITIONS, ClaimLine, Claims, count_verdicts, not_measured
from retable.reports.compute.runs import Runs
from retable.reports.records.folder import CellRecord
from retable.reports.render import markdown
from retable.reports.render.content import Content
from retable.reports.render.page_parts import failures

LIMIT = 7_500
"""Characters: trackers cut longer descriptions off without a word."""


def markdown_summary(runs: Runs) -> str:
    """Verdicts, every status and the tables' bodies, at most :data:`LIMIT` characters.

    Tables that do not fit are named instead.
    """
    done = sum(record.status == "ok" for record in runs.records)
    parts = [f"**{markdown.escape(runs.suite)}**: {done} of {len(runs.records)} cells ok"]
    left_out: list[str] = []
    room = LIMIT - 400
    content = Content(runs)
    if content.claims:
        parts.append(_fit(_claims_in_short(content.claims), LIMIT // 3))
    # After the verdicts: a tracker folds a description after a few lines, and the list of runs shows statuses anyway.
    if failed := failures(runs):
        parts.append(_fit("\n".join(map(_failure_in_short, failed)), LIMIT // 3))
    for table in content.tables:
        counted = f"\n\n{markdown.escape(table.ordering_line())}" if table.orderings else ""
        made = f"{markdown.escape(table.made)}\n\n" if table.made else ""
        body = f"#### {markdown.escape(table.name)}\n\n{made}{markdown.rows(table)}"
        part = f"{body}\n\n{markdown.escape(table.data)}{counted}"
        if len("\n\n".join([*parts, part])) <= room:
            parts.append(part)
        else:
            left_out.append(table.number or table.title)
    if left_out:
        parts.append(_fit(f"In the report: {markdown.escape(', '.join(left_out))}.", 300))
    return "\n\n".join(parts) + "\n"


def _failure_in_short(failed: CellRecord) -> str:
    reason = f": {text.one_line(failed.reason, 120)}" if failed.reason else ""
    return f"- {text.status_word(failed.status)}: {markdown.escape(failed.cell.address + reason)}"


def _claims_in_short(claims: Sequence[Claims]) -> str:
    lines = [f"- {line.word}: {line.sentence}{_missing(line)}" for paper in claims for line in paper.lines]
    said = list(filter(None, [not_measured(claims)]))
    return "\n".join([f"**Claims**: {count_verdicts(claims)}", *said, *map(markdown.escape, lines)])


def _missing(line: ClaimLine) -> str:
    """What keeps a claim from being tested."""
    held = zip(CONDITIONS, line.deciding.conditions, strict=True)
    missing = [f"{name.lower()} {one.state}" for name, one in held if not one.holds]
    return f" ({', '.join(missing)})" if missing else ""


def _fit(part: str, limit: int) -> str:
    return part if len(part) <= limit else part[: limit - 1].rsplit("\n", 1)[0] + "\n…"
