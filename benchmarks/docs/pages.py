"""Pages of Markdown: one a module of methods, and the index over all methods."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from inspect import getsourcefile
from pathlib import Path

from retable.benchmarks.docs.docstrings import ROOT, Links, line, split
from retable.benchmarks.docs.family import Family, Member, families
from retable.benchmarks.docs.results import Recorded, results
from retable.benchmarks.docs.tables import metrics_list, settings_table
from retable.benchmarks.docs.usage import usage
from retable.reports.published.papers import PublishedPaper
from retable.reports.render.markdown import escape

INDEX = "README.md"
MADE = "<!-- Written by `retable docs` from docstrings, settings, published tables and recordings; do not edit. -->"
RENEW = "retable docs --to docs/methods"


def pages(folder: Path, recorded: Recorded) -> dict[str, str]:
    """Every page by file name, the index among them.

    Args:
        folder: where they will lie, which decides how links are written; nothing is read from or written to it.
        recorded: what stands under "Results beside the paper".
    """
    found = families()
    links = Links(folder, {family.module: family.file for family in found})
    made = {family.file: _page(family, links, recorded) for family in found}
    return {INDEX: _index(found, recorded.papers), **made}


def _page(family: Family, links: Links, recorded: Recorded) -> str:
    module = import_module(family.module)
    said = split(module.__doc__)
    source = Path(str(getsourcefile(module)))
    parts = [
        MADE,
        f"# {links.markdown(said.title)}",
        f"{_names(family)} · source: [`{family.module}`](<{links.to(source)}>) · [all methods]({INDEX})",
        "## Overview",
        links.markdown(said.body),
        _rows(family, links),
        "## Source",
        _source(family, recorded.papers),
        "## Usage",
        usage(family),
        "## Settings",
        "Defaults are the paper's, and where it is silent a choice of this project. `quick` is what "
        "`retable run quick` takes.",
        settings_table(family, links),
        "## What is measured",
        metrics_list(family, links),
        f"How exact these are: [tolerances]({links.to(ROOT / 'docs' / 'tolerances.md')}). Every score carries its "
        "protocol: extractor, number of images, data.",
        "## Differences from the paper",
        _differences(family, links, said.differences),
        "## Results beside the paper",
        results(family.names, recorded),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _names(family: Family) -> str:
    return ", ".join(f"`{name}`" for name in family.names)


def _rows(family: Family, links: Links) -> str:
    """What each method of the page is, by its class's docstring."""
    rows = ["| method | row | what it is | starts from |", "|---|---|---|---|"]
    for member in family.members:
        said = split(member.cls.__doc__)
        what = line(links.markdown(f"{said.title}. {said.body}".strip()))
        needs = ", ".join(f"`{needed}`" for needed in dict.fromkeys(member.cls.needs.values())) or "–"
        rows.append(f"| `{member.name}` | {line(escape(member.cls.title))} | {what} | {needs} |")
    return "\n".join(rows)


def _differences(family: Family, links: Links, of_module: str) -> str:
    own = []
    for member in family.members:
        said = split(member.cls.__doc__).differences
        if said and f":mod:`{family.module}`" not in said:
            own.append(f"- `{member.name}`: {line(links.markdown(said))}")
    text = links.markdown(of_module) or "Nothing is said about any."
    return "\n\n".join(part for part in (text, "\n".join(own)) if part)


def _source(family: Family, papers: Sequence[PublishedPaper]) -> str:
    """The papers whose tables have a row of the page, with those tables."""
    lines = []
    for paper in papers:
        tables = [table for table in paper.tables if {row.method for row in table.rows} & set(family.names)]
        if tables:
            where = f"{escape(paper.venue)} {paper.year}, {paper.reference}"
            lines.append(f'{escape(paper.authors)}, "{escape(paper.title)}", {where}:')
            lines.append("\n".join(f"- {escape(table.caption)}{_added(table.origin)}" for table in tables))
    return "\n\n".join(lines) or "No published table has a row of it."


def _added(origin: str) -> str:
    return " (added by this project)" if origin == "added" else ""


def _index(found: Sequence[Family], papers: Sequence[PublishedPaper]) -> str:
    rows = ["| method | row | tables of | tables | page |", "|---|---|---|---|---|"]
    rows += [_index_row(family, member, papers) for family in found for member in family.members]
    parts = [
        MADE,
        "# Methods",
        "One page a method, or a family of methods that share a module. Tables in brackets are this project's own. "
        f"`{RENEW}` renews these pages.",
        "\n".join(rows),
        "`dummy/dummy` and `dummy/tuned` test the harness and have no page.",
    ]
    return "\n\n".join(parts) + "\n"


def _index_row(family: Family, member: Member, papers: Sequence[PublishedPaper]) -> str:
    names, cited = [], []
    for paper in papers:
        for table in paper.tables:
            if any(row.method == member.name for row in table.rows):
                name = table.number or table.title
                names.append(escape(name if table.origin == "paper" else f"[{name}]"))
                cited.append(f"{paper.venue} {paper.year}")
    of = ", ".join(dict.fromkeys(cited)) or "–"
    tables = line(", ".join(names)) or "–"
    return f"| `{member.name}` | {line(escape(member.cls.title))} | {of} | {tables} | [{family.file}]({family.file}) |"
