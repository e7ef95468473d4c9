"""The budget's page says which command the time belongs to, and how long that took on the clock."""

from __future__ import annotations

import json

from retable.reports.records.invocation import Invocation
from retable.reports.render.budget_page import budget_page
from tests.reports.report_factory import Cells

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
