"""A gate's report for people and for CI: a Rich table, plain lines, Markdown, JUnit XML."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from retable.benchmarks.gate.verdict import Check, GateReport, Verdict

if TYPE_CHECKING:
    from rich.console import Console

WORDS: dict[Verdict, str] = {
    "ok": "ok",
    "better": "better",
    "worse": "worse",
    "nonfinite": "not finite",
    "incomparable": "incomparable",
    "missing": "missing",
    "cell": "not ok",
    "new": "new",
    "undecided": "undecided",
    "same": "same run",
}
Row = tuple[Verdict, str, str, str, str, str, str]


def headings(report: GateReport) -> tuple[str, ...]:
    """The columns of a table."""
    sides = ("base", "head") if report.against else ("expected", "got")
    return ("verdict", "cell", "metric", *sides, "by how much")


def show(report: GateReport, console: Console, *, verbose: bool = False) -> None:
    """Print a table on a terminal, plain lines in a log. Without ``verbose``, what is ok is only counted."""
    if not console.is_terminal:
        console.print(to_text(report, verbose=verbose), markup=False, highlight=False, soft_wrap=True, emoji=False)
        return
    from rich.table import Table
    from rich.text import Text

    rows = _rows(report, verbose=verbose)
    if rows:
        table = Table(title=_title(report), title_justify="left")
        for heading in headings(report):
            table.add_column(heading, overflow="fold")
        for verdict, *cells, reason in rows:
            colour = _colour(verdict)
            by = Text("\n".join(part for part in (cells[-1], reason) if part), style=colour)
            table.add_row(Text(WORDS[verdict], style=colour), *map(Text, cells[:-1]), by)
        console.print(table)
    for line in _tail(report):
        console.print(Text(line, style="dim"))
    console.print(Text(summary(report), style="bold green" if report.ok else "bold red"))


def to_text(report: GateReport, *, verbose: bool = False) -> str:
    """Plain lines for logs, the summary last."""
    lines = []
    *_, wanted, given, _ = headings(report)
    for verdict, cell, key, expected, got, by, reason in _rows(report, verbose=verbose):
        parts = [f"{wanted} {expected}" if expected else "", f"{given} {got}" if got else "", by, reason]
        lines.append(f"{WORDS[verdict]:<12} {cell}  {key}: {', '.join(part for part in parts if part)}")
    return "\n".join([*lines, *_tail(report), summary(report)])


def to_markdown(report: GateReport) -> str:
    """Summary and failures as Markdown, e.g. for the description of a tracked run."""
    lines = [f"**{summary(report)}**"]
    rows = _rows(report)
    if rows:
        names = headings(report)
        lines += ["", f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
        for verdict, *cells, reason in rows:
            cells[-1] = "; ".join(part for part in (cells[-1], reason) if part)
            escaped = (cell.replace("|", "\\|").replace("\n", " ") for cell in (WORDS[verdict], *cells))
            lines.append(f"| {' | '.join(escaped)} |")
    if tail := _tail(report):
        lines += ["", *(f"- {line}" for line in tail)]
    return "\n".join(lines) + "\n"


def summary(report: GateReport) -> str:
    """One sentence: how many checks, how many failed, and what to do."""
    failed, better = len(report.failures), len(report.better)
    checks = _count(len(report.checks), "check")
    text = f"{_title(report)}: " + (f"{failed} of {checks} failed" if failed else f"{checks} passed")
    if report.against:
        return text + "".join(
            f"; {n} {word}"
            for n, word in ((better, "better"), (len(report.aside), "not compared"), (len(report.new), "new"))
            if n
        )
    if better:
        text += (
            f"; {better} better than expected: update the expectation (`retable gate --suite {report.suite} --accept`)"
        )
    if report.new:
        text += f"; {_count(len(report.new), 'new score')} without an expectation"
    if report.cannot_fail:
        text += f"; {_count(report.cannot_fail, 'score')} too noisy to be checked"
    return text


def _title(report: GateReport) -> str:
    return f"gate {report.suite}" + (f" against {report.against}" if report.against else "")


def _rows(report: GateReport, *, verbose: bool = False) -> list[Row]:
    """Failures, then what is better; with ``verbose`` everything, in the file's order, and what is new."""
    shown = [check for check in report.checks if verbose or check.verdict != "ok"]
    if not verbose:
        shown.sort(key=lambda check: not check.failed)
    more = (*report.aside, *report.new) if verbose else ()
    return [row(check) for check in (*_one_per_cell(shown), *more)]


def _one_per_cell(checks: Sequence[Check]) -> Iterable[Check]:
    """A cell that failed as a whole is one line, not one for each of its scores."""
    sizes = Counter(check.cell for check in checks if check.whole_cell)
    done: set[str] = set()
    for check in checks:
        if not check.whole_cell:
            yield check
        elif check.cell not in done:
            done.add(check.cell)
            size = sizes[check.cell]
            yield check if size == 1 else Check(check.cell, f"({size} scores)", check.verdict, reason=check.reason)


def row(check: Check) -> Row:
    """A check's cells of a table, and its reason."""
    entry = check.expected
    expected = ""
    if entry is not None:
        spread = "" if entry.tolerance is None else f" ± {_number(entry.tolerance)}"
        expected = f"{_number(entry.value)}{spread}{_unit(entry.unit)}"
    got = f"{_number(check.got)}{_unit(check.unit)}" if check.got is not None else ""
    by = ""
    if check.gain is not None and check.verdict in ("ok", "worse", "better", "undecided"):
        side = "better" if check.gain >= 0 else "worse"
        unit = " points" if check.unit == "%" else _unit(check.unit)
        by = f"{_number(abs(check.gain))}{unit} {side}"
        if check.tolerances is not None:
            by += f" ({_number(abs(check.tolerances))} tolerances)"
    return check.verdict, check.cell, check.key, expected, got, by, check.reason


def _tail(report: GateReport) -> list[str]:
    return [*([] if report.against else _green_lines(report)), *report.notes]


def _green_lines(report: GateReport) -> list[str]:
    """What changed since the last green run by more than a tolerance; one line where there is none."""
    if not report.against_green:
        return ["no earlier green run to compare with"]
    both = [check for check in report.checks if check.change is not None]
    moved = [check for check in both if check.expected and abs(check.change or 0.0) > (check.expected.tolerance or 0.0)]
    counts = (
        f"{len(both)} of {_count(len(report.checks), 'score')} in both, {len(moved)} changed by more than the tolerance"
    )
    lines = [f"against the last green run: {counts}"]
    for check in moved:
        side = "better" if (check.change or 0.0) > 0 else "worse"
        lines.append(
            f"  {check.cell}  {check.key}: {_number(check.before)} -> {_number(check.got)}{_unit(check.unit)}, {side}; "
            + (
                "fails above"
                if check.failed
                else "still within the expectation"
                if check.verdict == "ok"
                else "see above"
            )
        )
    return lines


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if not math.isfinite(value) else f"{value:.4g}"


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _colour(verdict: Verdict) -> Literal["green", "yellow", "red"]:
    if verdict == "ok":
        return "green"
    return "yellow" if verdict in ("better", "new", "undecided", "same") else "red"
