"""What a run would refuse, ``retable data check`` says beforehand, in the same words: one set of requirements."""

import shutil

import pytest
import torch
from PIL import Image

from retable.datasets import inventory
from retable.datasets.attributes.requirements import lacking
from retable.datasets.attributes.settings import AttributesSettings
from retable.datasets.attributes.task import Attributes
from retable.datasets.digits.task import Digits
from retable.datasets.errors import DataError
from retable.datasets.ten_shot.task import TenShot
from tests.datasets import folders
from tests.datasets.test_svhn import write as write_svhn

FACES = {"data": ("faces",)}


def bits(hair, gender, age):
    return [*(int(hair == colour) for colour in range(3)), gender, age]


def sound():
    """Labels that are just enough: six images of every part."""
    shown = torch.tensor([bits(i % 3, i // 3, i % 2) for i in range(6)])
    return {("faces", part): shown.clone() for part in folders.PARTS}


def without(part, *, of=slice(None), set_to=0):
    def change(labels):
        labels["faces", part][:, of] = set_to

    return change


@pytest.mark.parametrize(
    ("change", "stream", "words"),
    [
        (lambda labels: None, "rows", []),
        (lambda labels: None, "judge-hair", []),
        (without("test", of=slice(3)), "rows", ["part test of faces: none of 6 images has exactly one of the three"]),
        (
            lambda labels: labels["faces", "judge-test"][0].copy_(torch.tensor(bits(1, 0, 0))),
            *("rows", ["part judge-test of faces: 1 image to compare with of hair black, 2 needed"]),
        ),
        (
            lambda labels: labels.update({("faces", "test"): labels["faces", "test"][:1]}),
            *("rows", ["part test of faces: 1 image to become hair blond, 2 needed"]),
        ),
        (
            without("judge-test", of=3),
            *("rows", ["part judge-test of faces: 0 images to compare with of gender male, 2 needed"]),
        ),
        (without("train", of=4), "rows", ["part train of faces: no image with 'young', 1 needed"]),
        (without("judge", of=slice(3), set_to=1), "judge-hair", ["part judge of faces: none of 6 images has exactly"]),
        (without("judge", of=slice(3), set_to=1), "judge-age", []),
    ],
)
def test_labels_say_what_a_row_or_a_judge_would_lack(change, stream, words):
    labels = sound()
    change(labels)
    found = lacking(AttributesSettings(stream=stream, **FACES), labels)
    assert bool(found) == bool(words)
    for line in words:
        assert any(line in other for other in found), found


def refused(task, root, cache, **settings):
    """The first thing that a run refuses, without where it is and where to look for more; or nothing."""
    try:
        task(task.Settings(source="real", data_dir=str(root), **settings), cache).prepare()
    except DataError as error:
        return str(error)
    return ""


def scarce(root):
    report = inventory.check(root)
    assert report.ok, report
    return report.too_few


def test_a_small_celeba_is_refused_by_the_check_and_by_a_run_alike(tmp_path):
    folders.write_celeba(tmp_path / "data")
    first, *_ = scarce(tmp_path / "data")
    assert first in refused(Attributes, tmp_path / "data", tmp_path / "cache", size=16, **FACES)
    assert list((tmp_path / "cache").glob("**/*.safetensors")) == [], "nothing was decoded"


def test_a_rafd_of_one_camera_is_refused_by_the_check_and_by_a_run_alike(tmp_path):
    folders.write_rafd(tmp_path / "data")
    settings = {"size": 16, "data": ("expressions",)}
    assert scarce(tmp_path / "data") == ()
    assert refused(Attributes, tmp_path / "data", tmp_path / "cache", **settings) == ""
    for path in (*(tmp_path / "data" / "rafd").glob("Rafd045*"), *(tmp_path / "data" / "rafd").glob("Rafd135*")):
        path.unlink()
    first, *_ = scarce(tmp_path / "data")
    assert first in refused(Attributes, tmp_path / "data", tmp_path / "cache", **settings)


def test_svhn_with_one_image_is_refused_by_the_check_and_by_a_run_alike(tmp_path, tiny_mnist):
    write_svhn(tmp_path / "svhn", "extra", 9)
    write_svhn(tmp_path / "svhn", "test", 1)
    (first,) = scarce(tmp_path / "svhn")
    assert first == "test_32x32.mat: 1 image, 2 needed"
    assert first in refused(Digits, tmp_path / "svhn", tiny_mnist)
    write_svhn(tmp_path / "svhn", "test", 2)
    assert scarce(tmp_path / "svhn") == ()
    assert refused(Digits, tmp_path / "svhn", tiny_mnist) == ""
    assert "no image of s is left without the digits" in refused(
        Digits, tmp_path / "svhn", tiny_mnist, n_source=1, without_s=(1,)
    )


@pytest.mark.parametrize(("name", "below"), [("shots", "shots"), ("flowers", "flowers-102/jpg")])
def test_fewer_images_than_shots_are_refused_by_the_check_and_by_a_run_alike(tmp_path, name, below):
    folders.READERS[name].write(tmp_path / "data")
    settings = {"size": 32, "data": "folder" if name == "shots" else "flowers"}
    assert scarce(tmp_path / "data") == ()
    assert refused(TenShot, tmp_path / "data", tmp_path / "cache", **settings) == ""
    for path in sorted((tmp_path / "data" / below).iterdir())[8:]:
        path.unlink()
    (first,) = scarce(tmp_path / "data")
    assert "8 images, 10 needed" in first
    assert first.partition(": ")[2] in refused(TenShot, tmp_path / "data", tmp_path / "cache", **settings)
    assert refused(TenShot, tmp_path / "data", tmp_path / "cache", shots=8, **settings) == ""


def test_what_can_be_used_and_should_be_known_is_noted(tmp_path):
    folders.write_rafd(tmp_path / "data")
    for path in (tmp_path / "data" / "rafd").iterdir():
        folders.noise(path, (40, 40))
    one, other = (folders.rafd.split(folders.PEOPLE)[part][0] for part in ("train", "test"))
    faces = [folders.rafd_image(tmp_path / "data", person, "sad") for person in (one, other)]
    shutil.copy(*faces)
    for person, expression, size in ((one, "happy", (9, 9)), (other, "angry", (40, 90))):
        Image.effect_noise(size, 99).save(folders.rafd_image(tmp_path / "data", person, expression))
    report = inventory.check(tmp_path / "data")
    assert report.ok
    same, small, long = report.notes
    assert "the same image in two parts: rafd/Rafd" in same
    assert small.endswith("happy_frontal.jpg (9 x 9)")
    assert long.endswith("angry_frontal.jpg (40 x 90)")


@pytest.mark.parametrize("name", ["celeba", "rafd", "flowers", "shots", "groups"])
def test_links_out_of_a_folder_are_told(tmp_path, name):
    reader = folders.READERS[name]
    reader.write(tmp_path / "data")
    image = reader.image(tmp_path / "data")
    folders.noise(tmp_path / "elsewhere.png")
    image.with_name("link.png").symlink_to(tmp_path / "elsewhere.png")
    report = inventory.check(tmp_path / "data")
    assert any("link" in line for line in (*report.notes, *report.found))
    for path in image.parent.iterdir():
        if not path.is_symlink():
            path.unlink()
    assert any("1 link out of" in line for line in inventory.check(tmp_path / "data").missing)
