"""One table as data: columns (a metric on a data set), rows (a method), and the numbers that a paper printed.

A cell of the table is found by the row's method, its task variant and the column's score name and slice; a row may ask
for a score of its own instead. Rows without ``method`` and columns without ``score`` are shown as published. Nothing
here knows what a method or a metric is.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from retable.reports.published.schema import STRICT, Confidence, Direction, Identifier, refuse_twice
from retable.reports.records.cell import Cell


class _Strict(BaseModel):
    model_config = STRICT


class PublishedProtocol(_Strict):
    """How the paper measured: in words for people, and the keys by which it is compared with a score's own protocol.

    Only the keys that are set are compared; ``source`` is compared with the source of the cell's task.
    """

    words: str
    source: str | None = None
    metric: str | None = None
    extractor: str | None = None
    resize: str | None = None
    data: str | None = None
    n_real: int | None = None
    n_fake: int | None = None
    detail: str | None = None

    def keys(self) -> dict[str, str | int]:
        """The keys that are compared, without ``words``."""
        return {key: value for key, value in self.model_dump(exclude={"words"}).items() if value is not None}


class PublishedValue(_Strict):
    """A published number whose source or confidence differs from its column's."""

    value: float
    confidence: Confidence | None = None
    source: str | None = None
    note: str = ""


class Column(_Strict):
    """One metric on one data set."""

    id: Identifier
    title: str
    group: str = ""
    """Heading above several columns, e.g. the data set. Wide tables are split by it."""
    score: str | None = None
    """Name of our score, e.g. ``fid.lite0``; ``None`` shows the column as published."""
    slice: dict[str, str] = {}
    """The score's slice; completed by the row's. ``*`` stands for any single value."""
    variant: str | None = None
    """Task variant that this column is about (a data set); rows may name it instead."""
    unit: str = ""
    direction: Direction
    decimals: int = Field(default=2, ge=0, le=6)
    scale: float = 1.0
    """Our value is multiplied by this before it is shown, e.g. ``1e-6`` for millions."""
    require: dict[str, str] = {}
    """``key=value`` pairs that the score's ``protocol.detail`` must hold, e.g. ``timer = "cuda"``."""
    optional: bool = False
    """Left out where no row has a number, unless nothing else would be left: a class that a small profile lacks."""
    missing: str = "not measured"
    """What is printed where a finished cell has no such score."""
    measured_by: Literal["machine", "people"] = "machine"
    """``people``: a human study, which no machine can repeat; shown as published, without best, rank or difference."""
    against: Identifier | None = None
    """Id of a row: shown is the value minus that row's, paired by seed, e.g. what a row has forgotten."""
    source: str = ""
    confidence: Confidence | None = None
    protocol: PublishedProtocol | None = None
    x: float | None = Field(default=None, gt=0)
    """Where the column stands along the table's plot, e.g. its number of shots; a panel is drawn for every group."""

    @model_validator(mode="after")
    def _people_are_not_scored(self) -> Self:
        if self.measured_by == "people" and self.score:
            raise ValueError("a column measured by people cannot have a score; remove 'score' or 'measured_by'")
        if self.against and not self.score:
            raise ValueError("'against' needs a 'score' of ours to take the difference of")
        if self.x is not None and not self.score:
            raise ValueError("'x' needs a 'score' of ours to draw; remove 'x' or name the 'score'")
        return self


class Measurement(_Strict):
    """What a row asks for in one column instead of what the column asks for."""

    score: str | None = None
    """Name of our score; ``None`` keeps the column's."""
    slice: dict[str, str] = {}
    """The whole slice of the score."""


class Row(_Strict):
    """One method, under one task variant."""

    id: Identifier
    title: str
    method: str | None = None
    """Registered name of our method; ``None`` for a row that is shown as published only."""
    variant: str | None = None
    """Task variant; ``*`` repeats the row for every variant that was run."""
    slice: dict[str, str] = {}
    measures: dict[str, Measurement] = {}
    """Column id -> what this row shows there. A row that names any column has no number of ours in the others."""
    reference: bool = False
    """A yardstick such as real images: shown, and never the best, ranked, ordered or called measured unlike."""
    decimals: int | None = Field(default=None, ge=0, le=6)
    """Of this row's numbers, where they are of another kind than the columns'."""
    picture: str | None = None
    """Preview whose pictures the figure shows for this row; ``None`` takes the figure's, empty the first."""
    note: str = ""
    published: dict[str, float | PublishedValue] = {}
    """Column id -> published number."""


class Figure(_Strict):
    """A side-by-side picture of the rows' answers to the same inputs, as papers print them."""

    caption: str
    picture: str = ""
    """Name of the preview that it shows; empty for a task's first, whose files carry no name."""


