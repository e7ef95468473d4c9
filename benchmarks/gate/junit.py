"""A gate's report as JUnit XML, which CI systems read."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.render import WORDS, headings, row
from retable.benchmarks.gate.verdict import Check, GateReport
from retable.benchmarks.run.old_journal import write_atomically


def write_junit(report: GateReport, path: Path) -> None:
    """One test case per check; scores that are not compared are skipped cases, and the notes the suite's output.

    Raises:
        UserError: the file cannot be written.
    """
    root = ElementTree.Element(
        "testsuite",
        name=f"gate.{report.suite}",
        tests=str(len(report.checks) + len(report.aside)),
        failures=str(len(report.failures)),
        errors="0",
        skipped=str(len(report.aside)),
    )
    cases = [*((check, False) for check in report.checks), *((check, True) for check in report.aside)]
    for check, skipped in cases:
        case = ElementTree.SubElement(root, "testcase", classname=check.cell, name=check.key)
        text = f"{WORDS[check.verdict]}: {_words(report, check)}"
        if skipped:
            ElementTree.SubElement(case, "skipped", message=text)
        elif check.failed:
            ElementTree.SubElement(case, "failure", type=check.verdict, message=text)
        else:
            ElementTree.SubElement(case, "system-out").text = text
    if report.notes:
        ElementTree.SubElement(root, "system-out").text = _printable("\n".join(report.notes))
    ElementTree.indent(root)
    write_file(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file in one step, with its folder.

    Raises:
        UserError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def _words(report: GateReport, check: Check) -> str:
    *_, wanted, given, _ = headings(report)
    _, _, _, expected, got, by, reason = row(check)
    parts = [f"{wanted} {expected}" if expected else "", f"{given} {got}" if got else "", by, reason]
    return _printable(", ".join(part for part in parts if part))


def _printable(text: str) -> str:
    """Without control characters, which XML cannot hold."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)
