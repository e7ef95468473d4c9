"""A table ready to be printed: every renderer prints exactly these texts, so that all outputs hold the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["ours", "published", "difference", "rank", "votes"]
"""``votes``: what people said in a published human study; it stands beside our numbers and is not set against them."""


@dataclass(frozen=True)
class Entry:
    """One cell of a table."""

    text: str
    spread: str = ""
    """The seeds' points ``(1.0, 2.0)`` or the interval ``[1.0, 2.0]``; empty for one seed."""
    value: float | None = None
    """For sorting and drawing; ``None`` where there is no number."""
    best: bool = False
    state: Literal["number", "status", "missing", "n/c"] = "missing"
    notes: tuple[int, ...] = ()
    """1-based footnotes."""

    @property
    def full(self) -> str:
        """Text and spread as running text."""
        return f"{self.text} {self.spread}".strip()


@dataclass(frozen=True)
class Heading:
    """One printed column."""

    kind: Kind
    title: str
    """Title, arrow and unit: ``Accuracy ↑ (%)``."""
    group: str = ""
    notes: tuple[int, ...] = ()
    column: str = ""


@dataclass(frozen=True)
class Line:
    """One printed row."""

    title: str
    entries: tuple[Entry, ...]
    published_only: bool = False
    note: str = ""
    addresses: tuple[str, ...] = ()
    """Cells behind the row, finished ones first."""
    picture: str = ""
    """Preview whose pictures a figure shows; empty for the first."""


@dataclass(frozen=True)
class Orderings:
    """How many of the published pairwise orderings came out the same way."""

    pairs: int
    """Published pairs of unequal value for which both rows were measured alike."""
    same: int
    others: tuple[str, ...]
    """One sentence for each pair that came out otherwise, tied or undecided."""
    unchecked: int
    """Published pairs for which a number of ours is missing."""


@dataclass(frozen=True)
class Series:
    """One line of a panel: a row's scores along the horizontal axis."""

    title: str
    points: tuple[tuple[float, tuple[float, ...]], ...]
    """``(x, the value of every seed)``, by ``x``."""
    reference: bool = False
    """A yardstick, drawn in the background."""


@dataclass(frozen=True)
class Panel:
    """One score of a plot."""

    title: str
    """Title, arrow and unit: ``FID (lite0) ↓``."""
    series: tuple[Series, ...]
    """Only rows that have numbers."""


@dataclass(frozen=True)
class Plot:
    """Numbers of a table as a drawing."""

    caption: str
    x: str
    log: bool
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Table:
    """A table with everything that is printed above and under it."""

    anchor: str
    paper: str
    number: str
    title: str
    added: bool
    note: str
    headings: tuple[Heading, ...]
    lines: tuple[Line, ...]
    data: str
    """Whose data: ``source=standin: ...``."""
    protocols: tuple[str, ...]
    """One line per column."""
    seeds: str
    judges: str
    orderings: Orderings | None
    footnotes: tuple[str, ...]
    source: str
    """Where the published numbers are from."""
    made: str = ""
    """What is said above the table if other sources made its cells, or several did."""
    figure_caption: str = ""
    """Set where the rows' answers are to be shown side by side."""
    layout: str = ""
    """Id of the published table that this is, or is a part of."""
    part: str = ""
    """The group of columns that this part of a wide table shows."""
    plot: Plot | None = None
    """Set where there is something to draw."""

    @property
    def name(self) -> str:
        """Number and title: ``Table 1. Accuracy of ...``."""
        return f"{self.number}. {self.title}" if self.number else self.title

    def flat_headings(self) -> list[str]:
        """Headings on one line each, for outputs without rows of headings."""
        several = {heading.column for heading in self.headings if heading.kind == "difference"}
        flat = []
        for heading in self.headings:
            first = heading.kind == "ours" or heading.column not in several
            group = f"{heading.group} " if heading.group else ""
            kind = "rank (ours → published)" if heading.kind == "rank" else heading.kind
            alone = heading.kind == "ours" and heading.column not in several
            flat.append((f"{group}{heading.title}" + ("" if alone else f", {kind}")) if first else kind)
        return flat

    def under(self) -> list[str]:
        """The lines under the table, in reading order, without footnotes."""
        rows = [f"{line.title}: {line.note}" for line in self.lines if line.note]
        lines = [*rows, self.data, *self.protocols, self.seeds, self.judges, self.source]
        if self.added:
            lines.insert(0, "Added by this project; not in the paper.")
        if self.orderings is not None:
            lines.append(self.ordering_line())
        return [line for line in lines if line]

    def ordering_line(self) -> str:
        """How many pairwise orderings came out as published, in one sentence; empty without pairs."""
        if self.orderings is None:
            return ""
        counts = self.orderings
        line = f"Pairwise orderings: {counts.same} of {counts.pairs} came out as published."
        return line + (f" {counts.unchecked} could not be checked." if counts.unchecked else "")