class Plot(_Strict):
    """The table's columns with an ``x`` as a drawing: a panel for every group, a line for every row, all seeds."""

    caption: str
    x: str
    """What stands along the horizontal axis, e.g. ``shots``."""
    log: bool = False
    """Equal factors of ``x`` take equal room."""


class PublishedTable(_Strict):
    """A table of a paper, or one that we add."""

    id: Identifier
    number: str = ""
    """As the paper counts it, e.g. ``Table 1``; empty for a table that we add."""
    title: str
    origin: Literal["paper", "added"]
    task: str | None = None
    """Only cells of this task belong here; ``None`` takes the method's cells of any task."""
    note: str = ""
    varies: list[str] = []
    """Protocol keys in which the rows differ by the table's own design, and which therefore do not part them."""
    expand: str | None = None
    """Slice key by which every row is repeated, e.g. ``request``."""
    together: bool = False
    """However wide, all groups of columns stay in one table: they are to be read side by side."""
    columns: list[Column] = []
    rows: list[Row] = Field(min_length=1)
    anchors: list[Identifier] = []
    """Ids of the paper's reference rows that stand below these."""
    figure: Figure | None = None
    plot: Plot | None = None

    @property
    def caption(self) -> str:
        """Number and title: ``Table 1. Accuracy of ...``."""
        return f"{self.number}. {self.title}" if self.number else self.title

    def shows(self, cell: Cell) -> bool:
        """Whether a row shows this cell."""
        return self.task in (None, cell.task) and any(
            row.method == cell.method and (row.variant or column.variant or "") in ("*", cell.variant)
            for row in self.rows
            for column in self.columns
        )

    @model_validator(mode="after")
    def _names_meet(self) -> Self:
        refuse_twice("column", [column.id for column in self.columns], f"table {self.id!r}: ")
        refuse_twice("row", [row.id for row in self.rows], f"table {self.id!r}: ")
        for row in self.rows:
            self._check_row(row)
        for column in self.columns:
            self._check_against(column)
        self._check_plot()
        if self.origin == "added" and any(row.published for row in self.rows):
            raise ValueError(f"table {self.id!r} has origin 'added', so it cannot hold published numbers")
        return self

    def _check_row(self, row: Row) -> None:
        """A row's variant agrees with the columns', and what it says of columns is about columns that there are."""
        where = f"table {self.id!r}, row {row.id!r}"
        columns = [column.id for column in self.columns]
        for column in self.columns:
            if row.variant and column.variant and row.variant != column.variant:
                raise ValueError(
                    f"table {self.id!r}: row {row.id!r} and column {column.id!r} name different variants; "
                    "name the variant in one of the two"
                )
        if stray := sorted(set(row.published) - set(columns)):
            raise ValueError(f"{where}: published.{stray[0]} names no column; known: {columns}")
        if row.measures and row.method is None:
            raise ValueError(f"{where}: measures without a method; name its 'method'")
        scored = [column.id for column in self.columns if column.score]
        if stray := sorted(set(row.measures) - set(scored)):
            raise ValueError(f"{where}: measures.{stray[0]} names no column with a score of ours; known: {scored}")

    def _check_against(self, column: Column) -> None:
        """Differences need exactly one row to be taken from."""
        if column.against is None:
            return
        where = f"table {self.id!r}, column {column.id!r}: against = {column.against!r}"
        row = next((row for row in self.rows if row.id == column.against), None)
        if row is None:
            raise ValueError(f"{where} names no row; known: {[row.id for row in self.rows]}")
        if row.method is None:
            raise ValueError(f"{where} names a row without a method of ours")
        if row.variant == "*" or self.expand:
            raise ValueError(f"{where} needs a single row, but that row is repeated (variant '*' or 'expand')")
        if any(column.id in row.published for row in self.rows):
            raise ValueError(f"{where}: a column of differences cannot hold published numbers")

    def _check_plot(self) -> None:
        """A plot has columns to draw, each at a place of its own in its panel, and stays in one piece."""
        placed = [(column.group, column.x) for column in self.columns if column.x is not None]
        if bool(placed) != (self.plot is not None):
            raise ValueError(f"table {self.id!r}: 'plot' and columns with an 'x' belong together; one is missing")
        if twice := next((place for place in placed if placed.count(place) > 1), None):
            raise ValueError(f"table {self.id!r}: two columns of group {twice[0]!r} have x = {twice[1]:g}")
        if self.plot is not None and not self.together:
            raise ValueError(f"table {self.id!r}: a table with a 'plot' is not split; add together = true")
