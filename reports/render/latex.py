r"""Tables as LaTeX for ``\input``: needs the packages ``booktabs`` and ``graphicx``, nothing else."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence

from retable.reports.compute.claim_model import HEADINGS, HOW_TO_READ, ClaimLine, Claims, not_measured
from retable.reports.compute.table_model import Entry, Heading, Table
from retable.reports.render.page_parts import spans

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",
    "]": "{]}",
    "\u2212": "$-$",
    "\u2013": "--",
    "\u2192": r"$\rightarrow$",
    "\u2191": r"$\uparrow$",
    "\u2193": r"$\downarrow$",
    "\u2026": r"\dots{}",
    "\u00b7": r"$\cdot$",
    "\u00d7": r"$\times$",
    "\u00b1": r"$\pm$",
}


def escape(text: str) -> str:
    """Text that TeX prints as it stands; letters outside ASCII lose their accents, other signs become ``?``."""
    return "".join(_SPECIAL.get(sign) or _plain(sign) for sign in " ".join(text.split()))


def _plain(sign: str) -> str:
    if sign.isascii():
        return sign if sign.isprintable() else "?"
    bare = "".join(part for part in unicodedata.normalize("NFKD", sign) if part.isascii() and part.isprintable())
    return "".join(_SPECIAL.get(part, part) for part in bare) or "?"


def render(table: Table) -> str:
    """A ``table`` environment with caption, label and notes; wider than the line, it is scaled to the line."""
    others = table.orderings.others if table.orderings else ()
    under = [escape(line) for line in (table.made, table.note, *table.under(), *others) if line]
    under += [f"\\textsuperscript{{{number}}}~{escape(note)}" for number, note in enumerate(table.footnotes, start=1)]
    body = _tabular("l" + "r" * len(table.headings), _table_rows(table)) if table.headings else ""
    label = f"\\label{{tab:{table.anchor.removeprefix('table-')}}}\n"
    return NEEDS + _environment(table.name, label, body, under)


NEEDS = "% Needs \\usepackage{booktabs} and \\usepackage{graphicx}.\n"
PAGE = 12
"""Most contrasts of claims in one ``table`` environment: a float does not break across pages."""


def render_claims(claims: Claims) -> str:
    """The claims of one paper as ``table`` environments: one row per claim, then one per contrast."""
    parts: list[list[ClaimLine]] = [[]]
    for line in claims.lines:
        if parts[-1] and sum(len(other.contrasts) for other in (*parts[-1], line)) > PAGE:
            parts.append([])
        parts[-1].append(line)
    return NEEDS + "".join(_claims_part(claims, part, first=part is parts[0]) for part in parts)


def _claims_part(claims: Claims, part: Sequence[ClaimLine], *, first: bool) -> str:
    rows = [_cells(["Verdict", "Claim and contrasts", *map(escape, HEADINGS[1:])])]
    sources = "; ".join(dict.fromkeys(line.source for line in part))
    said = [HOW_TO_READ, not_measured([claims])] if first else []
    under = [*filter(None, said), f"Sources: {sources}."]
    for line in part:
        sentence = f"\\multicolumn{{10}}{{p{{92em}}}}{{\\textbf{{{escape(line.sentence)}}}}}"
        rows += ["\\midrule", _cells([f"\\textbf{{{escape(line.word)}}}", sentence])]
        rows += [_cells([one.verdict, *map(escape, one.cells)]) for one in line.contrasts]
        under += [f"{one.says}: {note}" for one in line.contrasts for note in one.notes]
    caption = f"Claims: {claims.title}" + (f": {claims.counts}" if first else " (continued)")
    label = f"\\label{{tab:{claims.anchor}}}\n" if first else ""
    return _environment(caption, label, _tabular("lp{24em}rrrrrp{10em}p{10em}p{10em}l", rows), map(escape, under))


def _environment(caption: str, label: str, body: str, under: Iterable[str]) -> str:
    """A float with its caption on top, and lines in small print under its body."""
    small = "\\par\n".join(under)
    return (
        f"\\begin{{table}}[htbp]\n\\centering\n\\caption{{{escape(caption)}}}\n{label}{body}"
        f"\\par\\smallskip\n\\begin{{minipage}}{{\\linewidth}}\\footnotesize\\raggedright\n{small}\n\\end{{minipage}}\n"
        "\\end{table}\n"
    )


def _tabular(columns: str, rows: Sequence[str]) -> str:
    """The rows between rules; where they are wider than the line, all of it is scaled down."""
    lines = [
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        *rows,
        "\\bottomrule",
        "\\end{tabular}}",
    ]
    return "\n".join(lines) + "\n"


def _table_rows(table: Table) -> list[str]:
    rows = []
    if any(heading.group for heading in table.headings):
        rows.append(_spanning(spans(table.headings, "group"), lambda heading: escape(heading.group)))
    titles = spans(table.headings, "column")
    rows.append(_spanning(titles, lambda heading: escape(heading.title) + _marks(heading.notes)))
    if any(heading.kind != "ours" for heading in table.headings):
        rows.append(_cells(["", *(heading.kind for heading in table.headings)]))
    rows.append("\\midrule")
    for line in table.lines:
        title = escape(line.title) + (" \\emph{(published only)}" if line.published_only else "")
        rows.append(_cells([title, *map(_entry, line.entries)]))
    return rows


def _spanning(groups: Sequence[Sequence[Heading]], title: Callable[[Heading], str]) -> str:
    """A row of headings, each over all its columns."""
    cells, rules, at = [""], [], 2
    for members in groups:
        cells.append(f"\\multicolumn{{{len(members)}}}{{c}}{{{title(members[0])}}}")
        if len(members) > 1:
            rules.append(f"\\cmidrule(lr){{{at}-{at + len(members) - 1}}}")
        at += len(members)
    return _cells(cells) + "".join(rules)


def _cells(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _entry(entry: Entry) -> str:
    printed = f"\\textbf{{{escape(entry.text)}}}" if entry.best else escape(entry.text)
    return f"{printed} {escape(entry.spread)}".strip() + _marks(entry.notes)


def _marks(notes: tuple[int, ...]) -> str:
    return f"\\textsuperscript{{{','.join(map(str, notes))}}}" if notes else ""
