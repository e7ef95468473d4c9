"""The written report: complete, self-contained, and replaced in one step."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retable.reports.compute.runs import Runs
from retable.reports.compute.tables import build_tables
from retable.reports.errors import ReportError
from retable.reports.render.curves import curve_figures, inline_svg
from retable.reports.render.pictures import compose, evenly, shrink, side_by_side
from retable.reports.render.summary import LIMIT, markdown_summary
from retable.reports.write import ReportFiles, write_report
from tests.reports.outputs import HOSTILE, Page
from tests.reports.report_factory import Cells, accuracy, dtn_suite, strips, write_grid


@pytest.fixture(scope="module")
def written(suite_bundle: Runs, tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    return write_report(suite_bundle, tmp_path_factory.mktemp("report") / "new" / "folder")


@pytest.fixture(scope="module")
def page(written: ReportFiles) -> Page:
    return Page(written.index.read_text(encoding="utf-8"))


def keys(page: Page, tag: str) -> Iterator[dict[str, str]]:
    return (keys for name, keys in page.tags if name == tag)


def test_everything_promised_is_written(written: ReportFiles, suite_bundle: Runs) -> None:
    names = {path.name for path in written.tables}
    for table in build_tables(suite_bundle):
        name = table.anchor.removeprefix("table-")
        assert {f"{name}.md", f"{name}.tex"} <= names
    assert {"dtn-claims.md", "dtn-claims.tex"} <= names
    assert {path.name for path in written.figures} == {
        "curves-dtn.svg",
        "curves-dtn.png",
        "dtn-table-1-outputs.png",
        "dtn-table-3-outputs.png",
    }
    for path in (written.index, written.results, *written.tables, *written.figures):
        assert path.stat().st_size > 0
    assert not [path for path in written.index.parent.rglob("*") if path.name.endswith(".tmp")]


def test_the_csv_holds_every_score_to_the_last_digit(written: ReportFiles, suite_bundle: Runs) -> None:
    with written.results.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["value"]) for row in rows] == [one.score.value for one in suite_bundle.scores]
    protocols = [one.score.protocol.model_dump() for one in suite_bundle.scores]
    assert [json.loads(row["protocol"]) for row in rows] == protocols


def test_the_page_fetches_nothing(page: Page, written: ReportFiles) -> None:
    for tag, attributes in page.tags:
        for key in ("src", "href", "srcset", "data-large", "action"):
            address = attributes.get(key, "")
            assert not address or address.startswith(("data:", "#")), f"<{tag} {key}={address[:60]!r}>"
    assert not list(keys(page, "iframe"))
    text = written.index.read_text(encoding="utf-8")
    assert not re.findall(r"https?://|@import|url\((?!#|data:)", text)


def test_the_page_is_small_enough_to_mail(written: ReportFiles) -> None:
    assert written.index.stat().st_size < 5_000_000


def test_every_table_has_an_anchor_in_the_contents(page: Page, suite_bundle: Runs) -> None:
    links = {attributes["href"] for attributes in keys(page, "a")}
    assert {f"#{table.anchor}" for table in build_tables(suite_bundle)} <= links


def test_every_picture_says_what_it_shows(page: Page) -> None:
    pictures = [attributes for attributes in keys(page, "img") if attributes["src"] != "data:,"]
    assert len(pictures) > 20
    for attributes in pictures:
        assert len(attributes["alt"]) > 20
        assert int(attributes["width"]) > 0


def test_wide_things_scroll_in_boxes_that_the_keyboard_reaches(page: Page) -> None:
    boxes = [attributes for attributes in keys(page, "div") if "scroll" in attributes.get("class", "").split()]
    assert len(boxes) >= 6
    assert all(box["tabindex"] == "0" and box["aria-label"] for box in boxes)


def test_the_page_lists_every_failure_with_its_log(written: ReportFiles) -> None:
    text = written.index.read_text(encoding="utf-8")
    for word in ("x oom", "x failed", "x timeout", "– not run"):
        assert word in text
    assert text.count("End of ") == 3
    assert "log.txt" in text


def test_a_hostile_log_and_reason_stay_text(cells: Cells, tmp_path: Path) -> None:
    cells.add("dtn/dtn", status="failed", reason=HOSTILE, log=f"</pre>{HOSTILE}\n")
    files = write_report(cells.bundle(suite=HOSTILE), tmp_path / "out")
    assert sum(tag == "script" for tag, _ in Page(files.index.read_text(encoding="utf-8")).tags) == 1


def test_an_unwritable_folder_is_named(suite_bundle: Runs, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match=re.escape(str(tmp_path / "file"))):
        write_report(suite_bundle, tmp_path / "file" / "report")


def test_a_second_build_replaces_the_first(cells: Cells, tmp_path: Path) -> None:
    cells.add("dtn/dtn", [accuracy(11.11)])
    first = write_report(cells.bundle(), tmp_path / "out").index.read_text(encoding="utf-8")
    cells.add("dtn/no-tid", [accuracy(22.22)])
    second = write_report(cells.bundle(), tmp_path / "out").index.read_text(encoding="utf-8")
    assert "22.22" in second
    assert "22.22" not in first


def test_the_same_runs_give_the_same_bytes(suite_bundle: Runs, written: ReportFiles, tmp_path: Path) -> None:
    again = write_report(suite_bundle, tmp_path / "again")
    assert again.index.read_bytes() == written.index.read_bytes()


def test_a_report_of_nothing_is_still_a_page(cells: Cells, tmp_path: Path) -> None:
    files = write_report(cells.bundle(), tmp_path / "out")
    assert "0 of 0" in files.index.read_text(encoding="utf-8")


def test_the_summary_is_short_and_says_every_status(suite_bundle: Runs) -> None:
    summary = markdown_summary(suite_bundle)
    assert len(summary) <= LIMIT
    assert "10 of 14 cells ok" in summary
    assert "x oom" in summary
    assert "| DTN |" in summary
    assert "source=standin" in summary


def test_the_summary_of_many_seeds_stays_short_and_names_what_is_left_out(cells: Cells) -> None:
    summary = markdown_summary(dtn_suite(cells, seeds=range(4)).bundle())
    assert len(summary) <= LIMIT
    long_reason = "x" * 50_000
    cells.add("dtn/dtn", seed=77, status="failed", reason=long_reason)
    assert len(markdown_summary(cells.bundle())) <= LIMIT


def test_side_by_side_has_the_inputs_on_top_and_one_row_a_method(suite_bundle: Runs) -> None:
    table = build_tables(suite_bundle)[0]
    figure = side_by_side(suite_bundle, table)
    assert figure is not None
    assert [strip.title for strip in figure.rows][:3] == ["Input", "Baseline method (Sec. 3)", "DTN"]
    picture = compose(figure.rows)
    assert picture is not None
    assert picture.height > len(figure.rows) * 64


def test_answers_to_other_inputs_are_not_shown_beside(cells: Cells) -> None:
    cells.add("dtn/dtn", [accuracy(80.0)], pictures=True)
    other = cells.add("dtn/no-tid", [accuracy(70.0)], pictures=True)
    write_grid(other / "images" / "inputs.png", [strips(1.0, seed=99)[0]])
    bundle = cells.bundle()
    figure = side_by_side(bundle, build_tables(bundle)[0])
    assert figure is not None
    assert [strip.title for strip in figure.rows] == ["Input", "DTN"]
    assert figure.left_out == ("DTN w/o L_TID",)


def test_a_damaged_picture_costs_only_itself(cells: Cells, tmp_path: Path) -> None:
    directory = cells.add("dtn/dtn", [accuracy(80.0)], pictures=True)
    for path in (directory / "images" / "outputs.png", directory / "samples" / "step-000100.png"):
        path.write_bytes(path.read_bytes()[:200])
    text = write_report(cells.bundle(), tmp_path / "out").index.read_text(encoding="utf-8")
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
    (figure,) = curve_figures(suite_bundle)
    svg = inline_svg(figure)
    assert "currentColor" in svg
    assert "http" not in svg
    assert all(name in svg for name in ("l_const", "l_gang", "loss"))
    assert all(match.startswith("curves-dtn-") for match in re.findall(r'\bid="([^"]*)"', svg))
