"""StarGAN's tables: people's votes stand apart, real images are a yardstick, and claims follow the scores."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

import pytest

from retable.datasets.attributes.labels import Vocabulary
from retable.datasets.attributes.measures import measured
from retable.datasets.attributes.settings import AttributesSettings, Set
from retable.reports.compute.comparison import published_value
from retable.reports.compute.decide_claims import build_claims
from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Table
from retable.reports.compute.tables import build_tables
from retable.reports.published.table_schema import PublishedTable, PublishedValue
from retable.reports.render import latex, markdown
from retable.reports.render.pictures import side_by_side
from tests.reports.made_up import FACES
from tests.reports.outputs import Page, page_of
from tests.reports.report_factory import Cells, asked_of, column, paper_of, recorded, suite

ROWS = ("DIAT", "CycleGAN", "IcGAN", "StarGAN")
VOTES = {
    "Table 1": {
        "Hair colour": (9.3, 20.0, 4.5, 66.2),
        "Gender": (31.4, 16.6, 12.9, 39.1),
        "Aged": (6.9, 13.3, 9.2, 70.6),
    },
    "Table 2": {
        "H+G": (20.4, 14.0, 18.2, 47.4),
        "H+A": (15.6, 12.0, 10.9, 61.5),
        "G+A": (18.7, 11.2, 20.3, 49.8),
        "H+G+A": (15.6, 11.9, 20.3, 52.2),
    },
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Three seeds of every row, with pictures; built once, only read."""
    return suite("stargan", Cells(tmp_path_factory.mktemp("stargan") / "cells"), pictures=True).bundle()


@pytest.fixture(scope="module")
def tables(bundle: Runs) -> dict[str, Table]:
    return {table.anchor.removeprefix("table-stargan-"): table for table in build_tables(bundle)}


@pytest.fixture(scope="module")
def page(bundle: Runs) -> Page:
    return Page(page_of(bundle))


def published(number: str) -> PublishedTable:
    return next(table for table in paper_of("stargan").tables if table.number == number)


@pytest.mark.parametrize("number", VOTES)
def test_the_votes_are_the_printed_ones_and_add_up_to_all_people(number: str) -> None:
    table = published(number)
    asked = [column for column in table.columns if column.measured_by == "people"]
    held = {
        column.title: tuple(published_value(row, column) for row in table.rows if row.title in ROWS) for column in asked
    }
    assert held == VOTES[number]
    assert all(sum(shares) == pytest.approx(100.0) for shares in held.values())
    assert all((column.confidence, column.score) == ("high", None) for column in asked)


def test_the_users_reproduction_is_published_only_and_says_how_sure_it_is(tables: Mapping[str, Table]) -> None:
    (row,) = (row for row in published("Table 3").rows if row.id == "user")
    said = row.published["error"]
    assert isinstance(said, PublishedValue)
    assert (row.method, said.value, said.confidence) == (None, 8.1, "medium")
    (line,) = (line for line in tables["table-3"].lines if line.published_only)
    notes = [tables["table-3"].footnotes[number - 1] for entry in line.entries for number in entry.notes]
    assert len(notes) == 1
    assert "issue #123" in notes[0]
    assert "confidence: medium" in notes[0]


@pytest.mark.parametrize("name", ["table-1", "table-2"])
def test_votes_never_get_a_difference_a_rank_or_a_best(tables: Mapping[str, Table], name: str) -> None:
    table = tables[name]
    kinds = [heading.kind for heading in table.headings]
    assert set(kinds) == {"votes", "ours"}
    assert kinds == sorted(kinds, reverse=True)  # all votes, then all of ours
    rows = [line for line in table.lines if not line.title.startswith("Reference: ")]
    for line in rows:
        votes = [entry for entry, kind in zip(line.entries, kinds, strict=True) if kind == "votes"]
        assert all(entry.state == "number" and not entry.best and not entry.spread for entry in votes)
    assert table.orderings is None
    ours = [entry for entry, kind in zip(rows[-1].entries, kinds, strict=True) if kind == "ours"]
    assert all(entry.best for entry in ours)


