"""Our numbers beside published ones: what is shown, what is compared, and what never is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Entry, Table
from retable.reports.compute.tables import build_tables
from retable.reports.published.papers import PublishedPaper, load_paper, load_papers
from retable.reports.records.score import Score
from tests.reports.report_factory import Cells, accuracy, column, score, suite

ROWS = ["baseline", "dtn", "no-tid", "no-const", "no-f", "no-gan", "no-const-tid", "original"]


def table_named(bundle: Runs, anchor: str, papers: list[PublishedPaper] | None = None) -> Table:
    return next(table for table in build_tables(bundle, papers) if table.anchor == f"table-{anchor}")


def entries(table: Table, row: str) -> dict[str, Entry]:
    line = next(line for line in table.lines if line.title == row)
    return {heading.kind: entry for heading, entry in zip(table.headings, line.entries, strict=True)}


def test_every_row_of_the_papers_tables_is_there_whatever_became_of_it(suite_bundle: Runs) -> None:
    table = table_named(suite_bundle, "dtn-table-1")
    assert len([line for line in table.lines if not line.title.startswith("Reference: ")]) == len(ROWS)
    assert {line.entries[0].text for line in table.lines if line.entries[0].state != "number"} == {
        "x timeout",
        "x oom",
        "x failed",
        "– not run",
    }
    assert all(entry.text for line in table.lines for entry in line.entries)


def test_stand_in_data_are_never_subtracted_from_a_papers_real_data(suite_bundle: Runs) -> None:
    table = table_named(suite_bundle, "dtn-table-1")
    difference = entries(table, "DTN")["difference"]
    assert (difference.text, difference.value) == ("n/c", None)
    (note,) = (table.footnotes[number - 1] for number in difference.notes)
    assert "ours stand-in data, published the paper's data set" in note
    assert table.data.startswith("source=standin")


@pytest.mark.parametrize(
    ("value", "unit", "n", "difference", "note"),
    [
        (91.0, "%", 26032, "+0.34", ""),
        (88.0, "%", 26032, "\u22122.66", ""),
        (91.0, "%", 1000, "n/c", "N: ours 1,000, published 26,032"),
        (0.91, "", 26032, "n/c", "unit: ours none, published %"),
    ],
)
def test_only_equal_protocols_give_a_difference(
    cells: Cells, value: float, unit: str, n: int, difference: str, note: str
) -> None:
    cells.add("dtn/dtn", [accuracy(value, n=n, source="real").model_copy(update={"unit": unit})], source="real")
    table = table_named(cells.bundle(), "dtn-table-1")
    assert entries(table, "DTN")["difference"].text == difference
    assert note in " ".join(table.footnotes)


@pytest.mark.parametrize("status", ["failed", "oom", "timeout", "nonfinite", "skipped", "damaged"])
def test_a_cell_that_ended_badly_leaves_its_word_its_reason_and_no_number(cells: Cells, status: Any) -> None:
    if status == "damaged":
        # A score that is not finite makes the whole result one that cannot be trusted.
        result = cells.add("dtn/dtn", [accuracy(80.0)]) / "result.json"
        result.write_text(result.read_text().replace(":80.0", ":NaN"))
    else:
        cells.add("dtn/dtn", [accuracy(80.0)], status=status, reason="needs a finite number")
    table = table_named(cells.bundle(), "dtn-table-1")
    ours = entries(table, "DTN")["ours"]
    assert (ours.text, ours.value) == ("– skipped" if status == "skipped" else f"x {status}", None)
    assert ours.state == ("missing" if status == "skipped" else "status")
    assert any("finite number" in note for note in table.footnotes)


def timed(seconds: float, timer: str) -> Score:
    return score("step_time.p50", seconds, unit="s", direction="lower", detail=f"timer={timer}")


def test_timers_never_share_a_column_and_a_missing_gpu_is_said_so(cells: Cells) -> None:
    cells.add("dtn/dtn", [timed(0.120, "cpu"), timed(0.002, "cuda")])
    cells.add("dtn/no-tid", [timed(0.004, "cuda")], device="Made-up GPU")
    cells.add("dtn/no-const", [timed(0.5, "cpu")])
    table = table_named(cells.bundle(), "dtn-more-scores")
    shown = {name: column(table, name) for name in ("cpu-step", "gpu-step")}
    rows = ("DTN", "DTN w/o L_TID", "DTN w/o L_CONST")
    assert [shown["cpu-step"][row].text for row in rows] == ["120.0", "not measured", "500.0"]
    assert [shown["gpu-step"][row].text for row in rows] == ["2.00", "4.00", "not measured"]
    # The two GPU times are of different devices, so neither is the best.
    assert not any(entry.best for entry in shown["gpu-step"].values())
    assert any("device" in note for note in table.footnotes)


@pytest.mark.parametrize(
    ("seeds", "spread"),
    [(1, r""), (3, r"\(\d+\.\d\d, \d+\.\d\d, \d+\.\d\d\)"), (6, r"\[\d+\.\d\d, \d+\.\d\d\]")],
)
def test_one_seed_stands_alone_few_are_all_shown_and_many_get_an_interval(
    cells: Cells, seeds: int, spread: str
) -> None:
    for seed in range(seeds):
        cells.add("dtn/dtn", [accuracy(80.0 + seed)], seed=seed)
    ours = entries(table_named(cells.bundle(), "dtn-table-1"), "DTN")["ours"]
    assert ours.text == f"{80 + (seeds - 1) / 2:.2f}"
    assert re.fullmatch(spread, ours.spread)


def test_a_failed_seed_is_named_and_the_mean_is_over_the_others(cells: Cells) -> None:
    cells.add("dtn/dtn", [accuracy(80.0)], seed=0)
    cells.add("dtn/dtn", seed=1, status="oom", reason="out of memory")
    table = table_named(cells.bundle(), "dtn-table-1")
    ours = entries(table, "DTN")["ours"]
    assert ours.text == "80.00"
    assert [table.footnotes[number - 1] for number in ours.notes] == ["DTN, seed 1: x oom: out of memory"]


def test_the_best_of_a_column_follows_its_direction(suite_bundle: Runs) -> None:
    table = table_named(suite_bundle, "dtn-more-scores")
    for name, better in (("accuracy", max), ("fid", min), ("cpu-step", min), ("cpu-throughput", max)):
        numbers = {
            title: entry
            for title, entry in column(table, name).items()
            if entry.value is not None and not title.startswith("Reference: ")
        }
        wanted = better(entry.value for entry in numbers.values() if entry.value is not None)
        assert {title for title, entry in numbers.items() if entry.best} == {
            title for title, entry in numbers.items() if entry.value == wanted
        }
    assert not any(entry.best for entry in column(table, "parameters").values())


def test_arrows_show_the_direction(suite_bundle: Runs) -> None:
    titles = {heading.column: heading.title for heading in table_named(suite_bundle, "dtn-more-scores").headings}
    assert titles["fid"] == "FID (lite0) ↓"
    assert titles["accuracy"] == "Judge accuracy ↑ (%)"
    assert titles["parameters"] == "Parameters (M)"


def test_ranks_are_among_the_rows_that_have_both_numbers(cells: Cells) -> None:
    for name, value in (("baseline", 30.0), ("dtn", 50.0), ("no-tid", 60.0)):
        cells.add(f"dtn/{name}", [accuracy(value)])
    table = table_named(cells.bundle(), "dtn-table-1")
    assert entries(table, "DTN")["rank"].text == "2 → 1"
    assert entries(table, "DTN w/o L_TID")["rank"].text == "1 → 2"
    assert entries(table, "Baseline method (Sec. 3)")["rank"].text == "3 → 3"
    assert entries(table, "Original SVHN image")["rank"].text == "–"


def test_orderings_are_counted_and_each_that_came_out_otherwise_is_named(cells: Cells) -> None:
    for name, value in (("baseline", 30.0), ("dtn", 50.0), ("no-tid", 60.0)):
        cells.add(f"dtn/{name}", [accuracy(value)])
    orderings = table_named(cells.bundle(), "dtn-table-1").orderings
    assert orderings is not None
    assert (orderings.pairs, orderings.same, orderings.unchecked) == (3, 2, 25)
    (other,) = orderings.others
    assert "DTN above DTN w/o L_TID: reversed (published 90.66 > 88.40, ours 50.00 < 60.00" in other


def test_from_five_seeds_an_ordering_within_the_noise_is_undecided(cells: Cells) -> None:
    for seed, (ours, other) in enumerate([(50, 52), (53, 50), (49, 51), (52, 50), (51, 50)]):
        cells.add("dtn/dtn", [accuracy(float(ours))], seed=seed)
        cells.add("dtn/no-tid", [accuracy(float(other))], seed=seed)
    orderings = table_named(cells.bundle(), "dtn-table-1").orderings
    assert orderings is not None
    assert orderings.same == 0
    assert "undecided" in orderings.others[0]
    assert "as published in 3 of 5 shared seeds" in orderings.others[0]


def test_different_numbers_of_images_are_never_compared_in_one_column(cells: Cells) -> None:
    cells.add("dtn/dtn", [accuracy(50.0, n=1000)])
    cells.add("dtn/no-tid", [accuracy(60.0, n=1000)])
    cells.add("dtn/no-const", [accuracy(99.0, n=200)])
    table = table_named(cells.bundle(), "dtn-table-1")
    apart = entries(table, "DTN w/o L_CONST")
    assert not apart["ours"].best
    assert apart["rank"].text == "–"
    assert any("N 200 instead of 1000" in table.footnotes[number - 1] for number in apart["ours"].notes)
    assert entries(table, "DTN w/o L_TID")["ours"].best
    assert table.orderings is not None
    assert table.orderings.pairs == 1


def test_seeds_that_were_measured_differently_are_not_averaged(cells: Cells) -> None:
    for seed, n in enumerate((1000, 1000, 50)):
        cells.add("dtn/dtn", [accuracy(90.0 if n == 50 else 50.0, n=n)], seed=seed)
    table = table_named(cells.bundle(), "dtn-table-1")
    ours = entries(table, "DTN")["ours"]
    assert ours.value == 50.0
    assert any("left out of the mean: seed 2" in table.footnotes[number - 1] for number in ours.notes)


def test_the_adaptation_table_takes_its_rows_from_two_requests_of_one_method(cells: Cells) -> None:
    requests = (("train", 81.0, 5000), ("test", 77.0, 1000))
    scores = [score("adaptation", value, slices={"request": name}, n_fake=n) for name, value, n in requests]
    cells.add("dtn/dtn", scores)
    table = table_named(cells.bundle(), "dtn-table-2")
    assert entries(table, "DTN on SVHN transferring the train split s")["ours"].text == "81.00"
    assert entries(table, "DTN on SVHN transferring the test split")["ours"].text == "77.00"
    published_only = [line for line in table.lines if line.published_only]
    assert [entries(table, line.title)["published"].text for line in published_only] == ["59.32", "73.85"]
    assert all(entries(table, line.title)["ours"].text == "–" for line in published_only)


def test_variants_are_rows_of_their_own(suite_bundle: Runs) -> None:
    table = table_named(suite_bundle, "dtn-table-3")
    assert [line.entries[0].text for line in table.lines[1:5]] == ["86.00", "33.10", "51.00", "9.90"]


def test_the_judges_accuracy_is_said_under_the_tables_it_judges(suite_bundle: Runs) -> None:
    assert "judges/mnist/digits/s0, accuracy 99.21 % on test" in table_named(suite_bundle, "dtn-table-1").judges
    judges = column(table_named(suite_bundle, "dtn-judges"), "accuracy")
    assert judges["Judge of target digits, request test"].text == "99.21"
    assert judges["f, trained on source labels, request test"].text == "91.80"


def test_tables_that_are_not_the_papers_say_so(suite_bundle: Runs) -> None:
    for table in build_tables(suite_bundle):
        assert table.added == ("Added by this project; not in the paper." in table.under())


def test_a_paper_without_cells_has_no_tables(cells: Cells) -> None:
    cells.add("dummy/dummy", [score("accuracy", 50.0, unit="%", direction="higher")])
    (table,) = build_tables(cells.bundle())
    assert (table.paper, table.added) == ("dummy", True)
    assert table.lines[0].entries[0].text == "50.00"


WIDE = """
paper = "wide"
title = "A made-up paper with many data sets"
authors = "Nobody"
venue = "Nowhere"
year = 2021
reference = "none"

