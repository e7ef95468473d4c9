r"""Tables as LaTeX for ``\input``: needs the packages ``booktabs`` and ``graphicx``, nothing else."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby

from retable.reports.compute.claim_model import HEADINGS, HOW_TO_READ, ClaimLine, Claims
from retable.reports.compute.table_model import Entry, Heading, Table

PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{booktabs}
\usepackage{graphicx}
"""

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
    body = _tabular(table) if table.headings else ""
    under = [
        *([table.note] if table.note else []),
        *table.under(),
        *(table.orderings.others if table.orderings else ()),
    ]
    notes = [f"\\textsuperscript{{{number}}}~{escape(note)}" for number, note in enumerate(table.footnotes, start=1)]
    small = "\\par\n".join([*(escape(line) for line in under), *notes])
    return (
        "% Needs \\usepackage{booktabs} and \\usepackage{graphicx}.\n"
        "\\begin{table}[htbp]\n\\centering\n"
        f"\\caption{{{escape(table.name)}}}\n\\label{{tab:{table.anchor.removeprefix('table-')}}}\n"
        f"{body}"
        f"\\par\\smallskip\n\\begin{{minipage}}{{\\linewidth}}\\footnotesize\\raggedright\n{small}\n\\end{{minipage}}\n"
        "\\end{table}\n"
    )


PAGE = 12
"""Most contrasts of claims in one ``table`` environment: a float does not break across pages."""


def render_claims(claims: Claims) -> str:
    """The claims of one paper as ``table`` environments: one row per claim, then one per contrast."""
    parts: list[list[ClaimLine]] = [[]]
    for line in claims.lines:
        if parts[-1] and sum(len(other.contrasts) for other in (*parts[-1], line)) > PAGE:
            parts.append([])
        parts[-1].append(line)
    head = "% Needs \\usepackage{booktabs} and \\usepackage{graphicx}.\n"
    return head + "".join(_claims_part(claims, part, first=part is parts[0]) for part in parts)


def _claims_part(claims: Claims, part: Sequence[ClaimLine], *, first: bool) -> str:
    lines = [
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",
        "\\begin{tabular}{lp{24em}rrrrrl}",
        "\\toprule",
        _cells(["Verdict", "Claim and contrasts", *(escape(heading) for heading in HEADINGS[1:])]),
    ]
    notes = []
    for line in part:
        lines.append("\\midrule")
        sentence = f"\\multicolumn{{7}}{{p{{62em}}}}{{\\textbf{{{escape(line.sentence)}}}}}"
        lines.append(_cells([f"\\textbf{{{escape(line.word)}}}", sentence]))
        lines += [_cells([one.verdict, *(escape(cell) for cell in one.cells)]) for one in line.contrasts]
        notes += [escape(f"{one.says}: {note}") for one in line.contrasts for note in one.notes]
    body = "\n".join([*lines, "\\bottomrule", "\\end{tabular}}", ""])
    sources = "; ".join(dict.fromkeys(line.source for line in part))
    small = "\\par\n".join([*([escape(HOW_TO_READ)] if first else []), escape(f"Sources: {sources}."), *notes])
    label = f"\\label{{tab:{claims.anchor}}}\n" if first else ""
    caption = f"Claims: {claims.title}: {claims.counts}" if first else f"Claims: {claims.title} (continued)"
    return (
        "\\begin{table}[htbp]\n\\centering\n"
        f"\\caption{{{escape(caption)}}}\n{label}"
        f"{body}"
        f"\\par\\smallskip\n\\begin{{minipage}}{{\\linewidth}}\\footnotesize\\raggedright\n{small}\n"
        "\\end{minipage}\n\\end{table}\n"
    )


def _tabular(table: Table) -> str:
    lines = [
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",
        f"\\begin{{tabular}}{{l{'r' * len(table.headings)}}}",
        "\\toprule",
    ]
    if any(heading.group for heading in table.headings):
        lines.append(_spans([(heading.group, heading.group) for heading in table.headings]))
    lines.append(_spans([(heading.column, _title(heading)) for heading in table.headings]))
    if any(heading.kind != "ours" for heading in table.headings):
        lines.append(_cells(["", *(heading.kind for heading in table.headings)]))
    lines.append("\\midrule")
    for line in table.lines:
        title = escape(line.title) + (" \\emph{(published only)}" if line.published_only else "")
        lines.append(_cells([title, *(_entry(entry) for entry in line.entries)]))
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}}", ""])


def _spans(titles: list[tuple[str, str]]) -> str:
    """A row of headings, each over all neighbours with the same key."""
    cells, rules, at = [""], [], 2
    for _, members in groupby(titles, key=lambda pair: pair[0]):
        printed = [title for _, title in members]
        cells.append(f"\\multicolumn{{{len(printed)}}}{{c}}{{{printed[0]}}}")
        if len(printed) > 1:
            rules.append(f"\\cmidrule(lr){{{at}-{at + len(printed) - 1}}}")
        at += len(printed)
    return _cells(cells) + "".join(rules)


def _cells(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _title(heading: Heading) -> str:
    return escape(heading.title) + _marks(heading.notes)


def _entry(entry: Entry) -> str:
    printed = f"\\textbf{{{escape(entry.text)}}}" if entry.best else escape(entry.text)
    return f"{printed} {escape(entry.spread)}".strip() + _marks(entry.notes)


def _marks(notes: tuple[int, ...]) -> str:
    return f"\\textsuperscript{{{','.join(str(note) for note in notes)}}}" if notes else ""
