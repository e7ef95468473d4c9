"""Published numbers are exactly those that were printed, and a bad file is refused by name and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from retable.reports.errors import ReportError
from retable.reports.published.papers import load_paper, load_papers, published_tables
from tests.reports.printed import printed
from tests.reports.report_factory import paper_of


def test_rows_of_other_peoples_methods_are_published_only() -> None:
    (table,) = (table for table in paper_of("dtn").tables if table.number == "Table 2")
    assert [row.title for row in table.rows if row.method is None] == list(printed("dtn", "Table 2"))[:2]


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
    paper = paper_of("cartoon")
    assert {table.origin for table in paper.tables} == {"added"}
    assert {table.number for table in paper.tables if table.figure} == {"Fig. 4", "Fig. 5", "Fig. 6"}
    assert not any(row.published for table in paper.tables for row in table.rows)


def test_every_figure_of_the_cartoon_paper_that_compares_rows_has_a_claim() -> None:
    paper = paper_of("cartoon")
    numbers = {table.id: table.number for table in paper.tables}
    assert {numbers[claim.table] for claim in paper.claims} == {"Fig. 4", "Fig. 5", "Fig. 6"}
    methods = {term.method for claim in paper.claims for one in claim.contrasts for term in (*one.plus, *one.minus)}
    assert methods == {row.method for table in paper.tables if table.figure for row in table.rows}


def test_what_the_cartoon_paper_shows_of_men_is_decided_on_men() -> None:
    (claim,) = (claim for claim in paper_of("cartoon").claims if claim.table == "cartoon-fig-5")
    terms = [term for one in claim.contrasts for term in (*one.plus, *one.minus)]
    assert {str(term.slice["group"]) for term in terms} == {"man"}
