"""What is printed under a table: whose data, protocols, seeds, judges, and where the published numbers are from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retable.reports import text
from retable.reports.compute.runs import Runs
from retable.reports.compute.select import Measured
from retable.reports.compute.statistics import INTERVAL_FROM
from retable.reports.compute.table_model import Line
from retable.reports.published.table_schema import PublishedTable
from retable.reports.records.score import Protocol

Columns = Mapping[str, Sequence[Measured | None]]
"""Column id -> what we measured, one entry per row."""


def data_line(runs: Runs, lines: Sequence[Line]) -> str:
    """Whose data our numbers come from, in plain words."""
    addresses = {address for line in lines for address in line.addresses}
    sources = sorted({runs.by_address[address].source for address in addresses} - {""})
    words = {
        "standin": "source=standin: our numbers come from stand-in data, not from the paper's data set.",
        "real": "source=real: our numbers come from data on the user's disk, the paper's or others.",
    }
    return " ".join(words.get(source, f"source={source}.") for source in sources)


def made_line(runs: Runs, lines: Sequence[Line]) -> str:
    """What a reader must know about what made a table's cells: not what is installed, or not one thing alone."""
    addresses = sorted({address for line in lines for address in line.addresses})
    records = [record for address in addresses if (record := runs.by_address[address]).status == "ok"]
    if stale := [record for record in records if record.cell.hash in runs.stale]:
        made = " or ".join(sorted({runs.stale[record.cell.hash] for record in stale}))
        mixed = "" if len(stale) == len(records) else ", the others were not: the table mixes old and new"
        cells = text.plural(len(records), "cell")
        return f"Stale: {len(stale)} of {cells} made by {made}{mixed}."
    # Digests of sources can be compared where they are those of the same modules.
    sources: dict[tuple[str, str], set[str]] = {}
    versions: dict[str, set[str]] = {"torch": set(), "Python": set()}
    for record in records:
        of_row = record.cell.method, record.environment.get("modules", "")
        sources.setdefault(of_row, set()).add(record.environment.get("code", ""))
        for name, known in versions.items():
            known.add(record.environment.get(name.lower(), "unknown").partition("+")[0])
    changed = sorted({method for (method, _), codes in sources.items() if len(codes) > 1})
    differ = [f"different sources ({', '.join(changed)})"] if changed else []
    differ += [f"{name} {' and '.join(sorted(known))}" for name, known in versions.items() if len(known) > 1]
    return f"Mixed: its cells were made by {', '.join(differ)}." if differ else ""


def protocol_lines(table: PublishedTable, measured: Columns) -> list[str]:
    """How each column was measured by us and by the paper; columns of a group that were measured alike share a line.

    So do groups of equal columns, e.g. the data sets of one paper.
    """
    lines: dict[tuple[str, str], list[str]] = {}
    for column in table.columns:
        ours = _our_protocols(measured[column.id])
        said = [f"ours: {line}" for line in ours]
        if column.protocol is not None:
            said.append(f"published: {column.protocol.words}")
        if column.against and ours:
            against = next(row.title for row in table.rows if row.id == column.against)
            said.append(f"shown: the change against {against}, paired by seed")
        if said:
            lines.setdefault((column.group, "; ".join(said)), []).append(column.title)
    alike: dict[tuple[str, str], list[str]] = {}
    for (group, words), titles in lines.items():
        alike.setdefault((words, ", ".join(titles)), []).append(group)
    return [f"Protocol of {_place(groups, titles)}: {words}." for (words, titles), groups in alike.items()]


def _place(groups: Sequence[str], titles: str) -> str:
    """``Hair colour FID, KID`` for one group, ``Dogs; Flowers: FID, KID`` for several."""
    named = "; ".join(group for group in groups if group)
    return f"{named}{':' if len(groups) > 1 else ''} {titles}" if named else titles


def _our_protocols(entries: Sequence[Measured | None]) -> list[str]:
    """One line for every way of measuring; data that differ in nothing but their name are named together."""
    data: dict[tuple[str, ...], list[str]] = {}
    first: dict[tuple[str, ...], Protocol] = {}
    for entry in entries:
        if entry is not None and entry.protocol is not None and entry.values and not entry.apart:
            device = dict(entry.comparability).get("device", "")
            way = (text.protocol_line(entry.protocol, ""), f", device {device}" if device else "")
            first.setdefault(way, entry.protocol)
            data.setdefault(way, []).append(entry.protocol.data)
    return [
        text.protocol_line(first[way], " and ".join(filter(None, dict.fromkeys(names)))) + way[1]
        for way, names in data.items()
    ]


def seeds_line(measured: Columns) -> str:
    """Which seeds, and what stands in brackets."""
    entries = [entry for column in measured.values() for entry in column if entry is not None and entry.values]
    seeds = sorted({seed for entry in entries for seed in entry.values})
    if not seeds:
        return ""
    most = max(len(entry.values) for entry in entries)
    least = min(len(entry.values) for entry in entries)
    how = []
    if least < INTERVAL_FROM and most > 1:
        how.append("(values of every seed)")
    if most >= INTERVAL_FROM:
        how.append("[95 % bootstrap interval of the mean]")
    listed = ", ".join(str(seed) for seed in seeds)
    return f"Seeds: {listed}." + (f" Shown: mean {' or '.join(how)}." if how else "")


_FIGURES = {"accuracy": "accuracy", "classification_error": "error"}
"""Scores that say how good a judge is -> the word for them."""


def judges_line(runs: Runs, lines: Sequence[Line], measured: Columns) -> str:
    """How good the judges behind this table's numbers are on real images."""
    # Judges that decide together have one name, joined by dots: each of them is named with its own figure.
    roles = {
        role
        for column in measured.values()
        for entry in column
        if entry is not None and entry.protocol is not None and entry.protocol.extractor.startswith("judge:")
        for name in [entry.protocol.extractor.partition(":")[2]]
        for role in (name, *name.split("."))
    }
    addresses = {address for line in lines for address in line.addresses}
    judges = {
        (role, judge.address)
        for address in addresses
        for role, judge in runs.by_address[address].cell.judges.items()
        if role in roles
    }
    said = []
    for role, address in sorted(judges):
        record = runs.by_address.get(address)
        figures = [
            f"{_FIGURES[score.name]} {text.number(score.value, 2)} {score.unit} "
            f"on {score.slice.get('request', 'its test images')}"
            for score in (record.scores if record is not None and record.status == "ok" else ())
            if score.name in _FIGURES and set(score.slice) <= {"request"}
        ]
        said.append(f"{role} = {address}, {', '.join(figures) or 'accuracy not measured'}")
    return f"Judge: {'; '.join(said)}." if said else ""


def source_line(table: PublishedTable) -> str:
    """Where the published numbers are from, and how sure that is."""
    facts = [
        f"{column.source}{f' (confidence: {column.confidence})' if column.confidence else ''}"
        for column in table.columns
        if column.source
    ]
    return f"Published numbers: {'; '.join(dict.fromkeys(facts))}." if facts else ""
