"""Reports of recorded runs: every planned cell by its hash, from whichever folder has it, and no other."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from retable.benchmarks.cli.main import app
from retable.benchmarks.environment import environment
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.select import parse_recorded
from retable.benchmarks.run.report import recorded_runs, suite_runs, wanted_runs
from retable.benchmarks.run.results import find_recorded, index_cells, on_cuda, other_settings, planned_cells
from retable.benchmarks.run.suite_run import render_report
from retable.methods.dtn.dtn import DTN
from retable.reports.errors import ReportError
from retable.reports.records.cell import Cell
from retable.reports.records.journal import End, Start
from retable.reports.records.result import Result, Status
from retable.reports.records.score import Protocol, Score
from retable.reports.write import refuse_link_out
from tests.harness.conftest import DUMMY_ROW, row, write_suite


@pytest.fixture
def suite(tmp_path: Path) -> str:
    return str(write_suite(tmp_path, DUMMY_ROW))


def report(*words: object) -> None:
    """``retable report`` with these words."""
    done = CliRunner().invoke(app, ["report", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output


@cache
def here() -> dict[str, str]:
    """What makes a cell in this moment."""
    return environment("cpu", 1, ["retable.benchmarks.plan.dummy"])


BOTH = DUMMY_ROW.replace('"dummy/dummy"', '"dummy/dummy", "dummy/tuned"')


def record(root: Path, cell: Cell, *, status: Status = "ok", started: int = 1_000_000, **made: str) -> Path:
    """A folder as a cell that ended leaves it, with a time by the timer of its device."""
    directory = cell.directory(root)
    directory.mkdir(parents=True)
    timer, device, p50 = ("cuda", "Made-up GPU", 0.001) if cell.run.accelerator == "cuda" else ("cpu", "cpu", 0.5)
    train = {"request": "train"}
    protocol = Protocol(metric="step_time", detail=f"timer={timer}, steps=50")
    step_time = Score(name="step_time.p50", value=p50, unit="s", direction="lower", slice=train, protocol=protocol)
    accuracy = Score(name="accuracy", value=50.0, direction="lower", slice=train, protocol=Protocol(metric="accuracy"))
    events = [
        Start(t=started + 2000, journal="ab", attempt=1, cell=cell, environment={}, data={}),
        End(t=started + 9000, status=status, wall_s=9.0),
    ]
    (directory / "journal.jsonl").write_text("".join(f"{event.model_dump_json()}\n" for event in events))
    result = Result(
        cell=cell,
        status=status,
        scores=(step_time, accuracy) if status == "ok" else (),
        environment={**here(), "device": device, "commit": "c0ffee", **made},
        wall_s=9.0,
        steps=1,
        started=started,
        ended=started + 9000,
    )
    (directory / "result.json").write_text(result.model_dump_json())
    (directory / "done").write_text(status)
    return directory


def test_cells_of_several_folders_are_joined_and_the_missing_ones_are_not_run(suite: str, tmp_path: Path) -> None:
    cells = planned_cells([suite], [0, 1, 2])
    record(tmp_path / "a", cells[0])
    record(tmp_path / "b", cells[1])
    bundle, found = recorded_runs([suite], [tmp_path / "a", tmp_path / "b"], [0, 1, 2])
    assert [record.status for record in bundle.records] == ["ok", "ok", "not-run"]
    assert bundle.warnings == ()
    assert bundle.provenance["cells"] == "2 of 3 ok"
    assert any("not run" in note and cells[2].address in note for note in found.notes)


def test_what_other_sources_made_is_told_above_the_tables_and_of_a_recording_only_if_several_made_it(
    suite: str, tmp_path: Path
) -> None:
    cells, root, page = planned_cells([suite], [0, 1, 2]), tmp_path / "runs", tmp_path / "page"
    for cell, made in zip(cells, ({}, {"code": "0" * 16}, {"torch": "1.0+cpu"}), strict=True):
        record(root, cell, **made)

    def told(*words: object) -> list[str]:
        report(*words, "--to", page, "--results", page / "results.md")
        (table,) = (path for path in (page / "tables").glob("*.md") if path.stem != "budget")
        return [
            file.read_text() for file in (page / "index.html", table, table.with_suffix(".tex"), page / "results.md")
        ]

    *tables, results = told("--suite", suite, "--runs", root, "--seeds", "0-2", "--record", tmp_path / "all.jsonl.gz")
    for text in tables:
        assert "Stale: 2 of 3 cells made by other sources or torch 1.0+cpu (now " in text
        assert "the others were not: the table mixes old and new." in text
    for text in (tables[0], results):
        assert f"stale: 1 cell was made by other sources; --fresh runs it anew ({cells[1].address})" in text
    *tables, results = told("--runs", tmp_path / "all.jsonl.gz")
    assert "stale" not in results
    torch = here()["torch"].partition("+")[0]
    for text in tables:
        assert f"Mixed: its cells were made by different sources (dummy/dummy), torch 1.0 and {torch}." in text
    *tables, _ = told("--runs", tmp_path / "all.jsonl.gz", "--seeds", "0")
    assert not [text for text in tables if "Mixed" in text or "Stale" in text]


def test_cells_that_were_asked_for_at_fewer_seeds_are_missing_at_no_others(suite: str, tmp_path: Path) -> None:
    both = str(write_suite(tmp_path, BOTH, "second"))
    fewer = parse_recorded(["0-2", "dummy/tuned/*:0,2", "nothing*,dummy/tuned/*:0"])
    assert fewer == ([0, 1, 2], (("dummy/tuned/*", (0, 2)), ("nothing*,dummy/tuned/*", (0,))))
    with pytest.raises(UserError, match=r"--seeds nothing\*:"):
        planned_cells([both], *fewer)
    with pytest.raises(UserError, match=r"seed 7 is not planned, only 0, 1, 2"):
        planned_cells([both], [0, 1, 2], [("dummy/tuned/*", (0, 7))])
    cells = planned_cells([both], fewer[0], fewer[1][:1])
    assert sorted(cell.address for cell in cells) == [
        *(f"dummy/dummy/dummy/s{seed}" for seed in (0, 1, 2)),
        *(f"dummy/tuned/dummy/s{seed}" for seed in (0, 2)),
    ]
    record(tmp_path / "a", cells[0])
    bundle, _ = recorded_runs([both], [tmp_path / "a"], fewer[0], fewer[1][:1])
    assert bundle.provenance["cells"] == "1 of 5 ok"


@pytest.mark.parametrize("texts", [["0-2", "0-4"], ["dtn/*:"], ["dtn/*:x"], ["0-2", ":x"]])
def test_seeds_that_are_none_are_refused(texts: list[str]) -> None:
    with pytest.raises(UserError, match="--seeds"):
        parse_recorded(texts)


def test_a_folder_of_another_cell_or_of_one_that_never_ended_does_not_get_in(suite: str, tmp_path: Path) -> None:
    """Other settings, another seed, and a folder that was renamed by hand."""
    cell, unfinished = planned_cells([suite], [0, 1])
    other = cell.with_changes(method_settings={**cell.method_settings, "steps": 3})
    assert other.address == cell.address
    record(tmp_path / "a", other)
    record(tmp_path / "a", planned_cells([suite], [7])[0]).rename(cell.directory(tmp_path / "a"))
    (record(tmp_path / "a", unfinished) / "done").unlink()
    bundle, _ = recorded_runs([suite], [tmp_path / "a"], [0, 1])
    assert [record.status for record in bundle.records] == ["not-run", "not-run"]
    assert bundle.scores == ()


@pytest.mark.parametrize(("first", "second", "winner"), [("ok", "ok", "b"), ("ok", "failed", "a")])
def test_of_two_folders_the_newest_that_ended_well_is_taken_and_named(
    suite: str, tmp_path: Path, first: Status, second: Status, winner: str
) -> None:
    (cell,) = planned_cells([suite], [0])
    record(tmp_path / "a", cell, status=first, started=1_000)
    record(tmp_path / "b", cell, status=second, started=2_000)
    for order in (["a", "b"], ["b", "a"], ["a", "b", "a"]):
        found = find_recorded([cell], [tmp_path / name for name in order])
        assert [one.directory for one in found.records] == [cell.directory(tmp_path / winner)]
        (note,) = found.notes
        assert f"{tmp_path / winner} is taken" in note
        assert cell.address in note


def test_a_cell_of_two_suites_appears_once_and_is_refused_where_they_plan_it_otherwise(
    suite: str, tmp_path: Path
) -> None:
    both = str(write_suite(tmp_path, BOTH, "second"))
    addresses = [cell.address for cell in planned_cells([suite, both], [0])]
    assert sorted(addresses) == ["dummy/dummy/dummy/s0", "dummy/tuned/dummy/s0"]
    other = str(write_suite(tmp_path, row("dummy/dummy", method_steps=3), "other"))
    with pytest.raises(UserError, match=r"dummy/dummy/dummy/s0: suite .*trial.* and suite .*other.*steps.*apart"):
        planned_cells([suite, other], [0])


def test_beside_cells_of_the_cpu_those_of_a_gpu_give_their_times_and_nothing_else(suite: str, tmp_path: Path) -> None:
    (cell,) = planned_cells([suite], [0])
    twin = on_cuda(cell)
    assert twin.hash != cell.hash
    assert twin.address == cell.address
    record(tmp_path / "cpu", cell)
    record(tmp_path / "gpu", twin)
    bundle, _ = recorded_runs([suite], [tmp_path / "cpu", tmp_path / "gpu"], [0])
    assert [record.cell.hash for record in bundle.records] == [cell.hash]
    told = [(one.score.name, one.timer, one.score.value, one.record.environment["device"]) for one in bundle.scores]
    assert sorted(told) == [
        ("accuracy", "", 50.0, "cpu"),
        ("step_time.p50", "cpu", 0.5, "cpu"),
        ("step_time.p50", "cuda", 0.001, "Made-up GPU"),
    ]
    assert "Made-up GPU" in bundle.provenance["times on a GPU"]
    assert bundle.provenance["device"] == "cpu"


def test_a_recording_of_a_gpu_is_found_from_a_machine_without_one(suite: str, tmp_path: Path) -> None:
    cells = [on_cuda(cell) for cell in planned_cells([suite], [0, 1])]
    for cell in cells:
        record(tmp_path / "gpu", cell)
    bundle, _ = recorded_runs([suite], [tmp_path / "gpu"], [0, 1])
    assert [record.status for record in bundle.records] == ["ok", "ok"]
    assert {one.timer for one in bundle.scores if one.score.name == "step_time.p50"} == {"cuda"}
    assert "times on a GPU" not in bundle.provenance


def test_one_call_writes_the_small_page_the_results_and_the_budget(suite: str, tmp_path: Path) -> None:
    (cell,) = planned_cells([suite], [0])
    record(tmp_path / "a", cell)
    results, budget = tmp_path / "pages" / "RESULTS.md", tmp_path / "pages" / "budget.md"
    out = tmp_path / "small"
    runs = ["--runs", tmp_path / "a", "--seeds", "0"]
    report("--suite", suite, *runs, "--to", out, "--compact", "--results", results, "--budget", budget)
    path = out / "index.html"
    assert [file.relative_to(out).as_posix() for file in out.rglob("*")] == ["index.html"]
    assert "A small copy" in path.read_text(encoding="utf-8")
    assert "Commit c0ffee;" in results.read_text(encoding="utf-8")
    assert "| after the last score | 7.0 | 7.0 | 77.8 |" in budget.read_text(encoding="utf-8")


def test_a_recording_gives_the_pages_that_its_folders_give(suite: str, tmp_path: Path) -> None:
    cells = planned_cells([suite], [0, 1])
    for cell in (*cells, on_cuda(cells[0])):
        record(tmp_path / "a", cell)
    file = tmp_path / "small.jsonl.gz"
    pages = [tmp_path / f"{name}.md" for name in ("folders", "planned", "alone", "fewer")]
    asked = [
        ["--suite", suite, "--runs", tmp_path / "a", "--seeds", "0-1", "--record", file],
        ["--suite", suite, "--runs", file, "--seeds", "0-1"],
        ["--runs", file],
        ["--runs", file, "--seeds", "1"],
    ]
    for number, (words, page) in enumerate(zip(asked, pages, strict=True), start=1):
        report(*words, "--results", page, "--to", tmp_path / str(number))
    first, *same, fewer = [page.read_text(encoding="utf-8") for page in pages]
    assert "- cells: 2 of 2 ok" in first
    assert same == [first, first]
    assert "- cells: 1 of 1 ok" in fewer
    timers = [(tmp_path / name / "results.csv").read_text().count("cuda,c0ffee") for name in "123"]
    assert timers == [1, 1, 1]


def test_a_damaged_recording_and_a_folder_without_runs_are_one_clear_line(suite: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--runs .*nowhere: no recorded runs"):
        recorded_runs([suite], [tmp_path / "nowhere"], [0])
    (tmp_path / "bad.jsonl.gz").write_bytes(b"no gzip")
    for suites in ((suite,), ()):
        with pytest.raises(UserError, match=r"--runs .*bad\.jsonl\.gz cannot be read as a recording"):
            wanted_runs(tmp_path, suites, (tmp_path / "bad.jsonl.gz",))


def test_a_row_whose_method_is_gone_is_shown_by_its_recorded_name_and_the_others_as_ever(tmp_path: Path) -> None:
    (cell,) = planned_cells(["dummy"], [0])[:1]
    gone = cell.with_changes(method="acme/gone", task="acme-shapes")
    for one in (cell, gone):
        record(tmp_path, one)
    index_cells(tmp_path, "trial", [cell, gone])
    found = suite_runs(tmp_path, "trial")
    assert [record.status for record in found.records] == ["ok", "ok"]
    assert found.title(gone) == "acme/gone"
    (warning,) = found.warnings
    assert warning.startswith(
        "acme/gone is shown by its recorded name, since its title is not to be had: unknown method"
    )
    report("--suite", "trial", "--out", tmp_path)
    assert "acme/gone" in (tmp_path / "report" / "trial" / "index.html").read_text(encoding="utf-8")


def test_a_setting_that_did_not_exist_when_a_cell_was_run_is_no_difference_where_its_default_is_planned() -> None:
    cell = next(cell for cell in planned_cells(["quick"], [0]) if cell.method == "dtn/dtn")
    default, planned = DTN.Settings().steps, cell.method_settings["steps"]
    assert default != planned

    def told(key: str) -> list[str]:
        settings = {name: value for name, value in cell.method_settings.items() if name != key}
        return other_settings("quick", [cell.with_changes(method_settings=settings)])

    assert told("alpha") == []
    assert told("steps") == [
        f"{cell.address} was run with method.steps = {default} instead of {planned}: not comparable with the other rows"
    ]


def test_a_damaged_result_in_a_recorded_folder_is_one_line_and_the_others_are_reported(
    suite: str, tmp_path: Path
) -> None:
    first, second = planned_cells([suite], [0, 1])
    (record(tmp_path / "a", first) / "result.json").write_text("{}")
    record(tmp_path / "a", second)
    found, recorded = recorded_runs([suite], [tmp_path / "a"], [0, 1])
    assert [one.status for one in found.records] == ["not-run", "ok"]
    assert recorded.notes[0] == f"{first.directory(tmp_path).name}/result.json is not a result: cell: Field required"


def test_what_an_index_holds_besides_cells_is_counted_and_left_out(tmp_path: Path) -> None:
    (cell,) = planned_cells(["dummy"], [0])[:1]
    record(tmp_path, cell)
    index_cells(tmp_path, "trial", [cell])
    path = tmp_path / "suites" / "trial.json"
    index = json.loads(path.read_text())
    written = index["cells"][cell.address]
    nested: dict[str, object] = {}
    for _ in range(300):
        nested = {**written, "hash": None, "starts_from": {"a": nested}}
    odd = [{**written, "hash": None, "method": "../../x"}, {}, [], None, 3, nested, {**written, "seed": 7}]
    del index["this"]  # as an earlier version wrote it
    path.write_text(json.dumps({**index, "cells": {cell.address: written, **dict(enumerate(odd))}}))
    found = suite_runs(tmp_path, "trial")
    assert [one.status for one in found.records] == ["ok"]
    assert found.warnings == ("suites/trial.json: 7 entries cannot be read, and are left out",)
    for content in (
        b"",
        b"[" * 100_000,
        b"\xff",
        b'{"cells": 3}',
        json.dumps({"cells": {"a": {"seed": 10**400}}}).encode(),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match="trial"):
            suite_runs(tmp_path, "trial")


def test_paths_are_no_markup_in_what_a_report_prints(suite: str, tmp_path: Path) -> None:
    (cell,) = planned_cells([suite], [0])
    record(tmp_path / "a", cell)
    out = tmp_path / "[red]x[" / "]"
    done = CliRunner().invoke(app, ["report", "--suite", suite, "--runs", str(tmp_path / "a"), "--to", str(out)])
    assert f"report: {out / 'index.html'}" in done.output


def test_a_cell_with_a_name_that_is_none_is_refused_while_planning(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dummy/dummy on dummy, seed 9{30}, makes no cell: seed"):
        planned_cells(["dummy"], [int("9" * 30)])


def test_no_report_is_written_through_a_link_out_of_the_folder_of_runs(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    for folder in (root, elsewhere):
        folder.mkdir()
    (root / "report").symlink_to(elsewhere)
    with pytest.raises(ReportError, match=r"a link leads out of .*; remove it, or name"):
        refuse_link_out(root / "report" / "dummy", root)
    refuse_link_out(root / "other" / "dummy", root)
    assert render_report(root, "dummy", Console(quiet=True)) == (None, "")
    assert not list(elsewhere.iterdir())
