"""Published numbers are exactly those that were printed, and a bad file is refused by name and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from retable.reports.compute.comparison import published_value
from retable.reports.errors import ReportError
from retable.reports.published.papers import FOLDER, load_paper, load_papers, published_tables
from retable.reports.published.table_schema import PublishedTable
from tests.reports.printed import printed

NUMBERS = ("Table 1", "Table 2", "Table 3")


def dtn_table(number: str) -> PublishedTable:
    paper = load_paper(FOLDER / "dtn.toml")
    return next(table for table in paper.tables if table.number == number)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_published_column_says_where_it_is_from_and_how_it_was_measured(number: str) -> None:
    for column in dtn_table(number).columns:
        assert column.source
        assert column.confidence
        assert column.unit
        assert column.protocol is not None
        assert column.protocol.source == "real"


def test_rows_of_other_peoples_methods_are_published_only() -> None:
    assert [row.title for row in dtn_table("Table 2").rows if row.method is None] == list(printed("dtn", "Table 2"))[:2]


def test_every_table_that_ships_has_a_name_of_its_own() -> None:
    names = [table.id for table in published_tables()]
    assert len(names) == len(set(names))
    assert {"dtn-table-1", "dtn-more-scores", "dtn-judges"} <= set(names)


PAPER = """
paper = "made-up"
title = "T"
authors = "A"
venue = "V"
year = 2020
reference = "R"
[[tables]]
id = "made-up-1"
title = "One"
origin = "paper"
columns = [{ id = "fid", title = "FID", score = "fid.lite0", direction = "lower" }]
rows = [{ id = "ours", title = "Ours", method = "m/m", measures = { fid = {} }, published = { fid = 1.5 } }]
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('origin = "paper"', 'origin = "paper"\ncaption = "x"', "unknown key tables[made-up-1].caption"),
        ('direction = "lower"', 'direction = "down"', "tables[made-up-1].columns[fid].direction"),
        ('title = "FID", ', "", "tables[made-up-1].columns[fid].title is missing"),
        ("fid = 1.5", "kid = 1.5", "published.kid names no column"),
        ("fid = 1.5", "fid = { value = 1.5, sorce = 'x' }", "unknown key tables[made-up-1].rows[ours].published.fid"),
        ('direction = "lower"', 'direction = "lower", measured_by = "people"', "cannot have a score"),
        ('origin = "paper"', 'origin = "added"', "cannot hold published numbers"),
        ("measures = { fid = {} }", "measures = { kid = {} }", "measures.kid names no column"),
        ('score = "fid.lite0", ', "", "measures.fid names no column with a score of ours"),
        ('method = "m/m", ', "", "measures without a method"),
        ("year = 2020", "year = ", "not valid TOML"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_the_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "made-up.toml"
    path.write_text(PAPER.replace(old, new))
    with pytest.raises(ReportError) as caught:
        load_paper(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_files_cannot_claim_one_table(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(PAPER)
    (tmp_path / "b.toml").write_text(PAPER.replace('paper = "made-up"', 'paper = "other"'))
    with pytest.raises(ReportError, match=r"b\.toml: table 'made-up-1' is already in .*a\.toml"):
        load_papers(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"none\.toml: cannot be read"):
        load_paper(tmp_path / "none.toml")


def test_the_cartoon_paper_prints_no_numbers_so_its_tables_hold_none() -> None:
    paper = load_paper(FOLDER / "cartoon.toml")
    assert {table.origin for table in paper.tables} == {"added"}
    assert {table.number for table in paper.tables if table.figure} == {"Fig. 4", "Fig. 5", "Fig. 6"}
    assert not any(row.published for table in paper.tables for row in table.rows)


def test_every_figure_of_the_cartoon_paper_that_compares_rows_has_a_claim() -> None:
    paper = load_paper(FOLDER / "cartoon.toml")
    numbers = {table.id: table.number for table in paper.tables}
    assert {numbers[claim.table] for claim in paper.claims} == {"Fig. 4", "Fig. 5", "Fig. 6"}
    methods = {term.method for claim in paper.claims for one in claim.contrasts for term in (*one.plus, *one.minus)}
    assert methods == {row.method for table in paper.tables if table.figure for row in table.rows}


def test_what_the_cartoon_paper_shows_of_men_is_decided_on_men() -> None:
    (claim,) = (claim for claim in load_paper(FOLDER / "cartoon.toml").claims if claim.table == "cartoon-fig-5")
    terms = [term for one in claim.contrasts for term in (*one.plus, *one.minus)]
    assert {str(term.slice["group"]) for term in terms} == {"man"}


def test_the_claims_of_dtn_agree_with_the_published_numbers() -> None:
    """A claim is read off the tables, so with the paper's own numbers every contrast must come out as claimed."""
    paper = load_paper(FOLDER / "dtn.toml")
    tables = {table.id: table for table in paper.tables}
    for claim in paper.claims:
        rows = {(row.method, row.variant or ""): row for row in tables[claim.table].rows}
        (column,) = tables[claim.table].columns
        for one in claim.contrasts:
            plus, minus = (
                sum(published_value(rows[term.method, term.variant], column) for term in terms)
                for terms in (one.plus, one.minus)
            )
            assert plus - minus - one.margin > 0, one.says
            assert {term.score for term in (*one.plus, *one.minus)} == {column.score}
