"""RaFD: its split, crop, labels and file names; what every reader promises is in ``test_readers.py``."""

import pytest
import torch
from PIL import Image

from retable.datasets import inventory
from retable.datasets.attributes import rafd
from retable.datasets.attributes.rafd_names import ANGLES, Shot, parse
from retable.datasets.errors import DataError
from retable.datasets.standins.faces.people import EXPRESSIONS
from tests.datasets.folders import PARTS, PEOPLE, SOME, rafd_image, write_rafd


@pytest.fixture
def root(tmp_path):
    write_rafd(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def read(root, tmp_path):
    return lambda part="train", expressions=SOME, where=root, size=16: rafd.read(
        where, size, tmp_path / "cache", part, expressions
    )


def people_in(shown):
    """Whom the pixels show, int64 [N]."""
    return (shown.images.float().mean((2, 3))[:, 0] / 20).round().long()


def everybody(read):
    return {part: read(part) for part in PARTS}


def test_everybody_is_in_one_part_with_her_own_labels(read):
    parts = everybody(read)
    people = {part: set(people_in(shown).tolist()) for part, shown in parts.items()}
    assert {part: len(who) for part, who in people.items()} == {"train": 2, "test": 1, "judge": 1, "judge-test": 1}
    assert set().union(*people.values()) == set(PEOPLE)
    assert all(who == set(rafd.split(PEOPLE)[part]) for part, who in people.items())
    for part, shown in parts.items():
        assert len(shown.images) == len(people[part]) * len(SOME) * 3
        assert shown.images.dtype == torch.uint8
        assert shown.labels.dtype == torch.int64
        _, green, blue = shown.images.float().mean((2, 3)).T
        numbers = torch.tensor([list(EXPRESSIONS).index(name) for name in SOME])
        assert ((green / 30).round().long() == numbers[shown.labels]).all()
        assert {min(ANGLES, key=lambda angle: abs(angle - seen)) for seen in blue.tolist()} == {45, 90, 135}


def test_the_split_of_67_people_never_changes():
    parts = rafd.split(range(1, 68))
    assert {part: len(who) for part, who in parts.items()} == {"train": 40, "test": 7, "judge": 15, "judge-test": 5}
    assert parts["test"] == [9, 39, 49, 50, 51, 55, 65]
    assert sorted(person for who in parts.values() for person in who) == list(range(1, 68))
    assert rafd.split([*range(67, 0, -1)] * 2) == parts


def test_portraits_are_cropped_around_the_face_and_squares_taken_as_they_are(read, root):
    image = torch.arange(1024, dtype=torch.int32).view(1, 1024, 1).expand(3, 1024, 681)
    assert rafd.crop(image).shape == (3, 681, 681)
    assert rafd.crop(image)[0, [0, -1], 0].tolist() == [69, 749]
    assert rafd.crop(image[:, :700])[0, 0, 0] == 0
    square = torch.zeros(3, 256, 256)
    assert rafd.crop(square) is square
    assert read(size=34).images.amax((2, 3)).amax() < 250, "none of the white above and below"
    Image.new("RGB", (40, 40), "white").save(rafd_image(root, rafd.split(PEOPLE)["judge"][0], "neutral"))
    assert read("judge").images.amin((1, 2, 3)).amax() == 255


def test_which_expressions_are_asked_for_decodes_nothing_anew(read, monkeypatch):
    first = everybody(read)
    monkeypatch.setattr(rafd, "read_image", lambda path: pytest.fail(f"{path} is decoded again"))
    turned = read("train", ("sad", "neutral"))
    kept = first["train"].labels != 1
    assert torch.equal(turned.images, first["train"].images[kept])
    assert turned.labels.tolist() == [{0: 1, 2: 0}[e] for e in first["train"].labels[kept].tolist()]
    assert turned.digest != first["train"].digest


@pytest.mark.parametrize(
    ("name", "shot"),
    [
        ("Rafd090_01_Caucasian_female_angry_frontal.jpg", Shot(90, 1, "female", "angry", "frontal")),
        ("Rafd045_72_Moroccan_male_contemptuous_left.JPG", Shot(45, 72, "male", "contemptuous", "left")),
        ("rafd180_65_kid_Female_Disgusted_RIGHT.png", Shot(180, 65, "female", "disgusted", "right")),
    ],
)
def test_file_names_say_who_shows_what(name, shot):
    assert parse(name) == shot


def test_a_suffix_in_capitals_is_the_same_file_name(read, root):
    before = read("train")
    for path in list((root / "rafd").iterdir()):
        path.rename(path.with_suffix(".JPG"))
    assert read("train").digest == before.digest


@pytest.mark.parametrize("where", ["rafd", "RaFD", "Rafd", "RAFD", "Radboud faces"])
def test_the_folder_may_be_called_as_its_owner_likes(read, root, where):
    before = read("train").digest
    (root / "rafd").rename(root / where)
    assert read("train").digest == before
    assert read("train", where=root / where).digest == before
    assert inventory.check(root).kind == "RaFD"
    (root / where).rename(root / "kept")
    (root / where).mkdir()
    (root / "kept").rename(root / where / "all")
    assert inventory.check(root / where).kind == "RaFD"


def test_a_part_in_which_nobody_shows_an_expression_is_refused_where_it_is_asked_for(read, root):
    (person,) = rafd.split(PEOPLE)["judge"]
    for angle in ANGLES:
        rafd_image(root, person, "happy", angle).unlink()
    rafd.require(root)
    assert len(read("judge", ("neutral", "sad")).images) == 6
    with pytest.raises(DataError, match=rf"judge \(the people {person}\): nobody shows a happy face"):
        read("judge")
    assert rafd.check(root).missing == [f"judge (the people {person}): nobody shows a happy face"]


def test_an_expression_that_rafd_does_not_know_is_refused(read):
    with pytest.raises(DataError, match="no expression 'bored'"):
        read("train", ("neutral", "bored"))


def test_a_check_counts_beside_the_papers_figures(read, root):
    one, other = rafd.split(PEOPLE)["train"]
    for angle in ANGLES:
        rafd_image(root, one, "neutral", angle).unlink()
        rafd_image(root, one, "sad", angle).unlink()
        rafd_image(root, other, "angry", angle).unlink()
    found = rafd.check(root)
    assert [*found.missing, *found.problems] == []
    table = {line.split("   ")[0]: line.split()[-3:] for line in found.found[:13]}
    assert found.found[0].split() == ["RaFD", "people", "5", "paper", "67"]
    assert found.found[1].split() == ["RaFD", "images", "111", "paper", "4,824"]
    assert table["neutral"] == ["12", "paper", "603"]
    assert table["happy"] == ["15", "paper", "603"]
    assert table["045 degrees"] == ["37", "paper", "1,608"]
    assert "left out, as in the paper: 40 images at 000 and 180 degrees" in found.found
    assert f"person {one} shows no neutral, sad face; never an input" in found.found
    assert f"person {other} shows no angry face" in found.found
    assert found.found[-1] == "people of the parts: train 2, test 1, judge 1, judge-test 1"
    assert inventory.check(root).ok