[[tables]]
id = "wide-table-1"
number = "Table 1"
title = "Four metrics on two data sets, and what people said"
origin = "paper"
columns = [
  { id = "cats-fid", group = "Cats", title = "FID", score = "fid.inception", variant = "cats", KEYS, LOWER, MADE },
  { id = "cats-lpips", group = "Cats", title = "LPIPS", score = "lpips.lite0", variant = "cats", KEYS, HIGHER },
  { id = "cats-votes", group = "Cats", title = "Preference", unit = "%", measured_by = "people", HIGHER },
  { id = "dogs-fid", group = "Dogs", title = "FID", score = "fid.inception", variant = "dogs", KEYS, LOWER },
  { id = "dogs-lpips", group = "Dogs", title = "LPIPS", score = "lpips.lite0", variant = "dogs", KEYS, HIGHER },
]

[[tables.rows]]
id = "ours"
title = "Ours"
method = "wide/ours"

[tables.rows.published]
cats-fid = 73.1
cats-lpips = 0.56
cats-votes = 61.0
dogs-fid = { value = 96.4, confidence = "medium", source = "an issue thread" }
dogs-lpips = 0.682

[[tables.rows]]
id = "other"
title = "Other"
published = { cats-fid = 123.7, cats-lpips = 0.341, cats-votes = 39.0, dogs-fid = 103.0, dogs-lpips = 0.633 }
"""
for word, keys in (
    ("KEYS", 'slice = { request = "test" }'),
    ("LOWER", 'direction = "lower", decimals = 1'),
    ("HIGHER", 'direction = "higher"'),
    ("MADE", 'protocol = { words = "FID of 5,000 samples", source = "real", extractor = "inception", n_fake = 5000 }'),
):
    WIDE = WIDE.replace(word, keys)


@pytest.fixture
def wide(tmp_path: Path, cells: Cells) -> list[Table]:
    (tmp_path / "wide.toml").write_text(WIDE)
    fid = score("fid.inception", 80.04, direction="lower", extractor="inception", n_fake=5000)
    lpips = score("lpips.lite0", 0.5004, direction="higher", extractor="lite0", n_fake=200)
    cells.add("wide/ours", [fid, lpips], variant="cats", source="real")
    cells.add("wide/ours", [fid.model_copy(update={"value": 99.0})], variant="dogs", source="real")
    return build_tables(cells.bundle(), [load_paper(tmp_path / "wide.toml")])


def test_a_table_of_many_data_sets_is_split_by_data_set(wide: list[Table]) -> None:
    assert [table.anchor for table in wide] == ["table-wide-table-1-cats", "table-wide-table-1-dogs"]
    assert [table.title.rpartition(": ")[2] for table in wide] == ["Cats", "Dogs"]


def test_columns_find_the_variant_that_they_are_about(wide: list[Table]) -> None:
    cats, dogs = wide
    assert column(cats, "cats-fid")["Ours"].text == "80.0"
    assert column(dogs, "dogs-fid")["Ours"].text == "99.0"
    assert column(dogs, "dogs-lpips")["Ours"].text == "not measured"


def test_comparable_and_incomparable_columns_stand_side_by_side(wide: list[Table]) -> None:
    (line,) = (line for line in wide[0].lines if line.title == "Ours")
    by_column = {
        (heading.column, heading.kind): entry for heading, entry in zip(wide[0].headings, line.entries, strict=True)
    }
    assert by_column["cats-fid", "difference"].text == "+6.9"
    assert by_column["cats-lpips", "difference"].text == "n/c"


def test_votes_of_people_are_shown_as_published_and_marked(wide: list[Table]) -> None:
    (heading,) = (heading for heading in wide[0].headings if heading.column == "cats-votes")
    assert heading.kind == "votes"
    assert "no machine can repeat" in wide[0].footnotes[heading.notes[0] - 1]
    votes = column(wide[0], "cats-votes")
    assert votes["Ours"].text == "61.00"
    assert not any(entry.best for entry in votes.values())
    assert [heading.kind for heading in wide[0].headings].count("votes") == 1


def test_a_published_number_of_another_source_says_so(wide: list[Table]) -> None:
    (line,) = (line for line in wide[1].lines if line.title == "Ours")
    published = line.entries[1]
    assert published.text == "96.4"
    assert "an issue thread; confidence: medium" in wide[1].footnotes[published.notes[0] - 1]


def test_a_table_says_which_seeds_its_numbers_are_of(cells: Cells) -> None:
    table = table_named(suite("dtn", cells).bundle(), "dtn-table-1")
    assert table.seeds == "Seeds: 0, 1, 2. Shown: mean (values of every seed)."


AGAINST = """
paper = "against"
title = "A made-up paper about forgetting"
authors = "Nobody"
venue = "Nowhere"
year = 2021
reference = "none"

