"""The budget's page says which command the time belongs to, and how long that took on the clock."""

from __future__ import annotations

import json

from retable.reports.render.budget_page import budget_page
from tests.reports.report_factory import Cells

COMMAND = {
    "id": "b",
    "suite": "quick",
    "command": "retable run quick --out /home/me/runs",
    "started": 1_000_000,
    "ended": 3_516_000,
}


def ran_by(cells: Cells, name: str, count: int) -> None:
    for seed in range(count):
        directory = cells.add("dtn/dtn", seed=seed, variant=name)
        (directory / "invocation.json").write_text(json.dumps({"id": name}))


def test_the_commands_that_ran_the_cells_are_told_with_their_wall_time(cells: Cells) -> None:
    ran_by(cells, "b", 2)
    ran_by(cells, "killed", 1)
    folder = cells.root.parent / "invocations"
    folder.mkdir()
    planned = {"1": "one", "2": "two", "3": "three"}
    (folder / "b.json").write_text(json.dumps({**COMMAND, "planned": planned}))
    (folder / "killed.json").write_text(json.dumps({**COMMAND, "id": "killed", "suite": "x", "ended": None}))
    page = budget_page(cells.bundle())
    assert "- retable run quick: 41 min 56 s from its first cell" in page
    assert "2 of its 3 cells are here" in page
    assert "retable run x" not in page
    assert "/home" not in page


def test_cells_without_a_record_of_their_command_are_no_error(cells: Cells) -> None:
    directory = cells.add("dtn/dtn")
    (directory / "invocation.json").write_text("{")
    assert "retable run" not in budget_page(cells.bundle())
