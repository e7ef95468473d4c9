"""The budget's page says which command the time belongs to, and how long that took on the clock."""

from __future__ import annotations

import json

from retable.reports.compute.time_budget import ON_THE_WAY, PICTURES, REST, START, TRAINING, stage_seconds
from retable.reports.records.invocation import Invocation
from retable.reports.records.journal import Event, Metrics, Scored, Start
from retable.reports.render.budget_page import budget_page
from tests.reports.report_factory import Cells, accuracy

COMMAND = Invocation(
    id="-",
    suite="",
    started=1_000_000,
    command="retable run quick --out /home/me/runs",
    planned={"1" * 16: "", "2" * 16: ""},
)


def test_the_commands_that_ran_the_cells_are_told_with_their_wall_time(cells: Cells) -> None:
    for name, ended in (("quick", 3_516_000), ("killed", 0)):
        command = COMMAND.model_copy(update={"id": name, "suite": name, "ended": ended})
        command.write(cells.root.parent)
        command.leave_word(cells.add("dtn/dtn", variant=name))
    page = budget_page(cells.bundle())
    assert "- retable run quick: 41 min 56 s from its first cell" in page
    assert "1 of its 2 cells are here" in page
    assert "retable run killed" not in page
    assert "/home" not in page


def test_a_record_that_lies_outside_the_folder_of_runs_is_not_read(cells: Cells) -> None:
    outside = {**COMMAND.model_dump(), "suite": "elsewhere", "ended": 3_516_000}
    directory = cells.add("dtn/dtn")
    (cells.root.parent / "outside.json").write_text(json.dumps({**outside, "id": "outside"}))
    for identity in ("../outside", str(cells.root.parent / "outside"), ["outside"]):
        (directory / "invocation.json").write_text(
            json.dumps({**COMMAND.model_dump(), "suite": "quick", "id": identity})
        )
        assert "retable run" not in budget_page(cells.bundle())


def test_cells_without_a_record_of_their_command_are_no_error(cells: Cells) -> None:
    (cells.add("dtn/dtn") / "invocation.json").write_text("{")
    assert "retable run" not in budget_page(cells.bundle())


def test_scores_on_the_way_are_no_training_and_end_none(cells: Cells) -> None:
    one, cell = accuracy(80.0), cells.cell("dtn/dtn")
    events: list[Event] = [
        Start(t=1_000, journal="ab", attempt=1, cell=cell, environment={}, data={}),
        Metrics(t=5_000, step=50, values={}),
        Scored(t=6_000, score=one, step=50),
        Scored(t=8_000, score=accuracy(90.0, digit="3"), step=50),
        Metrics(t=12_000, step=100, values={}),
        Scored(t=13_000, score=one),
    ]
    spent = stage_seconds(events, 0, 13_500)
    assert spent == {START: 1.0, TRAINING: 8.0, ON_THE_WAY: 3.0, PICTURES: 1.0, REST: 0.5}
