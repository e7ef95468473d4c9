from functools import partial

import pytest
import torch
from torch.nn.functional import pad

from retable.datasets.digits.task import Digits, DigitsSettings
from retable.datasets.errors import DataError
from tests.datasets.made_up import who
from tests.datasets.test_svhn import write


@pytest.fixture
def digits(make):
    return partial(make, Digits)


def rows(images: torch.Tensor) -> set[bytes]:
    return {image.contiguous().numpy().tobytes() for image in images}


def epoch(task: Digits, stream: str, key: str, n: int) -> torch.Tensor:
    return torch.cat([task.batch(stream, step, 10, 0)[key] for step in range(-(-n // 10))])[:n]


def test_the_judge_and_the_methods_share_no_mnist_image(digits):
    task = digits()
    t = rows(epoch(task, "train", "t", 40))
    judge = rows(epoch(task, "judge-mnist", "image", 40))
    test = rows(task.reference("mnist-test").inputs["image"])
    assert len(t) == len(judge) == 40
    assert not t & judge
    assert not (t | judge) & test


def test_the_tests_share_no_street_image_with_s_and_f(digits):
    task = digits()
    s, f = rows(epoch(task, "train", "s", 40)), rows(epoch(task, "f", "image", 60))
    test = rows(task.requests("translate", "train")[0].inputs["image"])
    assert (len(s), len(f), len(test)) == (40, 60, 20)
    assert not (s | f) & test


@pytest.mark.parametrize("left_out", [(3,), (0, 3)])
def test_digits_left_out_are_never_shown(digits, left_out):
    some = digits(without_s=left_out, without_t=left_out, without_f=left_out)
    shown = {each.person % 10 for step in range(3) for each in who(some.batch("train", step, 40, 0)["s"])}
    assert shown == set(range(10)) - set(left_out)
    assert set(some.batch("f", 0, 200, 0)["digit"].tolist()) == set(range(10)) - set(left_out)
    t = rows(torch.cat([some.batch("train", s, 40, 0)["t"] for s in range(3)]))
    raw = some._mnist
    padded = pad(raw.train_images, (2, 2, 2, 2)).float() / 127.5 - 1
    of_t = dict(zip([i.numpy().tobytes() for i in padded], raw.train_labels.tolist(), strict=True))
    assert {of_t[i] for i in t} == set(range(10)) - set(left_out)
    # The judge and the tests still see every digit.
    assert set(some.batch("judge-mnist", 0, 40, 0)["digit"].tolist()) == set(range(10))
    assert set(some.reference("mnist-test").labels["digit"].tolist()) == set(range(10))


def test_padding_leaves_the_strokes_of_mnist_as_they_are(digits):
    task = digits()
    image = task.reference("mnist-test").inputs["image"]
    assert torch.equal(((image[:, 0, 2:-2, 2:-2] + 1) * 127.5).round().byte(), task._mnist.test_images)
    assert image[:, :, :2].eq(-1).all()


@pytest.mark.parametrize(
    ("settings", "variant"),
    [
        ({}, ""),
        ({"without_s": (3,)}, "no3-s"),
        ({"without_t": (3,)}, "no3-t"),
        ({"without_s": (3,), "without_t": (3,)}, "no3-st"),
        ({"without_s": (3,), "without_t": (3,), "without_f": (3,)}, "no3-stf"),
        ({"without_s": (7, 3, 3)}, "no37-s"),
        ({"without_s": (3,), "without_f": (5,)}, "no3-s-no5-f"),
    ],
)
def test_the_variant_names_what_is_left_out(settings, variant):
    assert DigitsSettings(**settings).variant == variant


def test_table_2_is_measured_only_when_asked_for(digits):
    task = digits(adaptation=True, n_train_request=15)
    _, train = task.requests("translate", "train")
    assert (train.name, len(train), len(train.labels["digit"])) == ("train", 15, 15)
    assert rows(train.inputs["image"]) <= rows(epoch(task, "train", "s", 40))
    adapted = [measure.request for measure in task.measures("translate", "train") if measure.metric == "adaptation"]
    assert adapted == ["train", "test"]
    task = digits()
    assert [request.name for request in task.requests("translate", "train")] == ["test"]
    assert all(measure.metric != "adaptation" for measure in task.measures("translate", "train"))


def test_f_sees_mnist_as_three_equal_channels(digits):
    images = {r.name: r.inputs["image"] for r in digits().requests("predict", "f")}
    assert images["mnist-test"].shape == (20, 3, 32, 32)
    assert torch.equal(images["mnist-test"][:, 0], images["mnist-test"][:, 2])


def test_the_preview_is_small_and_of_the_test_images(digits):
    task = digits()
    (preview,) = task.previews("translate", "train")
    assert rows(preview.inputs["image"]) <= rows(task.requests("translate", "train")[0].inputs["image"])


def test_the_real_source_reads_the_papers_splits(digits, idx_files, tmp_path):
    folder = tmp_path / "real"
    contents = {split: write(folder, split) for split in ("extra", "test")}
    for name, data in idx_files.items():
        (folder / name).write_bytes(data)
    task = digits(source="real", data_dir=str(folder), n_source=0, n_f=10, n_test=0)
    assert set(task.digests()) == {"mnist", "svhn-s", "svhn-test"}

    def expected(split, n=20):
        return rows(torch.from_numpy(contents[split]["X"].transpose(3, 2, 0, 1)[:n].copy()).float() / 127.5 - 1)

    assert rows(epoch(task, "train", "s", 20)) == expected("extra")
    assert rows(epoch(task, "f", "image", 10)) == expected("extra", 10)
    assert rows(task.requests("translate", "train")[0].inputs["image"]) == expected("test")


def test_the_real_source_without_its_files_says_which_are_missing(digits, idx_files, tmp_path):
    folder = tmp_path / "real"
    folder.mkdir()
    for name, data in idx_files.items():
        (folder / name).write_bytes(data)
    with pytest.raises(DataError, match=r"expected test_32x32.mat, extra_32x32.mat"):
        digits(source="real", data_dir=str(folder))
