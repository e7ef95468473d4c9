"""The real source of the task ten-shot, on small folders with right and wrong things in them."""

import random
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from retable.datasets import inventory
from retable.datasets.errors import DataError
from retable.datasets.sources import LabelledImages
from retable.datasets.standins.digits import street
from retable.datasets.ten_shot.settings import TenShotSettings
from retable.datasets.ten_shot.task import TenShot

SPLITS = ("source-far", "source-far-test")
COUNTS = {"shots": 12, "reference": 6}


def noise(path, size=(40, 40), seed=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = random.Random(seed or str(path)).randbytes(size[0] * size[1] * 3)
    Image.frombytes("RGB", size, data).save(path)
    return path


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "mine"
    for name, count in COUNTS.items():
        for i in range(count):
            noise(root / name / f"{i:02}.png")
    return root


@pytest.fixture
def flowers(tmp_path):
    """Twelve flowers, in colours, of classes 1, 2, 3, 1, 2, 3 and so on."""
    root = tmp_path / "blooms"
    for i in range(1, 13):
        noise(root / "flowers-102" / "jpg" / f"image_{i:05}.jpg", size=(50, 40))
    savemat(root / "flowers-102" / "imagelabels.mat", {"labels": np.arange(12)[None] % 3 + 1})
    return root


def make(root, seed=0, stream="shots", **settings):
    values = {"source": "real", "data_dir": str(root), "size": 32, "shots": 5, "n_source": 8, **settings}
    task = TenShot(TenShot.settings_for(TenShotSettings(**values), stream), root.parent / "cache", seed)
    task.prepare()
    return task


def prints(task, name):
    return [image.numpy().tobytes() for image in task.reference(name).inputs["image"]]


def test_shots_are_drawn_by_the_seed_and_nested(root):
    few, more = (prints(make(root, seed=4, shots=shots), "shots") for shots in (5, 8))
    assert few == more[:5]
    assert len(set(more)) == 8
    assert set(few) != set(prints(make(root, seed=5), "shots"))
    every = {seed: set(prints(make(root, seed=seed, shots=12), "shots")) for seed in (1, 2)}
    assert every[1] == every[2]
    assert len(prints(make(root), "reference")) == COUNTS["reference"]
    assert not every[1] & set(prints(make(root), "reference"))


def test_a_changed_picture_is_noticed_and_a_touched_one_is_not(root):
    before = make(root).digests()
    noise(root / "reference" / "00.png", seed="other")
    after = make(root).digests()
    assert after["shots"] == before["shots"]
    assert after["reference"] != before["reference"]
    (root / "reference" / "00.png").touch()
    assert make(root).digests() == after


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


def keep(root, names):
    for path in sorted((root / "shots").iterdir()):
        if path.name not in names:
            path.unlink()


def spoil_one(root):
    keep(root, ["00.png"])


def spoil_few(root):
    keep(root, ["00.png", "01.png", "02.png"])


def spoil_none(root):
    keep(root, [])


def spoil_missing(root):
    (root / "reference").rename(root / "References")


def spoil_duplicate(root):
    Image.open(root / "shots" / "03.png").save(root / "shots" / "again.webp", lossless=True)


def spoil_unreadable(root):
    path = root / "shots" / "04.png"
    path.write_bytes(path.read_bytes()[:300])


def spoil_few_references(root):
    for path in sorted((root / "reference").iterdir())[3:]:
        path.unlink()


def spoil_reference(root):
    (root / "reference" / "02.png").write_text("a note")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_one, [r"shots: 1 image, 5 needed"]),
        (spoil_few, [r"shots: 3 images, 5 needed; add some, or ask for fewer by task.shots=3"]),
        (spoil_none, [r"shots: no images \(.png, .jpg, .jpeg, .webp\)"]),
        (spoil_missing, [r"reference: no such folder, but there is References: rename it"]),
        (spoil_duplicate, [r"shots/again.webp: the same image as shots/03.png"]),
        (spoil_unreadable, [r"shots/04.png: cannot be read"]),
        (spoil_few_references, [r"reference: 3 images, 4 needed"]),
        (spoil_reference, [r"reference/02.png: not a PNG, JPEG or WebP image"]),
    ],
)
def test_a_bad_folder_is_refused_by_name_and_so_the_check_says(root, spoil, words):
    spoil(root)
    for seed in (0, 1):
        with pytest.raises(DataError, match=words[0]) as error:
            make(root, seed=seed)
        assert "retable data check" in str(error.value)
    report = inventory.check(root)
    assert report.kind == "shots and reference images"
    if spoil is spoil_few:  # how many are wanted is a setting, which the check does not know
        assert report.ok
    else:
        name = words[0].split(":")[0].split("/")[-1]
        assert not report.ok
        assert any(name in line for line in report.missing + report.problems)


def test_a_twin_is_refused_also_when_it_was_read_before(root):
    spoil_duplicate(root)
    for _ in range(2):
        with pytest.raises(DataError, match=r"shots/again.webp: the same image as shots/03.png"):
            make(root)


def test_a_mirrored_shot_is_a_twin(root):
    with Image.open(root / "shots" / "03.png") as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "shots" / "mirrored.png")
    with pytest.raises(DataError, match=r"shots/mirrored.png: the same image as shots/03.png, or its mirror image"):
        make(root)


def test_a_sound_folder_is_counted(root):
    report = inventory.check(root)
    assert report.ok
    assert [line.split()[:2] for line in report.found] == [
        ["shots", "12"],
        ["reference", "6"],
        ["source-near", "none:"],
        ["source-far", "none:"],
    ]


def test_no_folder_and_no_data_dir_are_said(tmp_path, root):
    for stream in ("shots", "source-near"):
        with pytest.raises(DataError, match=r"nowhere: no such folder"):
            make(tmp_path / "nowhere", stream=stream)
    with pytest.raises(DataError, match=r"source real needs data_dir"):
        TenShot(TenShotSettings(source="real"), tmp_path).prepare()


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


def test_without_source_folders_source_generators_learn_from_what_is_drawn(root, monkeypatch):
    def digits(folder, split, count):
        return LabelledImages(
            torch.full((count, 3, 32, 32), SPLITS.index(split), dtype=torch.uint8), torch.zeros(count), ""
        )

    monkeypatch.setattr(street, "street", digits)
    task = make(root, stream="source-far")
    assert len(prints(task, "source-far")) == task.settings.n_held_out == 2
    shown = task.batch("source-far", 0, 8, 0)["image"]
    assert shown.shape == (8, 3, 32, 32)
    assert (shown < task.reference("source-far").inputs["image"][:1]).all()


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
