"""Damaged files of a cell: noticed, told, and the work is done again with the same scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run.earlier import put_right
from retable.benchmarks.run.scheduler import Scheduler
from retable.reports.records.cell import Cell
from retable.reports.records.journal import Journal, Note, finished, read_journal

STEPS = ("method.steps=40", "run.checkpoint_every=10", "run.log_every=2")
BOTH = '[[rows]]\nmethods = ["dummy/dummy", "dummy/tuned"]\ntask = "dummy"\n'


@pytest.fixture
def cells(plan_of: Callable[..., Plan], tmp_path: Path) -> tuple[Cell, Cell]:
    """Two finished cells; the second starts from the first."""
    plan = plan_of(BOTH, *STEPS)
    assert Scheduler(plan.cells, tmp_path, 1).run(lambda state: None)
    first, second = plan.cells
    return first, second


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def losses(directory: Path) -> list[float]:
    result = finished(directory)
    assert result is not None
    assert result.status == "ok"
    return [score.value for score in result.scores if score.name.startswith(("loss", "fid", "lpips"))]


def go_on(cells: tuple[Cell, ...], root: Path) -> list[str]:
    said = list(put_right(cells, root))
    assert Scheduler(cells, root, 1).run(lambda state: None)
    return said


def test_one_changed_digit_in_a_result_is_noticed_and_the_cell_done_again(
    cells: tuple[Cell, Cell], tmp_path: Path
) -> None:
    directory = cells[1].directory(tmp_path)
    before, result = losses(directory), directory / "result.json"
    place = result.read_text().index('"value": ') + len('"value": ')
    flip(result, place)
    assert finished(directory) is None
    assert go_on(cells, tmp_path) == [f"{cells[1].address} is done again: result.json is damaged"]
    assert losses(directory) == before


def test_damaged_weights_that_another_cell_starts_from_are_made_again(cells: tuple[Cell, Cell], tmp_path: Path) -> None:
    first, second = (cell.directory(tmp_path) for cell in cells)
    before = losses(second)
    assert go_on(cells, tmp_path) == []
    flip(first / "weights.safetensors", -1)
    (second / "done").unlink()
    (said,) = go_on(cells, tmp_path)
    assert said.startswith(f"{cells[0].address} is done again: ")
    assert "weights.safetensors is damaged" in said
    assert losses(second) == before


@pytest.mark.parametrize("lost", ["tail", "bit"])
def test_a_checkpoint_that_the_journal_does_not_reach_is_passed_over(
    cells: tuple[Cell, Cell], tmp_path: Path, lost: str
) -> None:
    directory = cells[0].directory(tmp_path)
    before, journal = losses(directory), directory / "journal.jsonl"
    content = journal.read_bytes()
    place = content.index(b'"step":26')
    journal.write_bytes(content[:place] if lost == "tail" else content[:place] + b"'" + content[place + 1 :])
    (directory / "done").unlink()
    go_on(cells, tmp_path)
    notes = [event.text for event in read_journal(directory).events if isinstance(event, Note)]
    assert any("step-0000030" in note and "does not fit" in note for note in notes)
    assert notes[-1] == "resumed from the checkpoint of step 20"
    assert losses(directory) == before


def test_a_changed_random_state_beside_a_checkpoint_is_noticed(cells: tuple[Cell, Cell], tmp_path: Path) -> None:
    directory = cells[0].directory(tmp_path)
    path = directory / "checkpoints" / "step-0000030.json"
    about = json.loads(path.read_text())
    about["random"]["numpy"][2] += 1
    path.write_text(json.dumps(about))
    (directory / "done").unlink()
    go_on(cells, tmp_path)
    notes = [event.text for event in read_journal(directory).events if isinstance(event, Note)]
    assert any("step-0000030.json is missing or damaged" in note for note in notes)


def test_a_sealed_journal_is_on_disk_and_known_by_its_beginning(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(Note(text="one"))
    seal = journal.seal()
    journal.write(Note(text="two"))
    assert journal.holds(seal)
    flip(tmp_path / "journal.jsonl", 5)
    assert not journal.holds(seal)
