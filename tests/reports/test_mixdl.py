"""MixDL's tables, plot, pictures and claims: what was printed stands apart from what we measured on other data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from retable.benchmarks.plan.registry import get_needs
from retable.benchmarks.plan.suites import load_suite
from retable.datasets.ten_shot.settings import TenShotSettings
from retable.datasets.ten_shot.task import TenShot
from retable.reports.compute.runs import Runs
from retable.reports.compute.table_model import Table
from retable.reports.compute.tables import build_tables
from retable.reports.published.papers import PublishedPaper
from retable.reports.published.table_schema import Column, PublishedTable, PublishedValue
from retable.reports.render.pictures import side_by_side
from retable.reports.render.plots import plot_figures
from retable.reports.write import write_report
from tests.reports.made_up import FID
from tests.reports.outputs import Page
from tests.reports.printed import PRINTED, printed
from tests.reports.report_factory import Cells, asked_of, column, paper_of, suite

NUMBERS = tuple(number for paper, number in PRINTED if paper == "mixdl")
SETS = {
    "Table 1": ("Anime Face", "Animal-Face Dog", "Oxford Flowers", "Face Sketches", "Pokemon"),
    "Table 2": ("Anime Face", "Animal-Face Dog", "FFHQ-babies"),
    "Table 3": ("Published FID, 100 shots",) * 3 + ("Published FID, 10 shots",) * 2,
    "Table 4": ("Obama, 100 shots", "Grumpy Cat, 100 shots"),
    "Table 5": ("Animal-Face Dog, 10 shots", "FFHQ-babies, 100 shots", "Oxford Flowers, 100 shots"),
    "Table 6": ("Anime Face (inferred)",),
}
METRICS = {
    "Table 1": ("FID", "sFID", "LPIPS"),
    "Table 2": ("FID", "sFID", "LPIPS"),
    "Table 4": ("Precision", "Recall"),
    "Table 5": ("FID", "LPIPS"),
    "Table 6": ("FID", "LPIPS"),
}
ODD = {
    ("Table 1", 96.4): "underlines 96.4",
    ("Table 1", 144.0): "above FastGAN alone (123.5)",
    ("Table 1", 118.3): "above FastGAN alone (105.7)",
    ("Table 1", 0.625): "below FastGAN alone (0.633)",
    ("Table 1", 0.657): "below FastGAN alone (0.667)",
    ("Table 2", 177.1): "the same number as its FID",
    ("Table 2", 83.4): "stands in Table 5 too",
    ("Table 3", 192.2): "worse than at ten shots in Table 1 (177.3)",
    ("Table 5", 192.2): "worse than at ten shots in Table 1 (177.3)",
    ("Table 5", 83.4): "stands in Table 2 too",
    ("Table 5", 95.4): "below both sides together (96.0)",
}
"""(table, printed number) -> what is strange about it."""


@pytest.fixture(scope="module")
def paper() -> PublishedPaper:
    return paper_of("mixdl")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Three seeds of every row, with pictures; built once, only read."""
    return suite("mixdl", Cells(tmp_path_factory.mktemp("mixdl") / "cells"), pictures=True).bundle()


@pytest.fixture(scope="module")
def tables(bundle: Runs) -> dict[str, Table]:
    return {table.anchor.removeprefix("table-mixdl-"): table for table in build_tables(bundle)}


