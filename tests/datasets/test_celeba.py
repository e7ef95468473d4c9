"""CelebA: its split, crop, labels and table; what every reader promises is in ``test_readers.py``."""

import pytest
import torch
from PIL import Image

from retable.datasets import inventory, shards
from retable.datasets.attributes import celeba
from tests.datasets.folders import (
    COUNT,
    NAMES,
    PARTS,
    celeba_bits,
    celeba_image,
    celeba_lines,
    celeba_row,
    write_celeba,
    write_table,
)


@pytest.fixture
def root(tmp_path):
    write_celeba(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def read(root, tmp_path):
    return lambda part="train", size=16, where=root: celeba.read(where, size, tmp_path / "cache", part)


def names_of(part):
    return celeba.split([f"{i + 1:06d}.jpg" for i in range(COUNT)])[part]


def test_every_image_is_in_one_part_with_its_own_bits(read):
    parts = {part: read(part) for part in PARTS}
    assert [len(faces.images) for faces in parts.values()] == [36, 1, 2, 1]
    for part, faces in parts.items():
        assert faces.labels.dtype == torch.int64
        assert faces.labels.tolist() == [celeba_bits(int(name[:6]) - 1) for name in names_of(part)]
        told = (faces.images[:].float().mean((1, 2, 3)) / 8).round().long() % 32
        assert torch.equal((told[:, None] >> torch.arange(5)) & 1, faces.labels)
    assert sorted(name for part in parts for name in names_of(part)) == [f"{i + 1:06d}.jpg" for i in range(COUNT)]


def test_the_crop_is_the_centre_178_pixels_and_nothing_else(read):
    images = read("train", 178).images[:5].int()
    assert images.shape == (5, 3, 178, 178)
    red = images[:, 0] - images[:, 1]
    # JPEG bleeds a few pixels over the edge.
    assert red[:, 8:-8].abs().max() < 8


def test_the_split_of_celeba_is_the_papers_size_and_never_changes():
    names = [f"{i:06d}.jpg" for i in range(1, celeba.PAPER + 1)]
    parts = celeba.split(names)
    assert [len(parts[part]) for part in PARTS] == [188_599, 2_000, 10_000, 2_000]
    assert len(set().union(*parts.values())) == celeba.PAPER
    assert parts["test"][:3] == ["000005.jpg", "000160.jpg", "000334.jpg"]
    assert parts["judge"][-1] == "202592.jpg"
    assert celeba.split(names[::-1]) == parts


def test_training_images_stay_in_files_and_are_indexed_like_a_tensor(read, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 5 * 3 * 16 * 16)
    images = read("train").images
    assert not isinstance(images, torch.Tensor)
    whole = images[:]
    assert images.shape == whole.shape == (36, 3, 16, 16)
    assert len({tuple(image.flatten().tolist()) for image in whole}) > 20
    for index in (
        *(torch.tensor([33, 0, 7, 7, -1]), torch.tensor([], dtype=torch.int64), torch.arange(36) % 3 == 1),
        *(slice(3, 17), slice(30, None), slice(0, 0)),
    ):
        assert torch.equal(images[index], whole[index])
    with pytest.raises(IndexError):
        images[torch.tensor([36])]
    images[torch.tensor([0])].zero_()
    assert torch.equal(images[:], whole)


def test_only_the_shard_of_a_changed_image_is_decoded_again(read, root, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 5 * 3 * 16 * 16)
    read()
    decoded = []
    real = celeba.read_image
    monkeypatch.setattr(celeba, "read_image", lambda path: decoded.append(path.name) or real(path))
    Image.new("RGB", (178, 218), "lime").save(celeba_image(root, 1).with_name(names_of("train")[7]))
    read()
    assert decoded == names_of("train")[5:10]


def test_other_bits_are_another_digest(read, root):
    before = read("train")
    i = int(names_of("train")[0][:6]) - 1
    lines = celeba_lines()
    lines[i + 2] = celeba_row(i ^ 1).replace(celeba_row(i ^ 1)[:10], celeba_row(i)[:10])
    write_table(root, "\n".join(lines))
    after = read("train")
    assert after.digest != before.digest
    assert torch.equal(after.images[:], before.images[:])


def test_a_damaged_shard_is_made_again(read, tmp_path, caplog):
    before = read("train").images[:]
    (shard,) = (tmp_path / "cache").glob("celeba-train-*.safetensors")
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    after = read("train")
    assert "damaged" in caplog.text
    assert torch.equal(before, after.images[:])


@pytest.mark.parametrize(
    "text",
    [
        "\r\n".join(celeba_lines()),
        "".join(line + ("\r\n" if i % 2 else "\n") for i, line in enumerate(celeba_lines())),
        "\n".join(celeba_lines()) + "\n\n  \r\n\n",
        "\ufeff" + "\n".join(celeba_lines()),
        "\n".join(line.replace(" ", " \t ") for line in celeba_lines()),
    ],
    ids=["CRLF", "mixed line endings", "trailing blank lines", "byte order mark", "runs of white space"],
)
def test_how_lines_end_and_what_is_between_values_does_not_matter(read, root, text):
    before = read("judge")
    write_table(root, text)
    after = read("judge")
    assert after.digest == before.digest
    assert not celeba.check(root).problems


def test_a_table_with_commas_and_no_count_is_read_too(read, root):
    before = read("judge")
    (root / "celeba" / "list_attr_celeba.txt").unlink()
    rows = [",".join(["image_id", *NAMES]), *(",".join(celeba_row(i).split()) for i in range(COUNT))]
    write_table(root, "\n".join(rows) + "\n", "list_attr_celeba.csv")
    assert read("judge").digest == before.digest


def test_the_folder_itself_and_the_papers_code_layout_are_read_too(read, root):
    before = read("judge").digest
    assert read("judge", where=root / "celeba").digest == before
    (root / "celeba" / "img_align_celeba").rename(root / "celeba" / "images")
    assert read("judge").digest == before
    assert inventory.check(root / "celeba").kind == "CelebA"


def test_a_check_counts_and_names_everything_at_once(root):
    sound = celeba.check(root)
    assert [*sound.problems, *sound.missing] == []
    assert [line.split()[:5] for line in sound.found[:3]] == [
        ["CelebA", "images", "40", "paper", "202,599"],
        ["Black_Hair", "20", "50.0%"],
        ["Blond_Hair", "20", "50.0%"],
    ]
    assert sound.found[4].split()[:2] == ["Male", "16"]
    assert sound.found[-1] == "images of the parts: train 36, test 1, judge 2, judge-test 1"
    _, *lines = celeba_lines()
    lines[13:25] = [line.replace("-1", "0", 1) for line in lines[13:25]]
    write_table(root, "\n".join(["41", *lines]))
    celeba_image(root, 1).write_bytes(b"")
    celeba_image(root, 2).unlink()
    celeba_image(root, 41).write_bytes(celeba_image(root, 3).read_bytes())
    Image.new("RGB", (64, 64)).save(celeba_image(root, 3))
    found = celeba.check(root)
    assert found.found[-1] == "not of CelebA's 178 x 218 pixels: 1 of 64 x 64"
    assert [problem.partition(": ")[0] for problem in found.problems] == [
        "celeba/list_attr_celeba.txt, line 1",
        *(f"celeba/list_attr_celeba.txt, line {i} ({i - 2:06d}.jpg)" for i in range(15, 25)),
        "celeba/list_attr_celeba.txt",
        "celeba/img_align_celeba",
        "celeba/list_attr_celeba.txt",
        "celeba/img_align_celeba/000001.jpg",
    ]
    assert found.problems[11].endswith(": 2 more rows are wrong")
