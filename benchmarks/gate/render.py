"""A gate's report for people and for CI: a Rich table, plain lines, Markdown, JUnit XML."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from retable.benchmarks.gate.compare import APART, FAILURES, Check, GateReport
from retable.benchmarks.gate.paired import points

if TYPE_CHECKING:
    from rich.console import Console


def show(report: GateReport, console: Console) -> None:
    """Print a table on a terminal, plain lines in a log. What is ok is only counted."""
    if not console.is_terminal:
        console.print(to_text(report), markup=False, highlight=False, soft_wrap=True, emoji=False)
        return
    from rich.table import Table
    from rich.text import Text

    if checks := _shown(report):
        table = Table(title=_title(report), title_justify="left")
        for heading in _headings(report):
            table.add_column(heading, overflow="fold")
        for check in checks:
            table.add_row(*map(Text, _row(check)), style="red" if check.verdict in FAILURES else "yellow")
        console.print(table)
    for line in report.notes:
        console.print(Text(line, style="dim"))
    console.print(Text(summary(report), style="bold red" if report.failures else "bold green"))


def to_text(report: GateReport) -> str:
    """Plain lines for logs, the summary last."""
    lines = [f"{check.verdict:<12} {check.cell}  {check.key}: {_words(report, check)}" for check in _shown(report)]
    return "\n".join([*lines, *report.notes, summary(report)])


def to_markdown(report: GateReport) -> str:
    """Summary and failures as Markdown, e.g. for the summary of a CI job."""
    lines = [f"**{summary(report)}**"]
    if checks := _shown(report):
        rows = [_headings(report), ["---"] * 6, *map(_row, checks)]
        lines += ["", *(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows)]
    if report.notes:
        lines += ["", *(f"- {line}" for line in report.notes)]
    return "\n".join(lines) + "\n"


def to_junit(report: GateReport) -> bytes:
    """JUnit XML: a test case per check; what cannot be compared is skipped, and the notes are the suite's output."""
    skipped = [check for check in report.told if check.verdict in APART]
    root = ElementTree.Element(
        "testsuite",
        name=f"gate.{report.suite}",
        tests=str(len(report.checks) + len(skipped)),
        failures=str(len(report.failures)),
        errors="0",
        skipped=str(len(skipped)),
    )
    for check in (*report.checks, *skipped):
        case = ElementTree.SubElement(root, "testcase", classname=check.cell, name=check.key)
        text = _printable(f"{check.verdict}: {_words(report, check)}")
        if check in skipped:
            ElementTree.SubElement(case, "skipped", message=text)
        elif check.verdict in FAILURES:
            ElementTree.SubElement(case, "failure", type=check.verdict, message=text)
        else:
            ElementTree.SubElement(case, "system-out").text = text
    if report.notes:
        ElementTree.SubElement(root, "system-out").text = _printable("\n".join(report.notes))
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def summary(report: GateReport) -> str:
    """One sentence: how many checks, how many failed, and what to do."""
    counts = Counter(check.verdict for check in (*report.checks, *report.told))
    apart = sum(check.verdict in APART for check in report.told)
    accept = "" if report.against else f" than expected (`retable gate --suite {report.suite} --accept` updates that)"
    checks, failed = f"{len(report.checks)} check{'s' * (len(report.checks) != 1)}", len(report.failures)
    parts = [f"{failed} of {checks} failed" if failed else f"{checks} passed"]
    for count, words in (
        (counts["better"], f"better{accept}"),
        (apart, "not compared"),
        (counts["new"], "new"),
        (counts["too noisy"], "too noisy to be checked"),
    ):
        parts += [f"{count} {words}"] if count else []
    return f"{_title(report)}: {'; '.join(parts)}"


def _title(report: GateReport) -> str:
    return f"gate {report.suite}" + (f" against {report.against}" if report.against else "")


def _headings(report: GateReport) -> list[str]:
    sides = ("base", "head") if report.against else ("expected", "got")
    return ["verdict", "cell", "metric", *sides, "by how much"]


def _shown(report: GateReport) -> list[Check]:
    """Failures, then what is better."""
    return report.failures + [check for check in report.checks if check.verdict == "better"]


def _row(check: Check) -> list[str]:
    """A check's cells of a table, without line breaks."""
    expected = got = by = ""
    if check.expected is not None:
        spread = "" if check.tolerance is None else f" ± {check.tolerance:.4g}"
        expected = f"{check.expected.value:.4g}{spread} {check.expected.unit}".rstrip()
    if check.got is not None:
        got = f"{check.got.value:.4g} {check.got.unit}".rstrip()
    if check.expected and check.gain is not None and check.verdict in ("ok", "worse", "better", "undecided"):
        by = f"{abs(check.gain):.4g}{points(check.expected)} {'better' if check.gain >= 0 else 'worse'}"
        by += f" ({abs(check.gain) / check.tolerance:.4g} tolerances)" if check.tolerance else ""
    why = " ".join(check.reason.splitlines())
    return [check.verdict, check.cell, check.key, expected, got, "; ".join(filter(None, (by, why)))]


def _words(report: GateReport, check: Check) -> str:
    *_, expected, got, by = _row(check)
    *_, wanted, given, _ = _headings(report)
    return ", ".join(filter(None, (f"{wanted} {expected}" if expected else "", f"{given} {got}" if got else "", by)))


def _printable(text: str) -> str:
    """Without control characters, which XML cannot hold."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)
