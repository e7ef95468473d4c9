"""Reading cell folders: whatever is in them, a report can be made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retable.reports.compute.runs import Runs
from retable.reports.records.folder import CellRecord
from retable.reports.render.curves import cell_curves
from tests.reports.report_factory import Cells, accuracy, suite


def only_cell(runs: Runs) -> CellRecord:
    (record,) = runs.records
    return record


def curve(runs: Runs) -> list[float]:
    (one,) = cell_curves(runs, only_cell(runs))
    return one.values.tolist()


def test_a_score_keeps_its_slice_and_its_cell(cells: Cells) -> None:
    cells.add("dtn/dtn", [accuracy(91.5, digit="3")])
    runs = cells.bundle()
    (one,) = runs.scores
    assert one.slice == "digit=3,request=test"
    assert one.score.slice == {"request": "test", "digit": "3"}
    assert one.score.value == 91.5
    assert runs.title(one.cell) == "DTN"
    assert one.record.source == "standin"


def test_the_timer_is_read_from_the_protocol(suite_bundle: Runs) -> None:
    assert {one.timer for one in suite_bundle.scores if one.score.name == "step_time.p50"} == {"cpu"}
    assert {one.timer for one in suite_bundle.scores if one.score.name == "accuracy.target"} == {""}


def test_a_planned_cell_without_a_folder_is_not_run(cells: Cells) -> None:
    cells.plan("dtn/dtn", seed=3)
    record = only_cell(cells.bundle())
    assert (record.status, record.cell.seed) == ("not-run", 3)


def test_a_torn_last_line_of_a_journal_is_no_news(cells: Cells) -> None:
    directory = cells.add("dtn/dtn", [accuracy(90.0)], curves={"l_d": lambda step: float(step)}, steps=10)
    with (directory / "journal.jsonl").open("a") as journal:
        journal.write('{"t": 1, "event": "metr')
    runs = cells.bundle()
    assert only_cell(runs).status == "ok"
    assert runs.warnings == ()
    assert curve(runs) == [float(step) for step in range(10)]


def test_a_bad_line_in_the_middle_of_a_journal_is_passed_over_and_reported(cells: Cells) -> None:
    directory = cells.add("dtn/dtn", [accuracy(90.0)])
    lines = (directory / "journal.jsonl").read_text().splitlines()
    (directory / "journal.jsonl").write_text("\n".join([lines[0], "{broken", *lines[1:]]) + "\n")
    runs = cells.bundle()
    assert only_cell(runs).status == "ok"
    assert "line 2 holds no event" in runs.warnings[0]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"cell": 3}', "\xff"])
def test_a_corrupt_result_is_a_damaged_cell_and_a_warning_never_a_crash(cells: Cells, content: str) -> None:
    directory = cells.add("dtn/dtn", [accuracy(90.0)])
    (directory / "result.json").write_bytes(content.encode("latin-1"))
    runs = cells.bundle()
    record = only_cell(runs)
    assert record.status == "damaged"
    assert "result.json" in record.reason
    assert "delete the folder and run the cell again" in runs.warnings[0]
    assert runs.scores == ()


@pytest.mark.parametrize("value", ["ninety", float("nan")])
def test_a_result_with_a_damaged_score_counts_as_damaged(cells: Cells, value: object) -> None:
    directory = cells.add("dtn/dtn", [accuracy(90.0)])
    result = json.loads((directory / "result.json").read_text())
    result["scores"][0]["value"] = value
    (directory / "result.json").write_text(json.dumps(result))
    assert "scores.0.value" in only_cell(cells.bundle()).reason


def test_a_journal_alone_tells_how_a_cell_ended(cells: Cells) -> None:
    directory = cells.add("dtn/dtn", [accuracy(90.0)])
    (directory / "result.json").unlink()
    (directory / "cell.json").unlink()
    runs = cells.bundle()
    assert only_cell(runs).status == "ok"
    assert only_cell(runs).environment["device"] == "cpu"
    assert [one.score.value for one in runs.scores] == [90.0]


def test_a_journal_without_an_end_is_an_unfinished_cell(cells: Cells) -> None:
    directory = cells.add("dtn/dtn", [accuracy(90.0)])
    (directory / "result.json").unlink()
    lines = (directory / "journal.jsonl").read_text().splitlines()
    (directory / "journal.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    runs = cells.bundle()
    assert only_cell(runs).status == "unfinished"
    assert runs.scores == ()


def test_a_resumed_run_counts_every_step_once_with_its_later_value(cells: Cells) -> None:
    directory = cells.add("dtn/dtn", curves={"l_d": lambda step: 1.0}, steps=3)
    start = json.loads((directory / "journal.jsonl").read_text().splitlines()[0])
    with (directory / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps({**start, "attempt": 2}) + "\n")
        journal.write(json.dumps({"t": 1, "event": "metrics", "step": 2, "values": {"l_d": 5.0}}) + "\n")
    assert curve(cells.bundle()) == [1.0, 1.0, 5.0]


def test_of_two_folders_with_one_address_the_later_counts_and_the_other_is_named(cells: Cells) -> None:
    cells.add("dtn/dtn", [accuracy(10.0)], started=1_000, profile="quick")
    cells.add("dtn/dtn", [accuracy(20.0)], started=2_000, profile="paper")
    runs = cells.bundle(planned=False)
    assert [one.score.value for one in runs.scores] == [20.0]
    assert "two folders" in runs.warnings[0]


def test_a_folder_of_other_settings_never_stands_in_for_a_planned_cell(cells: Cells) -> None:
    cells.add("dtn/dtn", [accuracy(10.0)])
    cells.planned = [cells.cell("dtn/dtn", method_settings={"steps": 900})]
    runs = cells.bundle()
    assert only_cell(runs).status == "not-run"
    assert runs.scores == ()
    assert "other settings" in runs.warnings[0]


def test_a_folder_that_is_no_cell_is_left_out_by_name(cells: Cells, tmp_path: Path) -> None:
    stray = tmp_path / "stray"
    stray.mkdir()
    cells.directories.append(stray)
    cells.add("dtn/dtn")
    runs = cells.bundle()
    assert len(runs.records) == 1
    assert runs.warnings == ("stray: neither cell.json nor journal.jsonl tells which cell this is; left out",)


def test_a_folder_that_another_version_wrote_is_refused_by_one_line(cells: Cells) -> None:
    directory = cells.add("dtn/dtn", [accuracy(90.0)])
    for name in ("cell.json", "result.json", "journal.jsonl"):
        path = directory / name
        path.write_text(path.read_text().replace('"seed":0', '"seed":1'))
    runs = cells.bundle()
    assert only_cell(runs).status == "not-run"
    (warning,) = runs.warnings
    assert "written by another version of Retable" in warning
    assert "\n" not in warning


def test_pictures_are_labelled_by_step_and_then_by_what_they_show(suite_bundle: Runs) -> None:
    labels = list(suite_bundle.by_address["dtn/dtn/digits/s0"].pictures)
    assert labels == [*(f"step {step}" for step in range(100, 501, 100)), "final inputs", "final outputs"]


def test_a_journal_cannot_make_a_report_publish_files_from_elsewhere(cells: Cells, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"not yours")
    directory = cells.add("dtn/dtn")
    with (directory / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps({"t": 1, "event": "samples", "step": 1, "file": "../../../secret.png"}) + "\n")
    assert only_cell(cells.bundle()).pictures == {}


def test_provenance_says_of_how_many_cells_a_fact_is_true(cells: Cells) -> None:
    suite("dtn", cells, (0,))
    cells.add("dtn/dtn", [accuracy(90.0)], seed=9, device="Made-up GPU")
    facts = cells.bundle().provenance
    assert facts["cells"] == "13 of 17 ok"
    assert "Made-up GPU (1 cell)" in facts["device"]
    assert facts["commit"].startswith("0123456789")
    assert len(facts["SHA-256 of mnist"]) == 64
