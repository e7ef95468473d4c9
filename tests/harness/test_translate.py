"""``retable translate``: a user's own images through a trained row, and nothing written where something is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from retable.benchmarks.cli.trained import parse_wanted
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.dummy import Squares
from retable.benchmarks.plan.overrides import parse_override
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.suites import load_suite
from retable.benchmarks.run.build import WEIGHTS, build_method, build_task
from retable.benchmarks.run.checkpoint import save_weights
from retable.benchmarks.run.results import index_cells
from retable.benchmarks.run.trained_cell import translate
from retable.datasets.errors import DataError
from retable.datasets.images import read_image
from retable.datasets.task import Request
from retable.reports.records.cell import Cell
from retable.reports.records.files import write_json
from tests.harness.conftest import DUMMY_ROW, write_suite

ADDRESS = "dummy/dummy/dummy/s0"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs with one trained dummy, known by its address in the suite ``trial``."""
    root = tmp_path / "runs"
    plan = make_plan(load_suite(str(write_suite(tmp_path, DUMMY_ROW))), overrides=[parse_override("method.steps=60")])
    (cell,) = plan.rows
    index_cells(root, "trial", plan.cells)
    _train(cell, root)
    return root


def _train(cell: Cell, root: Path) -> None:
    task = build_task(cell, root)
    method = build_method(cell, task, root)
    method.opt = method.optimizers()
    for step in range(60):
        method.training_step(task.batch("train", step, 8, 0), step)
    cell.directory(root).mkdir(parents=True)
    write_json(cell.directory(root) / "cell.json", cell.to_json())
    save_weights(cell.directory(root) / WEIGHTS, method.networks())


