import numpy as np
import pytest
from scipy.io import savemat

from retable.datasets.digits import svhn
from retable.datasets.errors import DataError


def write(folder, split, n=20, **changes):
    random = np.random.default_rng(len(split))
    content = {
        "X": random.integers(0, 256, (32, 32, 3, n), dtype=np.uint8),
        "y": (np.arange(n)[:, None] % 10 + 1).astype(np.uint8),
    }
    folder.mkdir(exist_ok=True)
    savemat(folder / svhn.FILES[split], content | changes)
    return content | changes


def test_pixels_and_digits_arrive_where_they_belong(tmp_path):
    content = write(tmp_path, "test")
    data = svhn.load("test", tmp_path)
    assert data.images.shape == (20, 3, 32, 32)
    assert data.images[7, 2, 5, 9] == content["X"][5, 9, 2, 7]
    assert data.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] * 2


def test_the_files_are_those_that_torchvision_fetches():
    from torchvision.datasets import SVHN

    assert {split: SVHN.split_list[split][1] for split in svhn.FILES} == svhn.FILES


def test_a_limit_takes_the_first(tmp_path):
    write(tmp_path, "extra")
    few, all_ = svhn.load("extra", tmp_path, 5), svhn.load("extra", tmp_path)
    assert few.images.equal(all_.images[:5])
    assert few.digest != all_.digest


def test_missing_files_are_named_with_what_was_expected(tmp_path):
    write(tmp_path, "test")
    with pytest.raises(DataError, match=r"expected extra_32x32.mat, test_32x32.mat, missing extra_32x32.mat"):
        svhn.require(tmp_path, ("extra", "test"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"X": np.zeros((28, 28, 3, 20), np.uint8)}, "expected uint8"),
        ({"X": np.zeros((32, 32, 3, 20))}, "expected uint8"),
        ({"y": np.ones((19, 1))}, "19 labels"),
        ({"y": np.full((20, 1), 11)}, "labels outside"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, changes, words):
    write(tmp_path, "test", **changes)
    with pytest.raises(DataError, match=words):
        svhn.load("test", tmp_path)


@pytest.mark.parametrize("keep", [0, 100, -50])
def test_a_truncated_file_is_named(tmp_path, keep):
    write(tmp_path, "test")
    path = tmp_path / svhn.FILES["test"]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"test_32x32\.mat: not a sound SVHN file"):
        svhn.load("test", tmp_path)


def test_offline_nothing_is_fetched_and_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("RETABLE_OFFLINE", "1")
    with pytest.raises(DataError, match=r"RETABLE_OFFLINE.*test_32x32.mat.*data_dir"):
        svhn.fetch(tmp_path, ("test",))