@pytest.mark.parametrize("name", ["table-1", "table-2"])
def test_no_output_lets_votes_and_errors_be_taken_for_each_other(
    page: Page, tables: Mapping[str, Table], name: str
) -> None:
    table = tables[name]
    votes = sum(heading.kind == "votes" for heading in table.headings)
    for heading, flat in zip(table.headings, table.flat_headings(), strict=True):
        people = heading.kind == "votes"
        assert flat.startswith("People's votes (published) " if people else "Error by our judges ")
        assert flat.endswith(", votes") == people
        assert bool(heading.notes) == people
    assert markdown.render(table).count("no machine can repeat") == 1
    printed = latex.render(table)
    assert f"\\multicolumn{{{votes}}}{{c}}{{People's votes (published)}}" in printed
    assert " & ".join(["", *["votes"] * votes, *["ours"] * (len(table.headings) - votes)]).strip() in printed
    rows = page.tables[table.anchor]
    assert rows[0] == ["", "People's votes (published)", "Error by our judges"]
    assert rows[2] == ["Row", *["votes"] * votes, *["ours"] * (len(table.headings) - votes)]
    shaded = [keys for tag, keys in page.tags if tag == "td" and "votes" in keys.get("class", "").split()]
    lines = {number: len(tables[number.lower().replace(" ", "-")].lines) for number in VOTES}
    assert len(shaded) == sum(len(VOTES[number]) * lines[number] for number in VOTES)


def test_real_images_are_a_yardstick_with_a_score_of_their_own(tables: Mapping[str, Table]) -> None:
    table = tables["table-3"]
    ours = column(table, "error")
    assert ours["Real images"].text == "0.50"
    assert ours["Real images"].notes == ()
    assert [title for title, entry in ours.items() if entry.best] == ["StarGAN"]
    assert [title for title, entry in column(table, "error", "published").items() if entry.best] == ["StarGAN"]
    ranks = column(table, "error", "rank")
    assert {title: ranks[title].text for title in ROWS} == {
        "DIAT": "2 → 2",
        "CycleGAN": "3 → 3",
        "IcGAN": "4 → 4",
        "StarGAN": "1 → 1",
    }
    assert ranks["Real images"].text == "–"
    assert {column(table, name)["Real images"].text for name in ("models", "parameters", "model-parameters")} == {"–"}
    assert table.orderings is not None
    assert table.orderings.pairs == 12  # of four rows; the yardstick is in none


def test_what_is_said_about_a_row_stands_in_every_output(tables: Mapping[str, Table]) -> None:
    said = "Real images: The judge's own error on real images"
    assert said in markdown.render(tables["table-3"])
    assert said in latex.render(tables["table-3"])


def test_a_row_has_the_parameters_of_all_its_models() -> None:
    (table,) = (table for table in build_tables(recorded()) if table.layout == "stargan-table-3")
    one, models, every = (
        column(table, name)["CycleGAN"].value for name in ("model-parameters", "models", "parameters")
    )
    assert (one or 0) * (models or 0) == pytest.approx(every)
    assert "three, so there it is 3 and 6" in table.note


def test_every_judge_behind_a_combination_is_named_with_its_error() -> None:
    (table,) = (table for table in build_tables(recorded()) if table.layout == "stargan-table-2")
    for role in ("hair", "gender", "age"):
        assert re.search(rf"{role} = judges/{role}/attributes/s0, error \d+\.\d\d % on judge-test", table.judges)
    assert "expression" not in table.judges


def test_targets_that_a_profile_lacks_have_no_columns(cells: Cells) -> None:
    held = [one for one in build_tables(recorded()) if one.layout == "stargan-domains-expressions"]
    assert [len(table.headings) for table in held] == [3, 3, 3]
    cells.add("stargan/stargan", task="attributes", variant="expressions", status="oom")
    empty = next(table for table in build_tables(cells.bundle()) if table.layout == "stargan-domains-expressions")
    assert len(empty.headings) == 7
    assert {entry.text for entry in empty.lines[3].entries} == {"x oom"}


Asked = tuple[str, tuple[tuple[str, str], ...]]


