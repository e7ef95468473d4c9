"""What every reader of real data promises: nothing decoded twice, nothing read from elsewhere, errors of one line."""

import shutil

import pytest
from PIL import Image

from retable.datasets import inventory
from retable.datasets.errors import DataError
from tests.datasets.folders import (
    PEOPLE,
    READERS,
    celeba_image,
    celeba_lines,
    noise,
    rafd_image,
    write_table,
)

every_reader = pytest.mark.parametrize("reader", READERS.values(), ids=READERS)


@pytest.fixture
def folder(reader, tmp_path):
    reader.write(tmp_path / "data")
    return tmp_path / "data"


@every_reader
def test_nothing_is_decoded_twice_and_a_changed_image_changes_its_own_part_alone(reader, folder, tmp_path, monkeypatch):
    first = reader.read(folder, tmp_path / "cache")
    decoded = []
    real = reader.decoder.read_image
    monkeypatch.setattr(reader.decoder, "read_image", lambda path: decoded.append(path) or real(path))
    for path in folder.rglob("*.*"):
        path.touch()
    assert reader.read(folder, tmp_path / "cache") == first
    assert decoded == []
    image = reader.image(folder)
    noise(image, Image.open(image).size, seed="other")
    again = reader.read(folder, tmp_path / "cache")
    assert {part for part in again if again[part] != first[part]} == {reader.part}
    assert image in decoded


@every_reader
def test_links_out_of_the_folder_and_hidden_files_are_not_read(reader, folder, tmp_path):
    before, image = reader.read(folder, tmp_path / "cache"), reader.image(folder)
    noise(tmp_path / "elsewhere.jpg")
    image.with_name("link.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    image.with_name(f"._{image.name}").write_bytes(b"")
    assert reader.read(folder, tmp_path / "cache") == before
    assert inventory.check(folder).ok


@every_reader
def test_a_sound_folder_is_known_by_its_layout_and_found_sound(reader, folder):
    report = inventory.check(folder)
    assert (report.kind, report.missing, report.problems) == (reader.kind, (), ())


@every_reader
def test_a_folder_that_is_not_there_is_said(reader, tmp_path):
    with pytest.raises(DataError, match=r"nowhere.*: no such folder.* expected "):
        reader.read(tmp_path / "nowhere", tmp_path / "cache")


def remove(*paths):
    for path in paths:
        path.unlink()


def text(old, new):
    """Another table of CelebA."""
    return lambda root: write_table(root, "\n".join(celeba_lines()).replace(old, new, 1))


def celeba(name):
    return lambda root: root / "celeba" / name


def rename(name, other):
    return lambda root: (root / name).rename(root / other)


def once_too_deep(root):
    folder = root / "celeba" / "img_align_celeba"
    folder.rename(root / "deep")
    folder.mkdir()
    (root / "deep").rename(folder / folder.name)


def copy_of_rafd(name):
    return lambda root: (root / "rafd" / name).write_bytes(rafd_image(root, 1, "sad").read_bytes())


def second_rafd(root):
    (root / "rafd" / "more").mkdir()
    (root / "rafd" / "more" / rafd_image(root, 1, "sad").name).write_bytes(b"")


def few_people(root):
    remove(*(path for person in PEOPLE[3:] for path in (root / "rafd").glob(f"*_{person:02d}_*")))


def few_images(root):
    remove(*(celeba_image(root, i) for i in range(4, 41)))
    write_table(root, "\n".join(["3", *celeba_lines()[1:5]]))


def keep(number, folder):
    return lambda root: remove(*sorted((root / folder).iterdir())[number:])


def again(root):
    Image.open(root / "shots" / "03.png").save(root / "shots" / "again.webp", lossless=True)


def mirrored(root):
    with Image.open(root / "shots" / "03.png") as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "shots" / "mirrored.png")