@pytest.fixture(scope="module")
def report(bundle: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report."""
    return write_report(bundle, tmp_path_factory.mktemp("report")).parent


def numbered(paper: PublishedPaper, number: str) -> PublishedTable:
    return next(table for table in paper.tables if table.number == number)


def said(table: PublishedTable) -> list[Column]:
    """The columns that are shown as published."""
    return [column for column in table.columns if column.score is None]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_published_column_stands_under_its_data_set(paper: PublishedPaper, number: str) -> None:
    held = [(one.group, one.title) for one in said(numbered(paper, number))]
    if number == "Table 3":
        people = ("Obama", "Grumpy Cat", "Oxford Flowers", "Obama", "Grumpy Cat")
        assert held == list(zip(SETS[number], people, strict=True))
    else:
        assert held == [(of, metric) for of in SETS[number] for metric in METRICS[number]]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_best_of_a_published_column_is_the_one_in_bold_type(tables: Mapping[str, Table], number: str) -> None:
    table = next(table for table in tables.values() if table.number == number)
    places = [index for index, heading in enumerate(table.headings) if heading.kind == "published"]
    ours = [line for line in table.lines if not line.title.startswith("Reference: ")]
    held = {line.title: [line.entries[place].best for place in places] for line in ours}
    wanted = {title: [one.startswith("*") for one in numbers] for title, numbers in printed("mixdl", number).items()}
    assert held == wanted


def test_what_is_strange_about_a_printed_number_is_said_beside_it(paper: PublishedPaper) -> None:
    notes = {
        (table.number, value.value): value.note
        for table in paper.tables
        for row in table.rows
        for value in row.published.values()
        if isinstance(value, PublishedValue)
    }
    assert set(notes) == set(ODD)
    for place, words in ODD.items():
        assert words in notes[place]


@pytest.mark.parametrize("source", ["standin", "real"])
def test_ours_and_published_stand_in_columns_of_their_own(cells: Cells, source: str) -> None:
    """A folder of images does not say which data set it holds, so even on real data nothing is subtracted."""
    known = [table for table in build_tables(suite("mixdl", cells, (0,), source=source).bundle()) if table.number]
    assert len(known) == 6
    for table in known:
        kinds = [heading.kind for heading in table.headings]
        assert set(kinds) == {"ours", "published"}
        assert kinds == sorted(kinds)  # all of ours, then all that was printed
        assert all(heading.group.startswith("Ours") == (heading.kind == "ours") for heading in table.headings)
        assert table.orderings is None
        assert "no difference to a published number is taken" in table.note


def cells_of(suite: str) -> set[tuple[str, str]]:
    """(method, variant) of everything on the task that the suite trains, stages included."""
    found = set()
    for group in load_suite(suite).rows:
        if group.task == "ten-shot":
            variant = TenShotSettings(shots=group.set.get("task.shots", 10)).variant
            found |= {(method, variant) for method in group.methods}
            found |= {(stage, "") for method in group.methods for stage in get_needs(method).values()}
    return found


def test_every_row_is_shown_and_a_table_says_which_suite_runs_those_that_quick_does_not(paper: PublishedPaper) -> None:
    quick, every = cells_of("quick"), cells_of("mixdl")
    assert quick < every <= {(made.method, made.variant) for made in asked_of("mixdl")}
    for table in paper.tables:
        shown = {
            (row.method, (row.variant or one.variant or "").strip("*"))
            for row in table.rows
            for one in table.columns
            if one.score and (not row.measures or one.id in row.measures)
        }
        assert ("retable run mixdl runs" in table.note) == bool((shown & every) - quick), table.id


def test_tables_of_scores_say_what_the_settings_were_chosen_on(paper: PublishedPaper) -> None:
    words = "settings were chosen on the stand-in's images"
    without = {table.id for table in paper.tables if words not in table.note}
    assert without == {"mixdl-stages", "mixdl-cost"}  # sources are other images; costs are no scores of images


def test_tables_that_show_fid_send_the_reader_to_the_pictures_and_to_precision(paper: PublishedPaper) -> None:
    for table in paper.tables:
        scores = {column.score for column in table.columns}
        found = re.search(r"look at the pictures and at precision (beside it|in Table 4)", table.note)
        assert bool(found) == ("fid.lite0" in scores), table.id
        if found is not None:
            there = table if found[1] == "beside it" else numbered(paper, "Table 4")
            assert {"precision.lite0", "recall.lite0"} <= {column.score for column in there.columns}


def test_whether_anything_moves_along_a_path_stands_beside_how_even_it_is(paper: PublishedPaper) -> None:
    for table in paper.tables:
        scores = {column.score for column in table.columns}
        assert ("largest_jump.lite0" in scores) == ("path_length.lite0" in scores), table.id


def test_table_3_shows_100_and_10_shots_and_the_diversity_of_the_shots(tables: Mapping[str, Table]) -> None:
    table = tables["table-3"]
    shown = {name: column(table, f"ours-fid-{name}") for name in ("100", "10")}
    difference = (shown["10"]["StyleGAN2"].value or 0) - (shown["100"]["StyleGAN2"].value or 0)
    assert difference == pytest.approx(1.01 * (FID["stylegan2"] - FID["stylegan2@n100"]))
    data = "Diversity of the shots themselves (LPIPS)"
    assert [shown[name][data].text for name in ("100", "10")] == ["0.620", "0.611"]
    assert [entry.text for entry in table.lines[0].entries[2:]] == ["0.615", "0.613", "0.795", "0.598", "0.598"]
    # The row of another kind is a yardstick: it is the lowest number of its column, and not the best.
    assert [title for title, entry in shown["10"].items() if entry.best] == ["StyleGAN2 + DA + MixDL"]


def test_memorisation_is_read_beside_images_that_nobody_learned_from(tables: Mapping[str, Table]) -> None:
    table = tables["memory"]
    assert table.lines[0].title == "Images of the reference set"
    nearest = column(table, "nearest")
    assert nearest["Images of the reference set"].text == "0.345"
    assert not any(entry.best for entry in nearest.values())
    assert column(table, "copies")["StyleGAN2"].text == "61"


def test_data_sets_that_were_measured_alike_share_a_line(tables: Mapping[str, Table]) -> None:
    lines = [line for line in tables["table-1"].protocols if "published: " in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"Protocol of {'; '.join(SETS['Table 1'])}: FID, sFID, LPIPS: published: ")


def test_every_score_that_tables_and_claims_ask_for_is_one_that_the_task_measures(tmp_path: Path) -> None:
    task = TenShot(TenShotSettings(size=32, n_reference=4), tmp_path)
    several = {
        "precision_recall": ("precision", "recall"),
        "nearest_shot": ("nearest_shot", "copies"),
        "density_coverage": ("density", "coverage"),
        "low_passed": ("low_fid", "low_precision", "low_recall"),
        "staircase": ("largest_jump", "path_spread", "path_length", "uniformity"),
    }
    known = set()
    for one in (*task.measures("sample", "shots"), *task.measures("sample", "source-near")):
        names = several.get(one.metric, (one.metric,))
        known |= {(f"{name}.lite0", one.request) for name in names}
        if one.yardstick is not None:
            known.add((f"{names[0]}.lite0", one.yardstick))
    costs = ("trained_parameters", "step_time.p50", "throughput", "peak_memory")
    scores = [one for made in asked_of("mixdl").values() for one in made.values() if one.name not in costs]
    asked = {(one.name, one.slice["request"]) for one in scores}
    assert len(asked) > 12
    assert asked - known == set()
    variants = {TenShotSettings(shots=shots).variant for shots in (5, 10, 100)}
    assert {made.variant for made in asked_of("mixdl")} == variants


# The plot


def test_the_plot_shows_every_seed_of_the_numbers_in_its_table(bundle: Runs, tables: Mapping[str, Table]) -> None:
    table = tables["shots"]
    plot = table.plot
    assert plot is not None
    assert (plot.x, plot.log) == ("shots", True)
    assert [panel.title for panel in plot.panels] == ["FID (lite0) ↓", "LPIPS (lite0) ↑", "Copies of a shot ↓ (%)"]
    points = 0
    for panel, name in zip(plot.panels, ("fid", "lpips", "copies"), strict=True):
        for series in panel.series:
            for x, values in series.points:
                entry = column(table, f"{name}-{x:g}")[series.title]
                assert len(values) == len({record.cell.seed for record in bundle.records}) == 3
                assert entry.value == pytest.approx(sum(values) / 3)
                points += 1
    assert points == sum(line.entries[at].state == "number" for line in table.lines for at in range(9))
    copies = "Reference: copies of the shots"
    assert [one.title for one in plot.panels[1].series if one.reference] == ["The shots themselves", copies]
    assert "The shots themselves" not in [one.title for one in plot.panels[0].series]


def test_no_line_of_a_plot_joins_numbers_that_were_measured_unlike(cells: Cells) -> None:
    suite("mixdl", cells)
    for folder in cells.root.glob("mixdl_mixdl-da_ten-shot-n5*"):
        result = (folder / "result.json").read_text()
        (folder / "result.json").write_text(result.replace('"n_fake":500', '"n_fake":7'))
    table = next(table for table in build_tables(cells.bundle()) if table.layout == "mixdl-shots")
    assert any("not compared with the rest of the column" in note for note in table.footnotes)
    assert table.plot is not None
    (line,) = (one for one in table.plot.panels[0].series if one.title == "StyleGAN2 + DA + MixDL")
    assert [x for x, _ in line.points] == [10, 100]


def test_the_plot_is_drawn_on_the_page_and_described_for_who_cannot_see_it(report: Path) -> None:
    page = Page((report / "index.html").read_text())
    (figure,) = (keys for tag, keys in page.tags if tag == "figure" and keys.get("id") == "table-mixdl-shots-plot")
    assert figure["class"] == "curves plot"
    (words,) = (keys["aria-label"] for _, keys in page.tags if "shots, for" in keys.get("aria-label", ""))
    assert "FID (lite0) ↓, LPIPS (lite0) ↑, Copies of a shot ↓ (%) at 5, 10, 100 shots" in words
    assert words.endswith("The table holds the numbers.")
    ids = [keys["id"] for _, keys in page.tags if "id" in keys]
    assert len(ids) == len(set(ids))
    for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        assert (report / "figures" / f"mixdl-shots-plot.{ending}").read_bytes().startswith(start)


def test_a_plot_is_drawn_to_the_same_bytes_every_time(tables: Mapping[str, Table]) -> None:
    first, second = (plot_figures([tables["shots"]])["table-mixdl-shots"].svg for _ in range(2))
    assert first == second
    assert all(f">{one}<" in first.decode() for one in ("StyleGAN2 + MixDL", "shots", "5", "10", "100"))


# Pictures


@pytest.mark.parametrize(("name", "file"), [("table-1", "outputs.png"), ("strips", "strips.outputs.png")])
def test_samples_and_strips_are_shown_without_inputs(
    bundle: Runs, tables: Mapping[str, Table], name: str, file: str
) -> None:
    figure = side_by_side(bundle, tables[name])
    assert figure is not None
    learnt = ["Learned from"] * (name == "table-1")
    references = [line.title for line in tables[name].lines if line.title.startswith("Reference: ")]
    assert references
    assert [strip.title for strip in figure.rows] == [*learnt, *printed("mixdl", "Table 1"), *references]
    assert {strip.path.name for strip in figure.rows[len(learnt) :]} == {file}
    assert {strip.address.rpartition("/")[2] for strip in figure.rows} == {"s0"}
    assert figure.left_out == ()


def test_no_words_speak_of_inputs_where_there_are_none(report: Path) -> None:
    text = (report / "index.html").read_text()
    assert "samples of StyleGAN2 + MixDL, from mixdl/mixdl/ten-shot/s0" in text
    assert "Sample grid of mixdl/mixdl/ten-shot/s0 at step 500" in text
    assert "Samples from the same latents while each row trains." in text
    assert "inputs" not in re.sub(r"<style>.*?</style>|<script>.*?</script>", "", text, flags=re.DOTALL)


# Claims


def test_the_gain_shrinks_in_the_published_numbers_but_where_the_source_says_otherwise(paper: PublishedPaper) -> None:
    def fid(number: str, row: str) -> list[float]:
        return [float(one.strip("*")) for one in printed("mixdl", number)[row]]

    base, mixed = fid("Table 3", "StyleGAN2"), fid("Table 3", "StyleGAN2 + MixDL")
    obama_100, cat_100, flowers_100, obama_10, cat_10 = (a - b for a, b in zip(base, mixed, strict=True))
    at = 3 * SETS["Table 1"].index("Oxford Flowers")
    ten = fid("Table 1", "StyleGAN2")[at]
    flowers_10 = ten - fid("Table 1", "StyleGAN2 + MixDL")[at]
    (claim,) = (claim for claim in paper.claims if claim.id == "mixdl-gain-shrinks")
    agree, _, differ = claim.source.partition("against the rule")
    for few, many in ((obama_10, obama_100), (cat_10, cat_100)):
        assert few > many
        assert all(f"{gain:.1f}" in agree for gain in (few, many))
    assert flowers_10 < flowers_100
    assert base[2] > ten  # what makes the number at 100 shots suspect
    assert all(f"{number:.1f}" in differ for number in (flowers_10, flowers_100, base[2], ten))
    assert "Oxford Flowers" in agree
    assert claim.confidence == "medium"


def test_what_is_said_of_cdc_follows_from_table_1(paper: PublishedPaper) -> None:
    rows = printed("mixdl", "Table 1")
    fid = {title: [float(one.strip("*")) for one in numbers[::3]] for title, numbers in rows.items()}
    behind = [
        round(cdc - mixdl, 1) for cdc, mixdl in zip(fid["StyleGAN2 + CDC"], fid["StyleGAN2 + MixDL"], strict=True)
    ]
    anime, dog, flowers, sketches, pokemon = behind
    (claim,) = (claim for claim in paper.claims if claim.id == "mixdl-cdc-fades")
    assert max(anime, sketches) == 20.3
    agree, _, differ = claim.source.partition("against the rule")
    assert all(f"{number:g} above" in agree for number in (max(anime, sketches), dog))
    assert f"{-flowers:g} below it on Oxford Flowers" in differ
    assert f"{pokemon:g} above it on Pokemon" in differ
    assert max(anime, sketches) > pokemon  # nearer than on sets of faces, of which this is none
