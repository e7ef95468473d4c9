"""``retable translate`` and ``retable sample``: a trained row at work, and nothing written where something is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from retable.benchmarks.cli.trained import parse_wanted
from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.dummy import Dummy, Squares
from retable.benchmarks.run.build import WEIGHTS, build_task, trained_method
from retable.benchmarks.run.results import suite_cells
from retable.benchmarks.run.trained_cell import sample, translate
from retable.datasets.errors import DataError
from retable.datasets.images import read_image
from retable.datasets.task import Request
from retable.methods.anchors.shown import Shown
from tests.harness.conftest import columns
from tests.harness.painter import Painter, latents

DUMMY, PAINTER = "dummy/dummy/dummy/s0", "dummy/painter/few-squares/s0"


def folder_of(address: str, runs: Path) -> Path:
    return next(cell.directory(runs) for cell in suite_cells(runs, "trial") if cell.address == address)


def grey(path: Path, brightness: int, size: tuple[int, int] = (20, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, brightness).save(path)
    return path


def middle(path: Path) -> int:
    image = read_image(path, channels=1)
    return int(image[0, image.shape[1] // 2, image.shape[2] // 2])


Ask = Callable[[Callable[[Tensor, Mapping[str, str]], Tensor]], None]


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """``asking(change)``: the dummy task hands on the user's images as ``change(images, wanted)`` says."""

    def ask(change: Callable[[Tensor, Mapping[str, str]], Tensor]) -> None:
        made = lambda self, images, wanted: Request("translate", "translate", {"image": change(images, wanted)})  # noqa: E731
        monkeypatch.setattr(Squares, "ask", made)

    return ask


def test_every_image_is_translated_into_a_file_of_its_name_whether_the_row_is_named_by_address_or_folder(
    trained: Path, tmp_path: Path
) -> None:
    images = [grey(tmp_path / "my" / "dark.png", 50), grey(tmp_path / "my" / "bright.jpg", 200)]
    dark, bright = written = translate(DUMMY, images, tmp_path / "out", trained, "trial")
    assert written == [tmp_path / "out" / "dark.png", tmp_path / "out" / "bright.png"]
    assert sorted(tmp_path.joinpath("out").iterdir()) == sorted(written)
    # The dummy learns the negative.
    assert abs(middle(dark) - 205) < 60
    assert abs(middle(bright) - 55) < 60
    assert middle(dark) > middle(bright)
    by_folder = translate(str(folder_of(DUMMY, trained)), images, tmp_path / "two", tmp_path / "elsewhere", "none")
    assert [path.read_bytes() for path in by_folder] == [path.read_bytes() for path in written]


def test_the_centre_square_is_what_the_method_sees(trained: Path, tmp_path: Path, asking: Ask) -> None:
    seen: list[Tensor] = []
    asking(lambda images, wanted: (seen.append(images), images)[1])
    wide = Image.new("L", (90, 30), 0)
    wide.paste(255, (30, 0, 60, 30))
    wide.save(tmp_path / "wide.png")
    translate(DUMMY, [tmp_path / "wide.png"], tmp_path / "out", trained, "trial")
    assert torch.equal(torch.cat(seen), torch.ones(1, 1, 8, 8))


def test_what_is_wanted_is_the_tasks_to_understand(trained: Path, tmp_path: Path, asking: Ask) -> None:
    asking(lambda images, wanted: images * float(wanted["by"]))
    image = grey(tmp_path / "a.png", 250)
    (kept,) = translate(DUMMY, [image], tmp_path / "kept", trained, "trial", {"by": "1"})
    (turned,) = translate(DUMMY, [image], tmp_path / "turned", trained, "trial", {"by": "-1"})
    assert middle(kept) < 128 < middle(turned)


