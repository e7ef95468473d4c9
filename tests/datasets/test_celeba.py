"""CelebA on tiny folders in its exact format, with right and wrong things in them."""

import pytest
import torch
from PIL import Image

from retable.datasets import inventory, shards
from retable.datasets.attributes import celeba
from retable.datasets.errors import DataError

COUNT = 40
NAMES = [
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Male", "Smiling"),
    *("Wavy_Hair", "Young"),
]
"""In CelebA's order, fewer of them."""
OURS = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")


def bits_of(i):
    """What image i shows, also by its brightness: bit b is 2 ** b."""
    return [i >> b & 1 for b in range(5)]


def row(i):
    values = dict(zip(OURS, bits_of(i), strict=True))
    return f"{i + 1:06d}.jpg " + "".join(f"{' 1' if values.get(name) else '-1'} " for name in NAMES)


def lines():
    """As CelebA's authors publish them: trailing spaces and all."""
    return [str(COUNT), " ".join(NAMES) + " ", *(row(i) for i in range(COUNT))]


def write_table(root, text=None, name="list_attr_celeba.txt"):
    (root / "celeba" / name).write_bytes(("\n".join(lines()) + "\n" if text is None else text).encode())


@pytest.fixture
def root(tmp_path):
    """178 x 218 pixels: a grey square that tells the bits, and red above and below it."""
    root = tmp_path / "data"
    folder = root / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    for i in range(COUNT):
        image = Image.new("RGB", (178, 218), "red")
        image.paste((8 * (i % 32),) * 3, (0, 20, 178, 198))
        image.save(folder / f"{i + 1:06d}.jpg", quality=95)
    write_table(root)
    (root / "celeba" / "list_eval_partition.txt").write_text("000001.jpg 0\n")
    (root / "celeba" / "identity_CelebA.txt").write_text("000001.jpg 2880\n")
    return root


@pytest.fixture
def read(root, tmp_path):
    return lambda part="train", size=16, where=root: celeba.read(where, size, tmp_path / "cache", part)


def names_of(part):
    return celeba.split([f"{i + 1:06d}.jpg" for i in range(COUNT)])[part]


def everybody(read):
    return {part: read(part) for part in ("train", "test", "judge", "judge-test")}


def test_every_image_is_in_one_part_with_its_own_bits(read):
    parts = everybody(read)
    assert {part: len(faces.images) for part, faces in parts.items()} == {
        "train": 36,
        "test": 1,
        "judge": 2,
        "judge-test": 1,
    }
    for part, faces in parts.items():
        assert faces.labels.dtype == torch.int64
        assert faces.labels.tolist() == [bits_of(int(name[:6]) - 1) for name in names_of(part)]
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
    assert {part: len(some) for part, some in parts.items()} == {
        "train": 188_599,
        "test": 2_000,
        "judge": 10_000,
        "judge-test": 2_000,
    }
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


def test_nothing_is_decoded_twice_and_a_changed_image_is_noticed(read, root, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 5 * 3 * 16 * 16)
    first = everybody(read)
    decoded = []
    real = celeba.read_image
    monkeypatch.setattr(celeba, "read_image", lambda path: decoded.append(path.name) or real(path))
    for path in (root / "celeba" / "img_align_celeba").iterdir():
        path.touch()
    assert {part: faces.digest for part, faces in everybody(read).items()} == {p: f.digest for p, f in first.items()}
    assert decoded == []
    name = names_of("train")[7]
    Image.new("RGB", (178, 218), "lime").save(root / "celeba" / "img_align_celeba" / name)
    again = everybody(read)
    assert {part for part in again if again[part].digest != first[part].digest} == {"train"}
    assert decoded == names_of("train")[5:10]


def test_other_bits_are_another_digest(read, root):
    before = read("train")
    i = int(names_of("train")[0][:6]) - 1
    write_table(
        root, "\n".join([*lines()[: i + 2], row(i ^ 1).replace(row(i ^ 1)[:10], row(i)[:10]), *lines()[i + 3 :]])
    )
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
        "\r\n".join(lines()),
        "".join(line + ("\r\n" if i % 2 else "\n") for i, line in enumerate(lines())),
        "\n".join(lines()) + "\n\n  \r\n\n",
        "\ufeff" + "\n".join(lines()),
        "\n".join(line.replace(" ", " \t ") for line in lines()),
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
    rows = [",".join(["image_id", *NAMES]), *(",".join(row(i).split()) for i in range(COUNT))]
    write_table(root, "\n".join(rows) + "\n", "list_attr_celeba.csv")
    assert read("judge").digest == before.digest


def test_the_folder_itself_and_the_papers_code_layout_are_read_too(read, root):
    before = read("judge").digest
    assert read("judge", where=root / "celeba").digest == before
    (root / "celeba" / "img_align_celeba").rename(root / "celeba" / "images")
    assert read("judge").digest == before
    assert inventory.check(root / "celeba").kind == "CelebA"


def changed(old, new):
    return lambda root: write_table(root, "\n".join(lines()).replace(old, new, 1))


def file(name):
    return lambda root: root / "celeba" / "img_align_celeba" / name


