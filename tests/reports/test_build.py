"""The written report: complete, self-contained, and replaced in one step."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retable.reports.compute.runs import Runs
from retable.reports.compute.tables import build_tables
from retable.reports.errors import ReportError
from retable.reports.render.content import Content
from retable.reports.render.curves import curve_figures
from retable.reports.render.pictures import compose, evenly, shrink, side_by_side
from retable.reports.write import write_report
from tests.reports.outputs import Page
from tests.reports.report_factory import PAIR, Cells, accuracy, strips, write_grid


@pytest.fixture(scope="module")
def written(suite_bundle: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of the page."""
    return write_report(suite_bundle, tmp_path_factory.mktemp("report") / "new" / "folder")


@pytest.fixture(scope="module")
def page(written: Path) -> Page:
    return Page(written.read_text(encoding="utf-8"))


def test_everything_promised_is_written(written: Path, suite_bundle: Runs) -> None:
    tables = [table.anchor.removeprefix("table-") for table in Content(suite_bundle).all_tables]
    assert {path.relative_to(written.parent).as_posix() for path in written.parent.rglob("*.*")} == {
        "index.html",
        "results.csv",
        *(f"tables/{name}.{ending}" for name in [*tables, "dtn-claims"] for ending in ("md", "tex")),
        *(f"figures/curves-dtn.{ending}" for ending in ("svg", "png")),
        *(f"figures/dtn-table-{number}-outputs.png" for number in (1, 3)),
    }
    assert all(path.stat().st_size > 0 for path in written.parent.rglob("*.*"))
    assert written.stat().st_size < 5_000_000, "too large to mail"


def test_the_csv_holds_every_score_to_the_last_digit(written: Path, suite_bundle: Runs) -> None:
    with (written.parent / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["value"]) for row in rows] == [one.score.value for one in suite_bundle.scores]
    protocols = [one.score.protocol.model_dump() for one in suite_bundle.scores]
    assert [json.loads(row["protocol"]) for row in rows] == protocols


def test_the_page_fetches_nothing(page: Page, written: Path) -> None:
    for tag, attributes in page.tags:
        for key in ("src", "href", "srcset", "data-large", "action"):
            address = attributes.get(key, "")
            assert not address or address.startswith(("data:", "#")), f"<{tag} {key}={address[:60]!r}>"
    assert "iframe" not in dict(page.tags)
    assert not re.findall(r"https?://|@import|url\((?!#|data:)", written.read_text(encoding="utf-8"))


def test_every_picture_says_what_it_shows(page: Page) -> None:
    pictures = [keys for tag, keys in page.tags if tag == "img" and keys["src"] != "data:,"]
    assert len(pictures) > 20
    assert all(len(keys["alt"]) > 20 and int(keys["width"]) > 0 for keys in pictures)


def test_wide_things_scroll_in_boxes_that_the_keyboard_reaches(page: Page) -> None:
    boxes = [keys for tag, keys in page.tags if tag == "div" and "scroll" in keys.get("class", "").split()]
    assert len(boxes) >= 6
    assert all(box["tabindex"] == "0" and box["aria-label"] for box in boxes)


def test_the_page_lists_every_failure_with_its_log(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert all(word in text for word in ("x oom", "x failed", "x timeout", "– not run", "log.txt"))
    assert text.count("End of ") == 3


def test_an_unwritable_folder_is_named(suite_bundle: Runs, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match=re.escape(str(tmp_path / "file"))):
        write_report(suite_bundle, tmp_path / "file" / "report")


def test_a_second_build_replaces_the_first(cells: Cells, tmp_path: Path) -> None:
    assert "0 of 0" in write_report(cells.bundle(), tmp_path / "out").read_text(encoding="utf-8")
    cells.add("dtn/dtn", [accuracy(11.11)])
    assert "11.11" in write_report(cells.bundle(), tmp_path / "out").read_text(encoding="utf-8")


def test_the_same_runs_give_the_same_bytes(suite_bundle: Runs, written: Path, tmp_path: Path) -> None:
    assert write_report(suite_bundle, tmp_path / "again").read_bytes() == written.read_bytes()


def test_side_by_side_has_the_inputs_on_top_and_one_row_a_method(suite_bundle: Runs) -> None:
    figure = side_by_side(suite_bundle, build_tables(suite_bundle)[0])
    assert figure is not None
    assert [strip.title for strip in figure.rows][:3] == ["Input", "Baseline method (Sec. 3)", "DTN"]


def test_faces_of_48_pixels_are_doubled_beside_titles_of_two_lines(four_papers: Content) -> None:
    figure = four_papers.figures["table-cartoon-fig-6-kid-lite0"]
    titles = [strip.title for strip in figure.rows]
    assert titles[0] == "Input"
    assert "Truth" in titles
    picture = compose(figure.rows)
    assert picture is not None
    with Image.open(figure.rows[0].path) as strip:
        assert strip.width == 12 * 50 + 2
        assert 2 * strip.width < picture.width < 2 * strip.width + 260
        assert picture.height == 2 * strip.height * len(titles) + 24


def test_answers_to_other_inputs_are_not_shown_beside(cells: Cells) -> None:
    cells.add("dtn/dtn", [accuracy(80.0)], pictures=PAIR)
    other = cells.add("dtn/no-tid", [accuracy(70.0)], pictures=PAIR)
    write_grid(other / "images" / "inputs.png", [strips(1.0, seed=99)[0]])
    (figure, *_) = Content(cells.bundle()).figures.values()
    assert [strip.title for strip in figure.rows] == ["Input", "DTN"]
    assert figure.left_out == ("DTN w/o L_TID",)


def test_a_damaged_picture_costs_only_itself(cells: Cells, tmp_path: Path) -> None:
    directory = cells.add("dtn/dtn", [accuracy(80.0)], pictures=PAIR)
    for path in (directory / "images" / "outputs.png", directory / "samples" / "step-000100.png"):
        path.write_bytes(path.read_bytes()[:200])
    text = write_report(cells.bundle(), tmp_path / "out").read_text(encoding="utf-8")
    assert "step 200" in text
    assert ">step 100<" not in text


def test_shrinking_an_enlarged_picture_loses_no_pixel() -> None:
    small = np.random.default_rng(0).integers(0, 255, (9, 15, 3), dtype=np.uint8)
    large = Image.fromarray(small.repeat(4, axis=0).repeat(4, axis=1))
    assert np.array_equal(np.asarray(shrink(large)), small)


@pytest.mark.parametrize(
    ("count", "most", "chosen"), [(3, 6, [0, 1, 2]), (10, 1, [9]), (11, 3, [0, 5, 10]), (0, 3, [])]
)
def test_few_of_many_are_evenly_spaced_with_both_ends(count: int, most: int, chosen: list[int]) -> None:
    assert evenly(count, most) == chosen


def test_curves_take_over_the_pages_text_colour(suite_bundle: Runs) -> None:
    svg = curve_figures(suite_bundle)["dtn"].element
    assert "currentColor" in svg
    assert "http" not in svg
    assert all(name in svg for name in ("l_const", "l_gang", "loss"))
    assert all(match.startswith("curves-dtn-") for match in re.findall(r'\bid="([^"]*)"', svg))
