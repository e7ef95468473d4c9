"""Writes a report: one page, tables for papers and for Markdown, figures, and every score as CSV."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retable.reports import text
from retable.reports.compute.claim_model import HOW_TO_READ, Claims, count_verdicts
from retable.reports.compute.decide_claims import build_claims
from retable.reports.compute.runs import Bundle
from retable.reports.compute.tables import build_tables
from retable.reports.compute.time_budget import budget_table
from retable.reports.errors import ReportError
from retable.reports.published.papers import load_papers
from retable.reports.render import latex as latex
from retable.reports.render import markdown as markdown
from retable.reports.render.curves import curve_figures
from retable.reports.render.page_parts import DIGEST, Failure, failures
from retable.reports.render.pictures import compose, side_by_side
from retable.reports.render.plots import plot_figures

SUMMARY_LIMIT = 7_500
"""Characters of the short summary: trackers cut longer descriptions off without a word."""


@dataclass(frozen=True)
class ReportFiles:
    """What was written."""

    index: Path
    tables: tuple[Path, ...]
    """Markdown and LaTeX, two files a table."""
    figures: tuple[Path, ...]
    results: Path


def build(bundle: Bundle, out: Path) -> ReportFiles:
    """Write ``index.html``, ``tables/*.md``, ``tables/*.tex``, ``figures/*`` and ``results.csv`` below ``out``.

    Every file is replaced in one step, the page last, so that a reader never meets half a report.

    Raises:
        ReportError: the folder cannot be written, or a file of published tables is bad.
    """
    from retable.reports.render import html_page as html_page

    _make_folder(out)
    papers = load_papers()
    tables = build_tables(bundle, papers)
    claims = build_claims(bundle, papers, tables)
    if (budget := budget_table(bundle)) is not None:
        tables = [*tables, budget]
    curves = curve_figures(bundle)
    plots = plot_figures(tables)
    pairs = [(table, side_by_side(bundle, table) if table.figure_caption else None) for table in tables]
    shown = {table.anchor: figure for table, figure in pairs if figure is not None}
    table_files: dict[Path, bytes] = {}
    for table in tables:
        name = table.anchor.removeprefix("table-")
        table_files[out / "tables" / f"{name}.md"] = markdown.render(table, level=1).encode()
        table_files[out / "tables" / f"{name}.tex"] = latex.render(table).encode()
    for paper in claims:
        table_files[out / "tables" / f"{paper.paper}-claims.md"] = markdown.render_claims(paper, level=1).encode()
        table_files[out / "tables" / f"{paper.paper}-claims.tex"] = latex.render_claims(paper).encode()
    figure_files: dict[Path, bytes] = {}
    for curve in curves:
        figure_files[out / "figures" / f"curves-{curve.paper}.svg"] = curve.svg
        figure_files[out / "figures" / f"curves-{curve.paper}.png"] = curve.png
    for plot in plots.values():
        figure_files[out / "figures" / f"{plot.file}.svg"] = plot.svg
        figure_files[out / "figures" / f"{plot.file}.png"] = plot.png
    for anchor, figure in shown.items():
        if (picture := compose(figure.rows)) is not None:
            buffer = io.BytesIO()
            picture.save(buffer, format="PNG", compress_level=6)
            figure_files[out / "figures" / f"{anchor.removeprefix('table-')}-outputs.png"] = buffer.getvalue()
    results, index = out / "results.csv", out / "index.html"
    page = html_page.render(bundle, tables, papers, curves, shown, claims, plots).encode()
    for path, content in {**table_files, **figure_files, results: _csv(bundle).encode(), index: page}.items():
        write(path, content)
    return ReportFiles(index, tuple(table_files), tuple(figure_files), results)


def markdown_summary(bundle: Bundle) -> str:
    """Verdicts, the tables' bodies and every status in short Markdown: the description of a tracked run.

    At most :data:`SUMMARY_LIMIT` characters; tables that do not fit are named instead.
    """
    done = (bundle.cells["status"] == "ok").sum()
    parts = [f"**{markdown.escape(bundle.suite)}**: {done} of {len(bundle.cells)} cells ok"]
    left_out: list[str] = []
    room = SUMMARY_LIMIT - 400
    papers = load_papers()
    tables = build_tables(bundle, papers)
    if claims := build_claims(bundle, papers, tables):
        parts.append(_fit(_claims_in_short(claims), SUMMARY_LIMIT // 3))
    # After the verdicts: a tracker folds a description after a few lines, and the list of runs shows statuses anyway.
    if failed := failures(bundle):
        parts.append(_fit("\n".join(map(_failure_in_short, failed)), SUMMARY_LIMIT // 3))
    for table in tables:
        counted = f"\n\n{markdown.escape(table.ordering_line())}" if table.orderings else ""
        body = f"#### {markdown.escape(table.name)}\n\n{markdown.rows(table)}"
        part = f"{body}\n\n{markdown.escape(table.data)}{counted}"
        if len("\n\n".join([*parts, part])) <= room:
            parts.append(part)
        else:
            left_out.append(table.number or table.title)
    if left_out:
        parts.append(_fit(f"In the report: {markdown.escape(', '.join(left_out))}.", 300))
    return "\n\n".join(parts) + "\n"


def _failure_in_short(failure: Failure) -> str:
    reason = f": {text.one_line(failure.reason, 120)}" if failure.reason else ""
    return f"- {failure.status}: {markdown.escape(failure.address + reason)}"


def _claims_in_short(claims: Sequence[Claims]) -> str:
    lines = [f"- {line.word}: {line.sentence}" for paper in claims for line in paper.lines]
    return "\n".join([f"**Claims**: {count_verdicts(claims)}", *map(markdown.escape, lines)])


def results_page(bundle: Bundle, figures: str | None = None) -> str:
    """A page of results for a repository: provenance first, then the claims, every table with its notes, what failed.

    Args:
        bundle: what the report is made from.
        figures: relative folder of the figures of :func:`build`, to link them; ``None`` leaves them out.
    """
    escape = markdown.escape
    lines = [f"# Results of {escape(bundle.suite or 'all runs')}", ""]
    lines += ["Generated from the runs' own records; not edited by hand.", "", "## Provenance", ""]
    lines += ["| | |", "| --- | --- |"]
    lines += [
        f"| {escape(key)} | {escape(value)} |" for key, value in bundle.provenance.items() if not key.startswith(DIGEST)
    ]
    lines += ["", *(f"- Warning: {escape(warning)}" for warning in bundle.warnings)]
    papers = {paper.paper: paper for paper in load_papers()}
    tables = build_tables(bundle, list(papers.values()))
    if claims := build_claims(bundle, list(papers.values()), tables):
        lines += ["", "## Verdicts", "", f"{escape(count_verdicts(claims))}. {escape(HOW_TO_READ)}", ""]
        lines += [markdown.verdict_rows(claims), "", "## Claims"]
        lines += [line for paper in claims for line in ("", markdown.render_claims(paper).rstrip())]
    shown = ""
    budget = budget_table(bundle)
    for table in [*tables, budget] if budget is not None else tables:
        if table.paper != shown:
            shown = table.paper
            known = papers.get(shown)
            cite = f"{known.title} ({known.authors}, {known.venue} {known.year}, {known.reference})" if known else shown
            lines += ["", f"## {escape(cite)}"]
        lines += ["", markdown.render(table).rstrip()]
        if figures is not None and table.plot is not None:
            link = f"{figures}/{table.anchor.removeprefix('table-')}-plot.png"
            lines += ["", f"![{escape(table.plot.caption)}]({link})"]
        if figures is not None and table.figure_caption and side_by_side(bundle, table) is not None:
            link = f"{figures}/{table.anchor.removeprefix('table-')}-outputs.png"
            lines += ["", f"![{escape(table.figure_caption)}]({link})"]
    lines += ["", "## Runs", "", *_runs(bundle)]
    if digests := {key: value for key, value in bundle.provenance.items() if key.startswith(DIGEST)}:
        lines += ["", "## Data", "", "| | |", "| --- | --- |"]
        lines += [f"| {escape(key)} | {escape(value)} |" for key, value in digests.items()]
    return "\n".join(lines).rstrip() + "\n"


def _runs(bundle: Bundle) -> Sequence[str]:
    lines = ["| cell | status | wall time | reason |", "| --- | --- | ---: | --- |"]
    for cell in bundle.cells.to_dict("records"):
        words = [
            cell["address"],
            text.status_word(cell["status"]),
            text.duration(cell["wall_s"]),
            text.one_line(cell["reason"]),
        ]
        lines.append("| " + " | ".join(markdown.escape(word) for word in words) + " |")
    return lines


def _fit(part: str, limit: int) -> str:
    return part if len(part) <= limit else part[: limit - 1].rsplit("\n", 1)[0] + "\n…"


def _csv(bundle: Bundle) -> str:
    frame = bundle.scores.drop(columns=["slices"]).copy()
    frame["protocol"] = [json.dumps(protocol, sort_keys=True) for protocol in frame["protocol"]]
    frame["interval"] = ["" if pair is None else f"{pair[0]!r};{pair[1]!r}" for pair in frame["interval"]]
    return str(frame.to_csv(index=False, lineterminator="\n"))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def write(path: Path, content: bytes) -> None:
    """Replace a file in one step, and make its folder.

    Raises:
        ReportError: that is not possible.
    """
    _make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ReportError:
    why = error.strerror or str(error)
    return ReportError(f"{path}: cannot be written ({why}); choose another folder or mend its permissions")