[[tables]]
id = "against-1"
title = "What is forgotten"
origin = "added"
rows = [
  { id = "basic", title = "Basic", method = "against/basic" },
  { id = "mild", title = "Mild", method = "against/mild" },
  { id = "harsh", title = "Harsh", method = "against/harsh" },
  { id = "absent", title = "Absent", method = "against/absent" },
]

[[tables.columns]]
id = "accuracy"
title = "Accuracy"
score = "accuracy.target"
slice = { request = "test" }
unit = "%"
direction = "higher"

[[tables.columns]]
id = "change"
title = "Change"
score = "accuracy.target"
slice = { request = "test" }
unit = "%"
direction = "higher"
against = "basic"
"""


@pytest.fixture
def against(tmp_path: Path) -> list[PublishedPaper]:
    (tmp_path / "against.toml").write_text(AGAINST)
    return [load_paper(tmp_path / "against.toml")]


def test_a_column_against_a_row_shows_paired_changes_and_ranks_them(
    cells: Cells, against: list[PublishedPaper]
) -> None:
    for seed, (basic, mild, harsh) in enumerate([(90.0, 89.0, 50.0), (80.0, 77.0, 60.0)]):
        for name, value in (("basic", basic), ("mild", mild), ("harsh", harsh)):
            cells.add(f"against/{name}", [accuracy(value)], seed=seed)
    changes = column(table_named(cells.bundle(), "against-1", against), "change")
    assert changes["Basic"].text == "–"
    assert changes["Mild"].full == "\u22122.00 (\u22121.00, \u22123.00)"
    assert changes["Harsh"].value == -30.0
    assert (changes["Mild"].best, changes["Harsh"].best, changes["Basic"].best) == (True, False, False)
    assert changes["Absent"].text == "– not run"


def test_a_change_is_taken_over_shared_seeds_and_says_which_are_left_out(
    cells: Cells, against: list[PublishedPaper]
) -> None:
    cells.add("against/basic", [accuracy(90.0)], seed=0)
    cells.add("against/basic", seed=1, status="oom")
    for seed, value in enumerate((80.0, 10.0)):
        cells.add("against/mild", [accuracy(value)], seed=seed)
    table = table_named(cells.bundle(), "against-1", against)
    mild = column(table, "change")["Mild"]
    assert mild.text == "\u221210.00"
    assert any("no difference at seed 1" in table.footnotes[number - 1] for number in mild.notes)
    assert column(table, "accuracy")["Mild"].text == "45.00"


def test_without_the_row_that_it_is_against_there_is_no_change(cells: Cells, against: list[PublishedPaper]) -> None:
    cells.add("against/basic", status="failed", reason="why")
    cells.add("against/mild", [accuracy(80.0)])
    changes = column(table_named(cells.bundle(), "against-1", against), "change")
    assert (changes["Basic"].text, changes["Mild"].text) == ("x failed", "not measured")


def test_rows_that_were_measured_differently_have_no_change(cells: Cells, against: list[PublishedPaper]) -> None:
    cells.add("against/basic", [accuracy(90.0, n=1000)])
    cells.add("against/mild", [accuracy(80.0, n=50)])
    table = table_named(cells.bundle(), "against-1", against)
    mild = column(table, "change")["Mild"]
    assert (mild.text, mild.value) == ("n/c", None)
    assert any("N 50 instead of 1000" in table.footnotes[number - 1] for number in mild.notes)


def test_the_cartoon_tables_are_filled_from_a_suite_of_its_rows(cells: Cells) -> None:
    tables = {table.anchor: table for table in build_tables(suite("cartoon", cells).bundle())}
    assert len([name for name in tables if name.startswith("table-cartoon-fig-4")]) == 3
    assert len([name for name in tables if name.startswith("table-cartoon-scores")]) == 4
    for name, table in tables.items():
        assert table.added
        if name != "table-cartoon-cost":
            waiting = [
                (line.title, entry.text) for line in table.lines for entry in line.entries if entry.value is None
            ]
            assert waiting in ([], [("Basic model (group 0 only)", "–")]), name
    forgetting = column(tables["table-cartoon-fig-4-accuracy-by-the-group-judge"], "accuracy-forgetting")
    assert forgetting["Full transfer"].best
    assert forgetting["Baseline 2 (fine-tune on groups 1-3 merged)"].value == pytest.approx(-55, abs=4)


@pytest.mark.parametrize(
    ("values", "printed", "best"),
    [
        ((0.001, 0.002, 0.004), "(all 3 the same when rounded)", False),
        ((0.002, 0.002, 0.002), "(all 3 equal)", False),
        ((0.41, 0.42, 0.43), "(0.41, 0.42, 0.43)", True),
    ],
)
def test_no_row_is_the_best_by_digits_that_are_not_printed(
    cells: Cells, values: tuple[float, ...], printed: str, best: bool
) -> None:
    for seed, value in enumerate(values):
        recall = {"unit": "%", "direction": "higher", "extractor": "judge:target", "weights": "w", "n_fake": 100}
        cells.add("dtn/dtn", [score("accuracy.target", value, **recall)], seed=seed)
        cells.add("dtn/no-tid", [score("accuracy.target", 0.0, **recall)], seed=seed)
    table = table_named(cells.bundle(), "dtn-table-1")
    ours = entries(table, "DTN")["ours"]
    assert (ours.spread, ours.best) == (printed, best)
    assert not entries(table, "DTN w/o L_TID")["ours"].best


def test_every_published_column_of_times_names_its_timer() -> None:
    """A column without one would hold seconds of a CPU and of a GPU under one heading."""
    columns = [
        (table.id, column)
        for paper in load_papers()
        for table in paper.tables
        for column in table.columns
        if (column.score or "").startswith(("step_time", "throughput", "answer_time"))
    ]
    assert len(columns) > 10
    for table, one in columns:
        assert one.require.get("timer") in ("cpu", "cuda"), f"{table}, {one.id}: require = {{ timer = ... }}"
        assert ("GPU" in one.title) == (one.require["timer"] == "cuda"), f"{table}, {one.id}: {one.title}"