def test_a_row_that_has_nothing_for_what_is_wanted_says_so_and_writes_nothing(
    trained: Path, tmp_path: Path, asking: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking(lambda images, wanted: images)
    monkeypatch.setattr(Dummy, "translate", lambda self, inputs: inputs["image"])
    image = grey(tmp_path / "one.png", 40)
    with pytest.raises(UserError, match=r"left every image as it is: it has no model for mood=calm"):
        translate(DUMMY, [image], tmp_path / "out", trained, "trial", {"mood": "calm"})
    assert not (tmp_path / "out").exists()
    assert translate(DUMMY, [image], tmp_path / "out", trained, "trial")


GREY = BytesIO()
Image.new("L", (20, 20), 50).save(GREY, "PNG")
REFUSED: dict[str, tuple[dict[str, bytes], dict[str, str], str]] = {
    "an empty file": ({"good.png": GREY.getvalue(), "bad.png": b""}, {}, r"bad\.png"),
    "another file": ({"good.png": GREY.getvalue(), "bad.png": b"not an image"}, {}, r"bad\.png"),
    "a damaged file": ({"good.png": GREY.getvalue(), "bad.png": b"\x89PNG\r\n\x1a\n" + bytes(20)}, {}, r"bad\.png"),
    "one name twice": ({"monday/me.png": GREY.getvalue(), "tuesday/me.png": GREY.getvalue()}, {}, "same name"),
    "an unknown wish": ({"a.png": GREY.getvalue()}, {"group": "kids"}, "the task dummy knows no 'group'"),
}


@pytest.mark.parametrize(("files", "wanted", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_translated_is_refused_by_name_before_anything_is_written(
    trained: Path, tmp_path: Path, files: dict[str, bytes], wanted: dict[str, str], says: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises((UserError, DataError), match=says):
        translate(DUMMY, [tmp_path / name for name in files], tmp_path / "out", trained, "trial", wanted)
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


def test_samples_are_files_and_a_grid_and_strips_have_a_row_each(trained: Path, tmp_path: Path) -> None:
    written = sample(PAINTER, tmp_path / "out", trained, "trial", count=10, strips=3, points=7)
    names = [f"{number:03}.png" for number in range(10)]
    assert [path.name for path in written] == [*names, "samples.png", "strips.png"]
    assert sorted((tmp_path / "out").iterdir()) == sorted(written)
    assert columns(tmp_path / "out" / "samples.png") == (4, 3)
    assert columns(tmp_path / "out" / "strips.png") == (7, 3)


def test_a_file_holds_what_the_method_answers(trained: Path, tmp_path: Path) -> None:
    (only, grid) = sample(PAINTER, tmp_path, trained, "trial", count=1, seed=5)
    assert [only.name, grid.name] == ["000.png", "samples.png"], "no strips were asked for"
    (cell,) = (cell for cell in suite_cells(trained, "trial") if cell.address == PAINTER)
    method = trained_method(cell, build_task(cell, trained), trained)
    with torch.no_grad():
        answer = method.sample({"z": latents(1, 5)})[0]
    found = read_image(only, channels=1)
    assert found.shape == (1, 8, 8)
    assert (found - (answer + 1) * 127.5).abs().max() <= 0.51


def test_the_same_seed_gives_the_same_images_and_another_one_others(trained: Path, tmp_path: Path) -> None:
    folder = str(folder_of(PAINTER, trained))
    first, second, other = (
        [path.read_bytes() for path in sample(source, tmp_path / name, trained, "trial", count=3, seed=seed, strips=1)]
        for source, name, seed in ((PAINTER, "first", 3), (folder, "second", 3), (PAINTER, "other", 4))
    )
    assert first == second
    assert not set(first) & set(other)


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"count": 0}, "--n 0: expected a number from 1 to 10000"),
        ({"count": 10_001}, "--n 10001"),
        ({"seed": -1}, "--seed -1: expected a number from 0"),
        ({"strips": -1}, "--strips -1"),
        ({"strips": 1, "points": 1}, "--points 1: expected a number from 2"),
        ({"strips": 101, "points": 100}, "10100 images, at most 10000"),
    ],
)
def test_silly_numbers_are_refused_by_name(tmp_path: Path, numbers: dict[str, int], says: str) -> None:
    with pytest.raises(UserError, match=says):
        sample(PAINTER, tmp_path / "out", tmp_path, "trial", **numbers)


