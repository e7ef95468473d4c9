"""Published numbers are exactly those that were printed, and a bad file is refused by name and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from retable.reports.errors import ReportError
from retable.reports.published.papers import load_paper, load_papers, published_tables
from tests.reports.printed import printed
from tests.reports.report_factory import paper_of
from tests.reports.test_claims import CLAIM
from tests.reports.test_tables import AGAINST


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


PLOTTED = (
    PAPER[: PAPER.index("[[tables]]")]
    + """[[tables]]
id = "made-up-1"
title = "One"
origin = "added"
together = true
plot = { caption = "C", x = "shots" }
columns = [
  { id = "few", group = "FID", title = "5", score = "fid.lite0", direction = "lower", x = 5 },
  { id = "many", group = "FID", title = "10", score = "fid.lite0", direction = "lower", variant = "n10", x = 10 },
]
rows = [{ id = "ours", title = "Ours", method = "m/m" }]
"""
)
ANCHORED = PAPER.replace(
    "[[tables]]", '[[anchors]]\nid = "mean"\ntitle = "Mean"\nmethod = "anchor/mean"\n[[tables]]\nanchors = ["mean"]'
)
REFUSED = {
    PAPER: [
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
    ANCHORED: [
        ('anchors = ["mean"]', 'anchors = ["maen"]', "'maen' is none of this file's: ['mean']"),
        ('id = "mean"\ntitle', 'id = "ours"\ntitle', "'mean' is none of this file's"),
        ('id = "ours", title', 'id = "mean", title', "row id 'mean' is used twice"),
    ],
    PLOTTED: [
        ('plot = { caption = "C", x = "shots" }\n', "", "'plot' and columns with an 'x' belong together"),
        ("together = true\n", "", "add together = true"),
        ("x = 10", "x = 5", "two columns of group 'FID' have x = 5"),
        ("x = 10", "x = 0", "columns[many].x"),
        ('score = "fid.lite0", direction = "lower", x = 5', 'direction = "lower", x = 5', "'x' needs a 'score'"),
        ('x = "shots"', 'y = "shots"', "unknown key tables[made-up-1].plot.y"),
    ],
    AGAINST: [
        ('against = "basic"', 'against = "nobody"', "names no row"),
        ('method = "against/basic"', 'variant = "x"', "names a row without a method"),
        ('method = "against/basic"', 'method = "against/basic", variant = "*"', "needs a single row"),
        ('title = "Change"\nscore = "accuracy.target"', 'title = "Change"', "'against' needs a 'score'"),
    ],
    CLAIM: [
        ('sentence = "New', 'sentense = "New', "unknown key claims[better].sentense"),
        ('source = "Nowhere 2020"\n', "", "claims[better].source is missing"),
        ('says = "KID', 'say = "KID', "unknown key claims[better].contrasts[0].say"),
        ('{ method = "made-up/old",', "{", "claims[better].contrasts[0].plus[0].method is missing"),
        ('slice = { request = "test" } }]\nminus', "slice = { group = [] } }]\nminus", "plus[0].slice.group"),
        ('table = "made-up-1"', 'table = "made-up-2"', "table = 'made-up-2' is not in this file"),
        ("minus = ", "margin = 2.0\nminus = ", "'margin' and 'margin_why' belong together"),
        ('"test" } }]\nminus', '"test" }, factor = 1.05 }]\nminus', "(or a term's 'factor') needs its reason"),
        ("minus = ", "decimals = 9\nminus = ", "claims[better].contrasts[0].decimals"),
        ('[{ method = "made-up/old"', '[{ method = "made-up/new"', "'plus' and 'minus' are the same"),
        ('confidence = "high"', 'confidence = "sure"', "claims[better].confidence"),
    ],
}
"""A good file -> what is changed in it, and what is then said."""


@pytest.mark.parametrize(("text", "case"), [(text, case) for text, cases in REFUSED.items() for case in cases])
def test_a_bad_file_is_refused_with_its_name_and_the_key(tmp_path: Path, text: str, case: tuple[str, str, str]) -> None:
    old, new, words = case
    path = tmp_path / "made-up.toml"
    path.write_text(text)
    load_paper(path)
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ReportError) as caught:
        load_paper(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_claims_cannot_share_an_id(tmp_path: Path) -> None:
    (tmp_path / "made-up.toml").write_text(CLAIM + CLAIM[CLAIM.index("[[claims]]") :])
    with pytest.raises(ReportError, match="claim id 'better' is used twice"):
        load_papers(tmp_path)


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
    compared = [row for table in paper.tables if table.figure for row in table.rows if not row.reference]
    assert methods == {row.method for row in compared}


def test_what_the_cartoon_paper_shows_of_men_is_decided_on_men() -> None:
    (claim,) = (claim for claim in paper_of("cartoon").claims if claim.table == "cartoon-fig-5")
    terms = [term for one in claim.contrasts for term in (*one.plus, *one.minus)]
    assert {str(term.slice["group"]) for term in terms} == {"man"}
