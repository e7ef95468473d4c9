"""The real source of the task ten-shot; what every reader promises is in ``test_readers.py``."""

import shutil

import pytest
import torch
from PIL import Image

from retable.datasets import inventory
from retable.datasets.errors import DataError
from tests.datasets.folders import SHOT_COUNTS, noise, ten_shot, write_flowers, write_shots
from tests.datasets.made_up import who


@pytest.fixture
def root(tmp_path):
    write_shots(tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture
def flowers(tmp_path):
    write_flowers(tmp_path / "blooms")
    return tmp_path / "blooms"


def make(root, seed=0, stream="shots", **settings):
    return ten_shot(root, root.parent / "cache", seed, stream, **settings)


def prints(task, name):
    return [image.numpy().tobytes() for image in task.reference(name).inputs["image"]]


def test_shots_are_drawn_by_the_seed_and_nested(root):
    few, more = (prints(make(root, seed=4, shots=shots), "shots") for shots in (5, 8))
    assert few == more[:5]
    assert len(set(more)) == 8
    assert set(few) != set(prints(make(root, seed=5), "shots"))
    every = {seed: set(prints(make(root, seed=seed, shots=12), "shots")) for seed in (1, 2)}
    assert every[1] == every[2]
    assert len(prints(make(root), "reference")) == SHOT_COUNTS["reference"]
    assert not every[1] & set(prints(make(root), "reference"))


def test_mixed_sizes_are_cut_to_the_centre_square_and_resized(root):
    shutil.rmtree(root / "shots")
    (root / "shots").mkdir()
    for i, size in enumerate([(64, 32), (32, 64), (100, 40), (40, 40), (32, 32)]):
        image = Image.new("RGB", size, "red")
        side = min(size)
        left, top = (size[0] - side) // 2, (size[1] - side) // 2
        image.paste((0, 40 * i, 0), (left, top, left + side, top + side))
        image.save(root / "shots" / f"{i}.png")
    shots = make(root).reference("shots").inputs["image"]
    assert shots.shape == (5, 3, 32, 32)
    assert (shots[:, 0] == -1).all()
    found = inventory.check(root)
    assert found.ok
    assert any("5 readable images of 5 sizes" in line and "32 x 32 to 100 x 40" in line for line in found.found), (
        found.found
    )


def test_how_many_shots_are_wanted_is_a_setting_which_the_check_does_not_know(root):
    for path in sorted((root / "shots").iterdir())[3:]:
        path.unlink()
    with pytest.raises(DataError, match=r"shots: 3 images, 5 needed; add some, or ask for fewer by task.shots=3"):
        make(root)
    assert inventory.check(root).ok


def test_a_sound_folder_is_counted(root):
    report = inventory.check(root)
    assert report.ok
    assert [line.split()[:2] for line in report.found] == [
        ["shots", "12"],
        ["reference", "6"],
        ["source-near", "none:"],
        ["source-far", "none:"],
    ]


def test_source_folders_are_used_and_some_held_out(root):
    for i in range(9):
        noise(root / "source-near" / f"{i}.png")
    task = make(root, stream="source-near")
    shown = {image.numpy().tobytes() for step in range(4) for image in task.batch("source-near", step, 7, 0)["image"]}
    held_out = prints(task, "source-near")
    assert len(shown) == 7
    assert len(held_out) == 2
    assert not shown & set(held_out)
    for path in sorted((root / "source-near").iterdir())[3:]:
        path.unlink()
    with pytest.raises(DataError, match=r"source-near: 3 images, 4 needed"):
        make(root, stream="source-near")


def test_without_source_folders_source_generators_learn_from_what_is_drawn(root, calls):
    task = make(root, stream="source-far")
    assert set(calls) == {("digit", "source-far"), ("digit", "source-far-test")}
    shown, held_out = task.batch("source-far", 0, 8, 0)["image"], task.reference("source-far").inputs["image"]
    assert {each[:2] for each in who(shown)} == {("digit", "source-far")}
    assert {each[:2] for each in who(held_out)} == {("digit", "source-far-test")}
    assert len(held_out) == task.settings.n_held_out == 2


def test_flowers_are_all_reference_and_the_shots_among_them(flowers):
    task = make(flowers, data="flowers")
    reference = prints(task, "reference")
    assert len(reference) == 12
    assert set(prints(task, "shots")) < set(reference)
    assert prints(task, "shots") == prints(make(flowers / "flowers-102", data="flowers"), "shots")
    assert prints(task, "shots") != prints(make(flowers, seed=1, data="flowers"), "shots")


def test_flowers_of_one_class(flowers):
    every = prints(make(flowers, data="flowers", shots=2), "reference")
    for flower in (1, 2, 3):
        task = make(flowers, data="flowers", shots=2, flower=flower)
        assert prints(task, "reference") == every[flower - 1 :: 3]
    with pytest.raises(DataError, match=r"jpg: 4 images of class 2, 5 needed"):
        make(flowers, data="flowers", flower=2)
    with pytest.raises(DataError, match=r"jpg: 0 images of class 9, 4 needed"):
        make(flowers, data="flowers", shots=2, flower=9)


def test_too_few_flowers_to_compare_with_are_refused_before_the_training(flowers):
    (flowers / "flowers-102" / "jpg" / "image_00004.jpg").unlink()
    make(flowers, data="flowers", shots=2, flower=2)
    with pytest.raises(DataError, match=r"jpg: 3 images of class 1, 4 needed"):
        make(flowers, data="flowers", shots=2, flower=1)


def test_flowers_that_cannot_be_used_are_refused_by_name(flowers):
    base = flowers / "flowers-102"
    with pytest.raises(DataError, match=r"jpg: 12 images, 13 needed"):
        make(flowers, data="flowers", shots=13)
    (base / "jpg" / "image_00013.jpg").write_bytes((base / "jpg" / "image_00001.jpg").read_bytes())
    with pytest.raises(DataError, match=r"image_00013.jpg: not the name of one of 12 flowers"):
        make(flowers, data="flowers", flower=1, shots=2)
    with pytest.raises(DataError, match=r"image_00013.jpg: the same image as .*image_00001.jpg"):
        make(flowers, data="flowers", shots=13)
    (base / "imagelabels.mat").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"imagelabels.mat: not a sound imagelabels.mat"):
        make(flowers, data="flowers", flower=1, shots=2)
    (base / "imagelabels.mat").unlink()
    with pytest.raises(DataError, match=r"imagelabels.mat: no such file"):
        make(flowers, data="flowers", flower=1, shots=2)
    (base / "jpg").rename(base / "JPEG")
    with pytest.raises(DataError, match=r"jpg: no such folder"):
        make(flowers, data="flowers")


def test_flowers_are_checked(flowers):
    report = inventory.check(flowers)
    assert report.ok
    assert report.kind == "Oxford Flowers"
    assert [line.split() for line in report.found] == [
        ["flowers", "12", "paper", "8,189"],
        ["classes", "3", "paper", "102"],
    ]
    (flowers / "flowers-102" / "jpg" / "image_00003.jpg").write_bytes(b"cut")
    (flowers / "flowers-102" / "imagelabels.mat").write_bytes(b"nothing")
    problems = inventory.check(flowers).problems
    assert [any(name in line for line in problems) for name in ("image_00003.jpg", "imagelabels.mat")] == [True, True]
    shutil.rmtree(flowers / "flowers-102" / "jpg")
    assert inventory.check(flowers).missing == ("flowers-102/jpg (images): no such folder",)


def test_the_shots_of_a_batch_are_the_shots(root):
    task = make(root)
    shown = {image.numpy().tobytes() for image in task.batch("shots", 0, 5, 0)["image"]}
    assert shown == set(prints(task, "shots"))
    assert torch.equal(task.batch("shots", 7, 3, 1)["image"], make(root).batch("shots", 7, 3, 1)["image"])