WRONG = {
    "count": (changed("40\n", "202599\n"), r"list_attr_celeba\.txt, line 1: 202,599 images said, but 40 rows follow"),
    "no count": (lambda root: write_table(root, "\n".join(lines()[1:])), r"line 1: '5_o_Clock.* number of images"),
    "no names": (lambda root: write_table(root, "40\n"), "no attributes are named"),
    "empty": (lambda root: write_table(root, ""), "no attributes are named"),
    "few values": (changed("000003.jpg -1 -1", "000003.jpg -1"), r"line 5 \(000003\.jpg\): 9 values, 10 needed"),
    "many values": (changed("000003.jpg -1", "000003.jpg -1 1"), r"line 5 \(000003\.jpg\): 11 values, 10 needed"),
    "zero": (changed("000003.jpg -1", "000003.jpg 0"), r"\(000003\.jpg\): 5_o_Clock_Shadow is '0', must be 1 or -1"),
    "no column": (changed("Male", "Mole"), "line 2: no attribute Male among 10"),
    "capitals": (changed("Male", "male"), "no attribute Male .*there is male: rename"),
    "twice a column": (changed("Smiling", "Male"), "the attribute Male stands twice"),
    "twice a row": (changed("000009.jpg", "000003.jpg"), r"line 11: a second row of 000003\.jpg, the first is line 5"),
    "no row": (
        lambda root: write_table(root, "\n".join(["39", *lines()[1:5], *lines()[6:]])),
        r"1 of the images of img_align_celeba without a row: 000004\.jpg",
    ),
    "no image": (
        lambda root: [file(f"00000{i}.jpg")(root).unlink() for i in range(1, 8)],
        r"7 rows of list_attr_celeba\.txt without an image: 000001\.jpg, .*000005\.jpg and 2 more; add the images",
    ),
    "not text": (
        lambda root: (root / "celeba" / "list_attr_celeba.txt").write_bytes(b"40\n\xff\xfe"),
        r"list_attr_celeba\.txt: cannot be read as text",
    ),
    "no table": (
        lambda root: (root / "celeba" / "list_attr_celeba.txt").unlink(),
        r"celeba/list_attr_celeba\.txt \(attributes\): no such file",
    ),
    "almost the table": (
        lambda root: (root / "celeba" / "list_attr_celeba.txt").rename(root / "celeba" / "list_attr_celeba (1).txt"),
        r"no such file, but there is list_attr_celeba \(1\)\.txt: rename it",
    ),
    "almost the images": (
        lambda root: (root / "celeba" / "img_align_celeba").rename(root / "celeba" / "Img_align_celebA"),
        "no such folder, but there is Img_align_celebA: rename it",
    ),
    "almost the folder": (lambda root: (root / "celeba").rename(root / "CELEBA"), "there is CELEBA: rename it"),
    "once too deep": (
        lambda root: (
            (root / "celeba" / "img_align_celeba").rename(root / "deep"),
            (root / "celeba" / "img_align_celeba").mkdir(),
            (root / "deep").rename(root / "celeba" / "img_align_celeba" / "img_align_celeba"),
        ),
        "no images .* there is img_align_celeba/img_align_celeba: move them up",
    ),
}


@pytest.mark.parametrize(("break_it", "words"), WRONG.values(), ids=WRONG)
def test_whatever_is_wrong_is_one_line_that_names_it(root, read, break_it, words):
    break_it(root)
    for refuse in (lambda: celeba.require(root), read):
        with pytest.raises(DataError, match=words) as error:
            refuse()
        assert "\n" not in str(error.value)
        assert f"`retable data check {root}` lists everything" in str(error.value)
    report = inventory.check(root)
    assert report.kind == "CelebA"
    assert not report.ok


def test_too_few_images_for_the_parts_are_said(root):
    for i in range(4, COUNT + 1):
        file(f"{i:06d}.jpg")(root).unlink()
    write_table(root, "\n".join(["3", *lines()[1:5]]))
    with pytest.raises(DataError, match="3 images, 4 needed, one for each part"):
        celeba.require(root)


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no such folder; expected .*celeba/list_attr_celeba"):
        celeba.require(tmp_path / "nowhere")


def test_an_image_that_cannot_be_read_is_named(root, read):
    name = names_of("judge")[0]
    file(name)(root).write_bytes(b"text")
    with pytest.raises(DataError, match=rf"{name}: not a PNG.* lists everything"):
        read("judge")
    assert len(read("judge-test").images) == 1


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
    text = "\n".join([*lines()[:14], *(line.replace("-1", "0", 1) for line in lines()[14:26]), *lines()[26:]])
    write_table(root, text.replace("40\n", "41\n", 1))
    file("000001.jpg")(root).write_bytes(b"")
    file("000002.jpg")(root).unlink()
    file("000041.jpg")(root).write_bytes(file("000003.jpg")(root).read_bytes())
    Image.new("RGB", (64, 64)).save(file("000003.jpg")(root))
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


def test_links_out_of_the_folder_and_hidden_files_are_not_read(root, tmp_path):
    (tmp_path / "elsewhere.jpg").write_bytes(file("000001.jpg")(root).read_bytes())
    file("000001.jpg")(root).unlink()
    file("000001.jpg")(root).symlink_to(tmp_path / "elsewhere.jpg")
    file("._000002.jpg")(root).write_bytes(b"")
    with pytest.raises(DataError, match=r"1 row of list_attr_celeba\.txt without an image: 000001\.jpg;"):
        celeba.require(root)
