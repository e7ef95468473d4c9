"""Published tables as data: what a paper printed, under which protocol, and which of our scores stands beside it.

One TOML file per paper in ``published/``. A table has columns (a metric on a data set) and rows (a method). A cell of
the table is found by the row's method, its task variant and the column's score name and slice. Rows without ``method``
and columns without ``score`` are shown as published. :mod:`retable.reports.published.table_schema` says what a table
is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from retable.reports.errors import ReportError
from retable.reports.published.claim_schema import Claim, Conditions
from retable.reports.published.schema import STRICT, Identifier, first_problem, refuse_twice
from retable.reports.published.table_schema import PublishedTable, Row

FOLDER = Path(__file__).parent


class PublishedPaper(BaseModel):
    """One file: a paper, its tables and its claims."""

    model_config = STRICT

    paper: Identifier
    title: str
    authors: str
    venue: str
    year: int
    reference: str
    anchors: list[Row] = []
    """Reference rows; each table names those that it shows below its own rows (:attr:`PublishedTable.anchors`)."""
    tables: list[PublishedTable] = Field(min_length=1)
    conditions: list[Conditions] = []
    """Every score that a claim names has some."""
    claims: list[Claim] = []

    @model_validator(mode="after")
    def _anchored(self) -> Self:
        """Every table with its reference rows among its rows."""
        known = {row.id: row.model_copy(update={"reference": True}) for row in self.anchors}
        for place, table in enumerate(self.tables):
            if stray := sorted(set(table.anchors) - set(known)):
                raise ValueError(f"table {table.id!r}: anchors: {stray[0]!r} is none of this file's: {sorted(known)}")
            rows = [*table.rows, *(known[name] for name in table.anchors)]
            self.tables[place] = PublishedTable.model_validate({**dict(table), "rows": rows, "anchors": []})
        return self

    @model_validator(mode="after")
    def _names_meet(self) -> Self:
        tables = [table.id for table in self.tables]
        refuse_twice("table", tables)
        refuse_twice("claim", [claim.id for claim in self.claims])
        for claim in self.claims:
            if claim.table not in tables:
                raise ValueError(f"claim {claim.id!r}: table = {claim.table!r} is not in this file; known: {tables}")
            for contrast in claim.contrasts:
                for score, slices in (part for term in (*contrast.plus, *contrast.minus) for part in term.parts()):
                    if not any(one.fits(score, slices) for one in self.conditions):
                        raise ValueError(f"claim {claim.id!r}: no [[conditions]] of this file fits the score {score!r}")
        return self

    def conditions_for(self, score: str, slices: Mapping[str, str]) -> Conditions:
        """What has to hold for a verdict on this score of a claim."""
        return next(one for one in self.conditions if one.fits(score, slices))


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
