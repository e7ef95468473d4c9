"""Published tables as data: what a paper printed, under which protocol, and which of our scores stands beside it.

One TOML file a paper in ``published/``. A table has columns (a metric on a data set) and rows (a method); a cell of the
table is found by the row's method, its task variant and the column's score name and slice. Rows without ``method`` and
columns without ``score`` are shown as published. Nothing here knows what a method or a metric is.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from reports.claim_data import Claim
from reports.errors import ReportError
from reports.schema import STRICT, Confidence, Direction, Identifier, first_problem

FOLDER = Path(__file__).parent / "published"


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
    missing: str = "not measured"
    """What is printed where a finished cell has no such score."""
    measured_by: Literal["machine", "people"] = "machine"
    """``people``: a human study, which no machine can repeat; shown as published."""
    against: Identifier | None = None
    """Id of a row: shown is the value minus that row's, paired by seed, e.g. what a row has forgotten."""
    source: str = ""
    confidence: Confidence | None = None
    protocol: PublishedProtocol | None = None

    @model_validator(mode="after")
    def _people_are_not_scored(self) -> Self:
        if self.measured_by == "people" and self.score:
            raise ValueError("a column measured by people cannot have a score; remove 'score' or 'measured_by'")
        if self.against and not self.score:
            raise ValueError("'against' needs a 'score' of ours to take the difference of")
        return self


class Row(_Strict):
    """One method, under one task variant."""

    id: Identifier
    title: str
    method: str | None = None
    """Registered name of our method; ``None`` for a row that is shown as published only."""
    variant: str | None = None
    """Task variant; ``*`` repeats the row for every variant that was run."""
    slice: dict[str, str] = {}
    note: str = ""
    published: dict[str, float | PublishedValue] = {}
    """Column id -> published number."""


class Figure(_Strict):
    """A side-by-side picture of the rows' answers to the same inputs, as papers print them."""

    caption: str


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
    columns: list[Column] = []
    rows: list[Row] = Field(min_length=1)
    figure: Figure | None = None

    @property
    def caption(self) -> str:
        """Number and title: ``Table 1. Accuracy of ...``."""
        return f"{self.number}. {self.title}" if self.number else self.title

    @model_validator(mode="after")
    def _names_meet(self) -> Self:
        columns = [column.id for column in self.columns]
        rows = [row.id for row in self.rows]
        for kind, names in (("column", columns), ("row", rows)):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"table {self.id!r}: {kind} id {twice[0]!r} is used twice")
        for row in self.rows:
            for column in self.columns:
                if row.variant and column.variant and row.variant != column.variant:
                    raise ValueError(
                        f"table {self.id!r}: row {row.id!r} and column {column.id!r} name different variants; "
                        "name the variant in one of the two"
                    )
            if stray := sorted(set(row.published) - set(columns)):
                raise ValueError(
                    f"table {self.id!r}, row {row.id!r}: published.{stray[0]} names no column; known: {columns}"
                )
        for column in self.columns:
            self._check_against(column)
        if self.origin == "added" and any(row.published for row in self.rows):
            raise ValueError(f"table {self.id!r} has origin 'added', so it cannot hold published numbers")
        return self

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


class PublishedPaper(_Strict):
    """One file: a paper, its tables and its claims."""

    paper: Identifier
    title: str
    authors: str
    venue: str
    year: int
    reference: str
    tables: list[PublishedTable] = Field(min_length=1)
    claims: list[Claim] = []

    @model_validator(mode="after")
    def _table_ids_differ(self) -> Self:
        names = [table.id for table in self.tables]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"table id {twice[0]!r} is used twice")
        return self

    @model_validator(mode="after")
    def _claims_belong_to_tables(self) -> Self:
        names = [claim.id for claim in self.claims]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"claim id {twice[0]!r} is used twice")
        tables = [table.id for table in self.tables]
        for claim in self.claims:
            if claim.table not in tables:
                raise ValueError(f"claim {claim.id!r}: table = {claim.table!r} is not in this file; known: {tables}")
        return self


def load_paper(path: Path) -> PublishedPaper:
    """One paper's file.

    Raises:
        ReportError: the file cannot be read, is not TOML, or holds an unknown or a bad key; names file and key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ReportError(f"{path}: not valid TOML: {error}") from error
    try:
        return PublishedPaper.model_validate(content)
    except ValidationError as error:
        raise ReportError(f"{path}: {first_problem(error, content)}") from error


def load_papers(folder: Path = FOLDER) -> list[PublishedPaper]:
    """Every ``*.toml`` of a folder, sorted by year, then name.

    Raises:
        ReportError: see :func:`load_paper`; or two files describe one paper, or two tables share an id.
    """
    papers = [(path, load_paper(path)) for path in sorted(folder.glob("*.toml"))]
    seen: dict[str, Path] = {}
    for path, paper in papers:
        names = [f"paper {paper.paper!r}", *(f"table {table.id!r}" for table in paper.tables)]
        for name in [*names, *(f"claim {claim.id!r}" for claim in paper.claims)]:
            if name in seen:
                raise ReportError(f"{path}: {name} is already in {seen[name]}; rename one of the two")
            seen[name] = path
    return sorted((paper for _, paper in papers), key=lambda paper: (paper.year, paper.paper))


def published_tables() -> list[PublishedTable]:
    """Every table that comes with this package, in the order of :func:`load_papers`.

    Raises:
        ReportError: see :func:`load_papers`.
    """
    return [table for paper in load_papers() for table in paper.tables]