def own_scores(variant: str) -> set[Asked]:
    """``(name, slice)`` of everything that the task ``attributes`` has a row scored by on stand-in data."""
    data: tuple[Set, ...] = get_args(Set) if not variant else tuple(of for of in get_args(Set) if of == variant)
    words = Vocabulary.of(AttributesSettings(data=data)).classes()
    found: set[Asked] = {
        (name, (("request", "train"),)) for name in ("trained_parameters", "models", "model_parameters")
    }
    for one in measured(data, across=True, known=True):
        name = one.metric if one.metric == "answer_time" else f"{one.metric}.{one.judge or 'lite0'}"
        found.add((name, (("request", one.request),)))
        found |= {(name, ((str(one.by), word), ("request", one.request))) for word in words.get(one.by or "", ())}
    return found


def test_every_score_that_tables_and_claims_ask_for_is_one_that_the_task_measures() -> None:
    costs = ("answer_time", "step_time.p50", "throughput", "peak_memory", "parameters")
    for made, scores in asked_of("stargan").items():
        if made.method.startswith("stargan/"):
            asked = {one.key for one in scores.values() if one.name not in costs}
            assert len(asked) > 20
            assert asked - own_scores(made.variant) == set()


def test_every_row_shows_the_preview_that_it_asks_for(bundle: Runs, tables: Mapping[str, Table]) -> None:
    shown = {}
    for name in ("table-1", "joint-expressions", "joint-attributes", "mask"):
        figure = side_by_side(bundle, tables[name])
        assert figure is not None
        assert figure.left_out == ()
        rows = [strip for strip in figure.rows[1:] if not strip.title.startswith("Reference: ")]
        shown[name] = [(strip.address, strip.path.name) for strip in rows]
    joint = "stargan/stargan-joint/attributes/s0"
    assert {file for _, file in shown["table-1"]} == {"outputs.png"}
    assert shown["mask"] == [(joint, "across.outputs.png"), (joint, "across-wrong-mask.outputs.png")]
    assert shown["joint-expressions"] == [
        ("stargan/stargan/attributes-expressions/s0", "across.outputs.png"),
        (joint, "across.outputs.png"),
    ]
    assert shown["joint-attributes"] == [
        ("stargan/stargan/attributes-faces/s0", "outputs.png"),
        (joint, "faces.outputs.png"),
    ]


def test_a_preview_that_a_cell_does_not_have_is_never_replaced_by_another(cells: Cells) -> None:
    suite("stargan", cells, (0,), pictures=True)
    for path in cells.root.glob("stargan_stargan-joint*/images/across-wrong-mask.outputs.png"):
        path.unlink()
    bundle = cells.bundle()
    mask = next(table for table in build_tables(bundle) if table.layout == "stargan-mask")
    figure = side_by_side(bundle, mask)
    assert figure is not None
    assert [strip.title for strip in figure.rows] == ["Input", "Right mask: the label is an expression"]


def test_the_loss_from_one_attribute_to_three_is_taken_from_the_mean_of_the_three(cells: Cells) -> None:
    bundle = suite("stargan", cells).bundle()
    (claims,) = build_claims(bundle, [paper_of("stargan")], [])
    (line,) = (line for line in claims.lines if line.anchor == "claim-stargan-multi-attribute")
    single, three = FACES["diat"]
    ours, all_ours = FACES["stargan"]
    seeds = 1.01  # what the levels of seeds 0 to 2 are multiplied by, on average
    assert line.contrasts[0].effect == f"+{((three - single) - (all_ours - ours)) * seeds:.1f} points"


@pytest.mark.parametrize("number", VOTES)
def test_what_we_read_off_a_human_study_is_marked_as_ours_and_follows_the_votes(number: str) -> None:
    table = published(number)
    (claim,) = (claim for claim in paper_of("stargan").claims if claim.table == table.id and claim.id.endswith("-ours"))
    assert claim.sentence.startswith("Ours: ")
    assert (claim.confidence, "a human study" in claim.source) == ("derived", True)
    assert all(max(shares) == shares[ROWS.index("StarGAN")] for shares in VOTES[number].values())
    assert len(claim.contrasts) == len(VOTES[number]) * 3
    asked = {(column.score, column.slice["request"]) for column in table.columns if column.score}
    assert {(term.score, str(term.slice["request"])) for one in claim.contrasts for term in one.plus} == asked