TABLE = r"list_attr_celeba\.txt"
FACE = "_01_Caucasian_female_angry_left.jpg"
WRONG = [
    ("celeba", text("40\n", "202599\n"), rf"{TABLE}, line 1: 202,599 images said, but 40 rows follow"),
    ("celeba", lambda root: write_table(root, "\n".join(celeba_lines()[1:])), "line 1: '5_o_Cl.*number of images"),
    ("celeba", lambda root: write_table(root, "40\n"), "no attributes are named"),
    ("celeba", lambda root: write_table(root, ""), "no attributes are named"),
    ("celeba", text("000003.jpg -1 -1", "000003.jpg -1"), r"line 5 \(000003\.jpg\): 9 values, 10 needed"),
    ("celeba", text("000003.jpg -1", "000003.jpg -1 1"), r"line 5 \(000003\.jpg\): 11 values, 10 needed"),
    ("celeba", text("000003.jpg -1", "000003.jpg 0"), r"\(000003\.jpg\): 5_o_Clock_Shadow is '0', must be 1 or -1"),
    ("celeba", text("Male", "Mole"), "line 2: no attribute Male among 10"),
    ("celeba", text("Male", "male"), "no attribute Male .*there is male: rename"),
    ("celeba", text("Smiling", "Male"), "the attribute Male stands twice"),
    ("celeba", text("000009.jpg", "000003.jpg"), r"line 11: a second row of 000003\.jpg, the first is line 5"),
    (
        *("celeba", lambda root: write_table(root, "\n".join(["39", *celeba_lines()[1:5], *celeba_lines()[6:]]))),
        r"1 of the images of img_align_celeba without a row: 000004\.jpg",
    ),
    (
        *("celeba", lambda root: remove(*(celeba_image(root, i) for i in range(1, 8)))),
        rf"7 rows of {TABLE} without an image: 000001\.jpg, .*000005\.jpg and 2 more; add the images",
    ),
    ("celeba", few_images, "3 images, 4 needed, one for each part"),
    ("celeba", lambda root: celeba("list_attr_celeba.txt")(root).write_bytes(b"40\n\xff"), "cannot be read as text"),
    ("celeba", lambda root: remove(celeba("list_attr_celeba.txt")(root)), rf"celeba/{TABLE} \(attributes\): no such"),
    (
        *("celeba", rename("celeba/list_attr_celeba.txt", "celeba/list_attr_celeba (1).txt")),
        r"no such file, but there is list_attr_celeba \(1\)\.txt: rename it",
    ),
    (
        *("celeba", rename("celeba/img_align_celeba", "celeba/Img_align_celebA")),
        "no such folder, but there is Img_align_celebA: rename it",
    ),
    ("celeba", rename("celeba", "CELEBA"), "there is CELEBA: rename it"),
    ("celeba", once_too_deep, "no images .* there is img_align_celeba/img_align_celeba: move them up"),
    ("rafd", copy_of_rafd("Rafd090_01_Kid_female_angrry_left.jpg"), r"no expression 'angrry', did you mean 'angry'\?"),
    ("rafd", copy_of_rafd("Rafd090_01_Kid_female_bored_left.jpg"), r"no expression 'bored' \(there are neutral, happy"),
    ("rafd", copy_of_rafd("Rafd090_01_Kid_femal_angry_left.jpg"), r"no gender 'femal', did you mean 'female'\?"),
    ("rafd", copy_of_rafd("Rafd090_01_Kid_female_angry_front.jpg"), r"no gaze 'front', did you mean 'frontal'\?"),
    ("rafd", copy_of_rafd(f"Rafd060{FACE}"), r"no camera angle 060 \(there are 000, 045, 090, 135, 180\)"),
    ("rafd", copy_of_rafd("Rafd090_01_Kid_female_angry.jpg"), "angry.jpg: not a file name of RaFD, like Rafd090_01_"),
    ("rafd", copy_of_rafd("Rafd090_x_Kid_female_angry_left.jpg"), "Rafd090_x_.*: not a file name of RaFD"),
    ("rafd", copy_of_rafd("holiday.png"), "rafd/holiday.png: not a file name of RaFD"),
    ("rafd", second_rafd, r"rafd/more/(Rafd\S+): rafd/\1 is the same picture"),
    ("rafd", few_people, "rafd: 3 people, 4 needed, one for each part"),
    ("groups", rename("kids", "children"), "kids/trainA: no such folder"),
    ("groups", rename("man/testB", "man/TestB"), "man/testB: .*man/TestB: rename"),
    ("groups", keep(0, "old/trainB"), "old/trainB: no images"),
    ("groups", keep(1, "old/testA"), "old/testA: 1 image, 2 needed"),
    ("shots", keep(1, "shots"), "shots: 1 image, 5 needed"),
    ("shots", keep(0, "shots"), r"shots: no images \(.png, .jpg, .jpeg, .webp\)"),
    ("shots", rename("reference", "References"), "reference: no such folder, but there is References: rename it"),
    ("shots", again, "shots/again.webp: the same image as shots/03.png"),
    ("shots", mirrored, "shots/mirrored.png: the same image as shots/03.png, or its mirror image"),
    ("shots", keep(3, "reference"), "reference: 3 images, 4 needed"),
    ("flowers", lambda root: shutil.rmtree(root / "flowers-102" / "jpg"), "jpg: no such folder"),
    *((name, lambda root, name=name: READERS[name].image(root).write_bytes(b"text"), "not a PNG") for name in READERS),
]


@pytest.mark.parametrize(("name", "break_it", "words"), WRONG, ids=[f"{name} {words}" for name, _, words in WRONG])
def test_whatever_is_wrong_is_one_line_that_names_it_and_the_check_finds_it_too(tmp_path, name, break_it, words):
    reader, root = READERS[name], tmp_path / "data"
    reader.write(root)
    break_it(root)
    for _ in range(2):  # also when something of it was decoded before
        with pytest.raises(DataError, match=words) as error:
            reader.read(root, tmp_path / "cache")
        assert "\n" not in str(error.value)
        if name != "flowers" or words == "not a PNG":
            assert f"`retable data check {root}` lists everything" in str(error.value)
    if words == "not a PNG":
        assert str(reader.image(root)) in str(error.value)
    report = inventory.check(root)
    assert report.kind == reader.kind
    assert not report.ok


@pytest.mark.parametrize("name", ["RAFD", "rafdb"])
def test_an_empty_folder_of_almost_rafds_name_is_pointed_out(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"no such folder, but there is {name}: rename it"):
        READERS["rafd"].read(tmp_path, tmp_path / "cache")
