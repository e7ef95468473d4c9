"""Damaged files of a cell: noticed, told, and the work is done again with the same scores."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run.earlier import put_right
from retable.benchmarks.run.results import index_cells, suite_cells
from retable.benchmarks.run.scheduler import Scheduler
from retable.datasets.files import written_whole
from retable.reports.records.cell import Cell
from retable.reports.records.files import write_atomically
from retable.reports.records.folder import read_cell
from retable.reports.records.journal import Beginning, Journal, Metrics, Note, finished, outcome, read_journal

STEPS = ("method.steps=40", "run.checkpoint_every=10", "run.log_every=2")
BOTH = '[[rows]]\nmethods = ["dummy/dummy", "dummy/tuned"]\ntask = "dummy"\n'


Write = Callable[[Path, bytes], None]


def whole(path: Path, content: bytes) -> None:
    with written_whole(path) as file:
        file.write(content)


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


def test_a_finished_cell_whose_journal_is_damaged_is_done_again(cells: tuple[Cell, Cell], tmp_path: Path) -> None:
    directory = cells[1].directory(tmp_path)
    before, journal = losses(directory), directory / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-300])
    assert [words for words in read_cell(directory).warnings if "is damaged; run the cell again" in words]
    assert go_on(cells, tmp_path) == [f"{cells[1].address} is done again: journal.jsonl is damaged"]
    assert losses(directory) == before
    assert go_on(cells, tmp_path) == []


def test_a_folder_that_holds_another_cell_is_emptied(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    one, other = (cell for seed in (0, 1) for cell in plan_of(seeds=[seed]).cells)
    for cell in (one, other):
        Journal(cell.directory(tmp_path)).end(outcome(cell, "ok", started=Beginning.now()))
    shutil.rmtree(other.directory(tmp_path))
    shutil.copytree(one.directory(tmp_path), other.directory(tmp_path))
    (said,) = list(put_right([other], tmp_path))
    assert said == f"{other.address} is done again: its folder holds another cell"
    assert not (other.directory(tmp_path) / "done").exists()


def test_a_changed_digit_in_a_line_of_the_journal_makes_it_no_event(tmp_path: Path) -> None:
    for step in (1, 2):
        Journal(tmp_path).write(Metrics(step=step, values={"l": 0.5}))
    path = tmp_path / "journal.jsonl"
    flip(path, path.read_bytes().index(b"0.5") + 2)
    reading = read_journal(tmp_path)
    assert [event.step for event in reading.events if isinstance(event, Metrics)] == [2]
    assert reading.bad == [1]


def test_a_damaged_index_is_told_and_keeps_what_can_be_read(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    one, other = (cell for seed in (0, 1) for cell in plan_of(seeds=[seed]).cells)
    index_cells(tmp_path, "trial", [one, other])
    path = tmp_path / "suites" / "trial.json"
    flip(path, path.read_bytes().index(b'"seed": 1') + len(b'"seed": '))
    with pytest.raises(UserError, match="damaged"):
        suite_cells(tmp_path, "trial")
    changed, lost = index_cells(tmp_path, "trial", [one])
    assert changed == []
    assert "was damaged" in lost
    assert suite_cells(tmp_path, "trial") == [one]


@pytest.mark.parametrize("content", [b"", b"\0" * 80, b"oj"])
def test_a_damaged_done_does_not_vouch_for_a_result(
    content: bytes, plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    (cell,) = plan_of().cells
    directory = cell.directory(tmp_path)
    Journal(directory).end(outcome(cell, "ok", started=Beginning.now()))
    assert finished(directory) is not None
    (directory / "done").write_bytes(content)
    assert finished(directory) is None


@pytest.mark.parametrize("write", [write_atomically, whole])
def test_what_a_killed_writer_left_goes_and_what_is_being_written_stays(write: Write, tmp_path: Path) -> None:
    left, busy = tmp_path / ".weights.safetensors.123.tmp", tmp_path / ".result.json.124.tmp"
    left.write_bytes(b"half")
    with busy.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(b"half")
        file.flush()
        write(tmp_path / "new", b"whole")
    assert sorted(tmp_path.iterdir()) == [busy, tmp_path / "new"]
    assert (tmp_path / "new").read_bytes() == b"whole"


@pytest.mark.parametrize("write", [write_atomically, whole])
def test_a_file_and_then_its_folder_are_synced(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(Path(f"/proc/self/fd/{number}").readlink()))
    write(tmp_path / "new", b"whole")
    assert [path.suffix for path in synced] == [".tmp", ""]
    assert synced[1] == tmp_path


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="new") as caught:
        write_atomically(tmp_path / "new", b"whole")
    assert caught.value.filename == str(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_sealed_journal_is_on_disk_and_known_by_its_beginning(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write(Note(text="one"))
    seal = journal.seal()
    journal.write(Note(text="two"))
    assert journal.holds(seal)
    flip(tmp_path / "journal.jsonl", 5)
    assert not journal.holds(seal)
