"""Published tables as data: what a paper printed, under which protocol, and which of our scores stands beside it.

One TOML file a paper in ``published/``. A table has columns (a metric on a data set) and rows (a method); a cell of the
table is found by the row's method, its task variant and the column's score name and slice. Rows without ``method`` and
columns without ``score`` are shown as published. Nothing here knows what a method or a metric is.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from reports.errors import ReportError

FOLDER = Path(__file__).parent / "published"

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.\-]*$")]
Direction = Literal["higher", "lower", "none"]
Confidence = Literal["high", "medium", "low", "derived", "unverified"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
    source: str = ""
    confidence: Confidence | None = None
    protocol: PublishedProtocol | None = None

    @model_validator(mode="after")
    def _people_are_not_scored(self) -> Self:
        if self.measured_by == "people" and self.score:
            raise ValueError("a column measured by people cannot have a score; remove 'score' or 'measured_by'")
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
        if self.origin == "added" and any(row.published for row in self.rows):
            raise ValueError(f"table {self.id!r} has origin 'added', so it cannot hold published numbers")
        return self


class PublishedPaper(_Strict):
    """One file: a paper and its tables."""

    paper: Identifier
    title: str
    authors: str
    venue: str
    year: int
    reference: str
    tables: list[PublishedTable] = Field(min_length=1)

    @model_validator(mode="after")
    def _table_ids_differ(self) -> Self:
        names = [table.id for table in self.tables]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"table id {twice[0]!r} is used twice")
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
        raise ReportError(f"{path}: {_first_problem(error, content)}") from error


def load_papers(folder: Path = FOLDER) -> list[PublishedPaper]:
    """Every ``*.toml`` of a folder, sorted by year, then name.

    Raises:
        ReportError: see :func:`load_paper`; or two files describe one paper, or two tables share an id.
    """
    papers = [(path, load_paper(path)) for path in sorted(folder.glob("*.toml"))]
    seen: dict[str, Path] = {}
    for path, paper in papers:
        for name in [f"paper {paper.paper!r}", *(f"table {table.id!r}" for table in paper.tables)]:
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


def _first_problem(error: ValidationError, content: dict[str, Any]) -> str:
    """The first problem with its key spelled as in the file, list entries by their own ``id``."""
    problems = error.errors()
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    node: Any = content
    words: list[str] = []
    for part in first["loc"]:
        if isinstance(part, int) and isinstance(node, list) and part < len(node):
            node = node[part]
            words[-1] += f"[{node['id'] if isinstance(node, dict) and 'id' in node else part}]"
        elif isinstance(node, dict) and (part in node or not words or first["type"] == "missing"):
            node = node.get(str(part))
            words.append(str(part))
    key = ".".join(words) or "(top level)"
    if first["type"] == "extra_forbidden":
        return f"unknown key {key}; remove it or correct its name"
    if first["type"] == "missing":
        return f"key {key} is missing"
    message = re.sub(r"^Value error, ", "", first["msg"])
    return f"key {key}: {message}" if words else message