def grey(path: Path, brightness: int, size: tuple[int, int] = (20, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, brightness).save(path)
    return path


def middle(path: Path) -> int:
    image = read_image(path, channels=1)
    return int(image[0, image.shape[1] // 2, image.shape[2] // 2])


def test_a_row_that_has_nothing_for_what_is_wanted_says_so_and_writes_nothing(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = lambda self, images, wanted: Request("translate", "translate", {"image": images})  # noqa: E731
    monkeypatch.setattr(Squares, "ask", still)
    monkeypatch.setattr("retable.methods.method.Method.translate", lambda self, inputs: inputs["image"])
    monkeypatch.setattr("retable.benchmarks.plan.dummy.Dummy.translate", lambda self, inputs: inputs["image"])
    image = grey(tmp_path / "one.png", 40)
    with pytest.raises(UserError, match=r"left every image as it is: it has no model for mood=calm"):
        translate(ADDRESS, [image], tmp_path / "out", runs, "trial", {"mood": "calm"})
    assert not (tmp_path / "out").exists()
    assert translate(ADDRESS, [image], tmp_path / "out", runs, "trial")


def test_every_image_is_translated_into_a_file_of_its_name(runs: Path, tmp_path: Path) -> None:
    dark, bright = grey(tmp_path / "my" / "dark.png", 50), grey(tmp_path / "my" / "bright.jpg", 200)
    written = translate(ADDRESS, [dark, bright], tmp_path / "out", runs, "trial")
    assert written == [tmp_path / "out" / "dark.png", tmp_path / "out" / "bright.png"]
    assert sorted(tmp_path.joinpath("out").iterdir()) == sorted(written)
    # The dummy learns the negative.
    assert abs(middle(written[0]) - 205) < 60
    assert abs(middle(written[1]) - 55) < 60
    assert middle(written[0]) > middle(written[1])


def test_a_cells_folder_will_do_for_its_address(runs: Path, tmp_path: Path) -> None:
    (folder,) = (runs / "cells").iterdir()
    image = grey(tmp_path / "a.png", 50)
    by_folder = translate(str(folder), [image], tmp_path / "one", tmp_path / "elsewhere", "none")
    by_address = translate(ADDRESS, [image], tmp_path / "two", runs, "trial")
    assert by_folder[0].read_bytes() == by_address[0].read_bytes()


def test_a_cell_recorded_with_a_setting_that_is_gone_is_refused_by_name(runs: Path, tmp_path: Path) -> None:
    (folder,) = (runs / "cells").iterdir()
    shutil.copytree(folder, tmp_path / "old")
    content = json.loads((tmp_path / "old" / "cell.json").read_text())
    content["task_settings"]["n_gone"] = 5
    content.pop("hash", None)
    (tmp_path / "old" / "cell.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"does not take any more .*n_gone.*; run it again"):
        translate(str(tmp_path / "old"), [grey(tmp_path / "a.png", 50)], tmp_path / "out", runs, "trial")


def test_a_file_in_the_place_of_the_folder_is_refused_before_anything_is_drawn(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match=r"--out .*out: this is a file; name a folder"):
        translate(ADDRESS, [grey(tmp_path / "a.png", 50)], tmp_path / "out", runs, "trial")
    assert (tmp_path / "out").read_text() == "mine"


def test_the_centre_square_is_what_the_method_sees(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def ask(self: Squares, images: Tensor, wanted: Mapping[str, str]) -> Request:
        seen.append(images)
        return Request("translate", "translate", {"image": images})

    monkeypatch.setattr(Squares, "ask", ask)
    wide = Image.new("L", (90, 30), 0)
    wide.paste(255, (30, 0, 60, 30))
    wide.save(tmp_path / "wide.png")
    translate(ADDRESS, [tmp_path / "wide.png"], tmp_path / "out", runs, "trial")
    (images,) = seen
    assert images.shape == (1, 1, 8, 8)
    assert torch.equal(images, torch.ones(1, 1, 8, 8))


def test_what_is_wanted_is_the_tasks_to_understand(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(self: Squares, images: Tensor, wanted: Mapping[str, str]) -> Request:
        return Request("translate", "translate", {"image": images * float(wanted["by"])})

    monkeypatch.setattr(Squares, "ask", ask)
    image = grey(tmp_path / "a.png", 250)
    (kept,) = translate(ADDRESS, [image], tmp_path / "kept", runs, "trial", {"by": "1"})
    (turned,) = translate(ADDRESS, [image], tmp_path / "turned", runs, "trial", {"by": "-1"})
    assert middle(kept) < 128 < middle(turned)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(20)])
def test_an_image_that_cannot_be_read_is_refused_before_anything_is_written(
    runs: Path, tmp_path: Path, content: bytes
) -> None:
    good, bad = grey(tmp_path / "good.png", 50), tmp_path / "bad.png"
    bad.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.png"):
        translate(ADDRESS, [good, bad], tmp_path / "out", runs, "trial")
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_not_overwritten(runs: Path, tmp_path: Path) -> None:
    first, second = grey(tmp_path / "first.png", 50), grey(tmp_path / "second.png", 200)
    (written,) = translate(ADDRESS, [second], tmp_path / "out", runs, "trial")
    before = written.read_bytes()
    with pytest.raises(UserError, match=r"second\.png is there already.*--out"):
        translate(ADDRESS, [first, second], tmp_path / "out", runs, "trial")
    assert written.read_bytes() == before
    assert not (tmp_path / "out" / "first.png").exists()


def test_two_images_of_one_name_are_refused(runs: Path, tmp_path: Path) -> None:
    images = [grey(tmp_path / folder / "me.png", 50) for folder in ("monday", "tuesday")]
    with pytest.raises(UserError, match="same name"):
        translate(ADDRESS, images, tmp_path / "out", runs, "trial")
    assert not (tmp_path / "out").exists()


def test_a_wish_that_the_task_does_not_know_is_refused_by_name(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the task dummy knows no 'group'"):
        translate(ADDRESS, [grey(tmp_path / "a.png", 50)], tmp_path / "out", runs, "trial", {"group": "kids"})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ([], {}),
        (["group=kids"], {"group": "kids"}),
        (["group=kids,to=photo"], {"group": "kids", "to": "photo"}),
        (["hair=brown, age=old", "group=man", "group=man"], {"hair": "brown", "age": "old", "group": "man"}),
    ],
)
def test_wishes_are_read_from_one_option_or_many(texts: list[str], wanted: dict[str, str]) -> None:
    assert parse_wanted(texts) == wanted


@pytest.mark.parametrize("texts", [["out/"], ["group="], ["=kids"], ["group=kids,"], ["group=kids", "group=man"]])
def test_a_wish_that_cannot_be_read_is_refused(texts: list[str]) -> None:
    with pytest.raises(UserError, match=r"--to .*(expected KEY=VALUE|cannot be 'kids' and 'man')"):
        parse_wanted(texts)


def test_a_cell_that_was_never_trained_is_refused_by_address(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no trained cell 'dummy/dumy/dummy/s0'.*did you mean"):
        translate("dummy/dumy/dummy/s0", [grey(tmp_path / "a.png", 50)], tmp_path / "out", runs, "trial")