def use(kind: str, source: str, out: Path, runs: Path) -> Any:
    """Two images of a row, and an interpolation where it samples."""
    if kind == "sample":
        return sample(source, out, runs, "trial", count=2, strips=1)
    images = [grey(out.parent / "my" / f"{number:03}.png", 50 * number) for number in range(2)]
    return translate(source, images, out, runs, "trial")


@pytest.mark.parametrize(
    ("kind", "name"), [("translate", "001.png"), *(("sample", f"{name}.png") for name in ("001", "samples", "strips"))]
)
def test_what_is_there_is_not_overwritten_and_nothing_is_written_beside_it(
    trained: Path, tmp_path: Path, kind: str, name: str
) -> None:
    source = {"translate": DUMMY, "sample": PAINTER}[kind]
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match=r"--out .*out: this is a file; name a folder"):
        use(kind, source, tmp_path / "out", trained)
    assert (tmp_path / "out").read_text() == "mine"
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / name).write_text("mine")
    with pytest.raises(UserError, match=rf"{name} is there already.*--out"):
        use(kind, source, tmp_path / "second", trained)
    assert [(path.name, path.read_text()) for path in (tmp_path / "second").iterdir()] == [(name, "mine")]


@pytest.mark.parametrize(
    ("kind", "source", "says"),
    [
        ("translate", "dummy/dumy/dummy/s0", "no trained cell 'dummy/dumy/dummy/s0'.*did you mean"),
        ("translate", PAINTER, "does not translate images: its method answers 'sample'"),
        ("sample", DUMMY, "dummy/dummy/dummy/s0 does not make images out of nothing.*'translate'"),
    ],
)
def test_a_row_that_is_not_there_or_does_something_else_is_refused_by_address(
    trained: Path, tmp_path: Path, kind: str, source: str, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        use(kind, source, tmp_path / "out", trained)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["translate", "sample"])
def test_a_reference_row_has_nothing_to_show_for_images_that_its_task_does_not_know(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    cls, address = (Dummy, DUMMY) if kind == "translate" else (Painter, PAINTER)
    monkeypatch.setattr(cls, kind, Shown.shown)
    with pytest.raises(UserError, match=f"^{address} is a reference row"):
        use(kind, address, tmp_path / "out", trained)
    assert not (tmp_path / "out").exists()


def test_a_cell_that_did_not_end_well_or_was_recorded_with_a_setting_that_is_gone_is_refused(
    trained: Path, tmp_path: Path
) -> None:
    old = tmp_path / "cells" / "old"
    shutil.copytree(folder_of(PAINTER, trained), old)
    content = json.loads((old / "cell.json").read_text())
    del content["hash"]
    (old / "cell.json").write_text(json.dumps(content | {"task_settings": {**content["task_settings"], "n_gone": 5}}))
    with pytest.raises(UserError, match=r"does not take any more .*n_gone.*; run it again"):
        sample(str(old), tmp_path / "out", trained, "trial")
    content = (old / WEIGHTS).read_bytes()
    (old / WEIGHTS).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match=rf"{WEIGHTS} is damaged.*; run {PAINTER} again with --fresh"):
        sample(str(old), tmp_path / "out", trained, "trial")
    (old / WEIGHTS).unlink()
    with pytest.raises(UserError, match=rf"{PAINTER} has no trained networks: .*old holds no {WEIGHTS}"):
        sample(str(old), tmp_path / "out", trained, "trial")


def test_a_task_without_anything_to_sample_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the task dummy has nothing to sample"):
        Squares(Squares.Settings(), tmp_path).draw(3, 0)
