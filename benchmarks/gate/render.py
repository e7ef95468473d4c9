"""A gate's report for people and for CI: lines, Markdown, JUnit XML."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from retable.benchmarks.gate.compare import Check, GateReport
from retable.benchmarks.gate.runs import NAMED
from retable.benchmarks.gate.tolerance import SUSPICIOUS, points
from retable.datasets.files import some
from retable.reports.text import plural

if TYPE_CHECKING:
    from rich.console import Console


def show(report: GateReport, console: Console) -> None:
    """Print a line per failure and per better score, the notes, and the summary, which alone tells what is stale."""
    from rich.text import Text

    lines = [
        Text(
            f"{check.verdict:<12} {check.cell}  {check.key}: {_words(report, check)}",
            style="red" if check.verdict in report.red else "yellow",
        )
        for check in _shown(report)
    ]
    lines += [Text(note, style="dim") for note in report.notes]
    lines += [Text(summary(report), style="bold red" if report.failures else "bold green")]
    for line in lines:
        console.print(line, soft_wrap=True)


def to_markdown(report: GateReport) -> bytes:
    """Summary and failures as Markdown, e.g. for the summary of a CI job."""
    lines = [f"**{summary(report)}**"]
    if checks := _shown(report):
        rows = [_headings(report), ["---"] * 6, *map(_row, checks)]
        lines += ["", *(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows)]
    if report.notes:
        lines += ["", *(f"- {line}" for line in report.notes)]
    return ("\n".join(lines) + "\n").encode()


def to_junit(report: GateReport) -> bytes:
    """JUnit XML: a test case per check; what cannot be compared is skipped, and the notes are the suite's output."""
    root = ElementTree.Element("testsuite", name=f"gate.{report.suite}", errors="0")
    root.set("tests", str(len(report.checks) + len(report.apart)))
    root.set("failures", str(len(report.failures)))
    root.set("skipped", str(len(report.apart)))
    for check in (*report.checks, *report.apart):
        case = ElementTree.SubElement(root, "testcase", classname=check.cell, name=check.key)
        text = _printable(f"{check.verdict}: {_words(report, check)}")
        if check in report.apart:
            ElementTree.SubElement(case, "skipped", message=text)
        elif check.verdict in report.red:
            ElementTree.SubElement(case, "failure", type=check.verdict, message=text)
        else:
            ElementTree.SubElement(case, "system-out").text = text
    if report.notes:
        ElementTree.SubElement(root, "system-out").text = _printable("\n".join(report.notes))
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def summary(report: GateReport) -> str:
    """One line: how many checks, how many failed, and what to do."""
    counts = Counter(check.verdict for check in report.every)
    checks, failed = plural(len(report.checks), "check"), len(report.failures)
    # Nobody should be led to accept what is broken together with what is better.
    accept = "" if report.against or failed else f" (`retable gate --suite {report.suite} --accept` updates that)"
    stale = [check for check in report.every if check.verdict == "stale"]
    made, cells = " or ".join(sorted({check.reason for check in stale})), some((check.cell for check in stale), NAMED)
    odd = f"suspicious, better by more than {SUSPICIOUS} tolerances: see whether data leaked or a loss lost a term"
    parts = {
        f"stale, {made}; `retable run {report.suite} --fresh` runs them anew ({cells})": len(stale),
        odd: counts["suspicious"],
        f"better{'' if report.against else ' than expected'}{accept}": counts["better"],
        "not compared": len(report.apart),
        "new": counts["new"],
        "too noisy to be checked": counts["too noisy"],
    }
    said = [f"{failed:,} of {checks} failed" if failed else f"{checks} passed"]
    said += [f"{count:,} {words}" for words, count in parts.items() if count]
    return f"{_title(report)}: {'; '.join(said)}"


def _title(report: GateReport) -> str:
    return f"gate {report.suite}" + (f" against {report.against}" if report.against else "")


def _headings(report: GateReport) -> list[str]:
    sides = ("base", "head") if report.against else ("expected", "got")
    return ["verdict", "cell", "metric", *sides, "by how much"]


def _shown(report: GateReport) -> list[Check]:
    """Failures, then what is better; stale cells have nothing to show."""
    worse = [check for check in report.failures if check.verdict != "stale"]
    return worse + [check for check in report.checks if check.verdict in {"better", "suspicious"} - {*report.red}]


def _row(check: Check) -> list[str]:
    """A check's cells of a table, without line breaks."""
    expected = got = by = ""
    if check.expected is not None:
        spread = "" if check.tolerance is None else f" ± {check.tolerance:.4g}"
        expected = f"{check.expected.value:.4g}{spread} {check.expected.unit}".rstrip()
    if check.got is not None:
        got = f"{check.got.value:.4g} {check.got.unit}".rstrip()
    if check.expected and check.gain is not None and check.verdict not in ("incomparable", "same run"):
        by = f"{abs(check.gain):.4g}{points(check.expected)} {'better' if check.gain >= 0 else 'worse'}"
        by += f" ({abs(check.gain) / check.tolerance:.4g} tolerances)" if check.tolerance else ""
    why = " ".join(check.reason.splitlines())
    return [check.verdict, check.cell, check.key, expected, got, "; ".join(filter(None, (by, why)))]


def _words(report: GateReport, check: Check) -> str:
    parts = zip((*_headings(report)[3:5], ""), _row(check)[3:], strict=True)
    return ", ".join(f"{heading} {words}".strip() for heading, words in parts if words)


def _printable(text: str) -> str:
    """Without control characters, which XML cannot hold."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)
