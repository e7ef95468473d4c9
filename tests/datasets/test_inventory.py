import pytest
import torch

from datasets import inventory
from datasets.cartoon_groups.settings import CartoonGroupsSettings
from datasets.errors import DataError
from datasets.faces import album
from tests.datasets.test_images import picture
from tests.datasets.test_svhn import write


def test_the_list_says_what_is_in_the_cache(tiny_mnist, monkeypatch):
    before = {item.name: item for item in inventory.list_data(tiny_mnist)}
    assert before["mnist"].status == "ready"
    assert before["svhn"].status == "missing"
    assert before["street"].status == "made when needed"
    monkeypatch.setattr(inventory, "STANDIN", {"test": 3})
    inventory.fetch("street", tiny_mnist)
    after = {item.name: item for item in inventory.list_data(tiny_mnist)}
    assert after["street"].status == "ready"
    assert after["street"].size > 3 * 32 * 32 * 3


def test_fetching_tells_how_far_it_is(tiny_mnist, monkeypatch):
    told = []
    monkeypatch.setattr(inventory, "STANDIN", {"test": 3, "extra": 4})
    inventory.fetch("street", tiny_mnist, lambda *progress: told.append(progress))
    assert told == [("street test", 3, 3), ("street extra", 4, 4)]


def test_faces_are_fetched_for_every_stage(tmp_path, monkeypatch):
    small = {"size": 16, "n_photos": (2,) * 4, "n_cartoons": (1,) * 4, "n_test": 2, "n_judge": 1}
    sizes = CartoonGroupsSettings(**small, n_identities=4, n_shots=2, n_pairs=16)
    monkeypatch.setattr(inventory, "FACES", sizes)
    splits, told = set(), []

    def render(folder, split, group, count, size, shots=1, progress=None):
        splits.add(split)
        folder.mkdir(exist_ok=True)
        (folder / f"{split}.safetensors").write_bytes(b"0123456789")
        progress(count * shots)
        return album.Album(torch.zeros(count * shots, 3, size, size, dtype=torch.uint8), "digest")

    monkeypatch.setattr(album, "cartoons", render)
    monkeypatch.setattr(album, "portraits", render)
    before = {item.name: item for item in inventory.list_data(tmp_path)}["faces"]
    inventory.fetch("faces", tmp_path, lambda *progress: told.append(progress))
    after = {item.name: item for item in inventory.list_data(tmp_path)}["faces"]
    assert splits == {
        *("train-photo", "train-cartoon", "test", "reference"),
        *("judge", "judge-test", "identities", "pairs"),
    }
    assert told[0] == ("photos of woman, train", 2, 2)
    assert before.status == "made when needed"
    assert (after.status, after.size) == ("ready", 80)


def test_fetching_something_unknown_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no data set 'mnits'"):
        inventory.fetch("mnits", tmp_path)


def test_a_sound_mnist_folder_is_ok(tiny_mnist):
    report = inventory.check(tiny_mnist / "mnist")
    assert report.kind == "MNIST"
    assert report.ok
    assert len(report.found) == 4


def test_a_broken_mnist_folder_says_what_is_missing_and_what_is_wrong(tiny_mnist):
    (tiny_mnist / "mnist" / "train-labels-idx1-ubyte").unlink()
    (tiny_mnist / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(b"wrong")
    report = inventory.check(tiny_mnist / "mnist")
    assert not report.ok
    assert report.missing == ("train-labels-idx1-ubyte",)
    assert "SHA-256" in report.problems[0]


def test_an_svhn_folder_is_counted(tmp_path):
    write(tmp_path, "test")
    (tmp_path / "train_32x32.mat").write_bytes(b"wrong")
    report = inventory.check(tmp_path)
    assert report.kind == "SVHN"
    assert report.found == ("test_32x32.mat (20 images)",)
    assert report.missing == ("extra_32x32.mat",)
    assert "train_32x32.mat" in report.problems[0]


def test_images_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "good.png").write_bytes(picture())
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    report = inventory.check(tmp_path)
    assert report.kind == "images"
    assert report.found == ("1 readable images",)
    assert "bad.jpg" in report.problems[0]
    assert inventory.check(tmp_path / "good.png").ok
    assert not inventory.check(tmp_path / "bad.jpg").ok


def test_a_folder_without_data_and_a_missing_path_are_said(tmp_path):
    assert inventory.check(tmp_path).missing
    with pytest.raises(DataError, match="no such file or folder"):
        inventory.check(tmp_path / "nowhere")
