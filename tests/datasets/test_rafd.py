"""RaFD on tiny folders with its exact file names, with right and wrong things in them."""

import pytest
import torch
from PIL import Image

from retable.datasets import inventory
from retable.datasets.attributes import rafd
from retable.datasets.attributes.rafd_names import ANGLES, Shot, parse
from retable.datasets.errors import DataError
from retable.datasets.standins.faces.people import EXPRESSIONS

PEOPLE = (1, 2, 3, 7, 12)
SOME = ("neutral", "happy", "sad")


def name_of(person, expression, angle=90, gaze="frontal"):
    return f"Rafd{angle:03d}_{person:02d}_Caucasian_female_{expression}_{gaze}.jpg"


@pytest.fixture
def root(tmp_path):
    """Portraits of 34 x 51 pixels: the square around the face tells person, expression and angle, the rest is white."""
    folder = tmp_path / "data" / "rafd"
    folder.mkdir(parents=True)
    for person in PEOPLE:
        for e, expression in enumerate(EXPRESSIONS):
            for angle in (0, 45, 90, 135):
                image = Image.new("RGB", (34, 51), "white")
                image.paste((20 * person, 30 * e, angle), (0, 3, 34, 37))
                image.save(folder / name_of(person, expression, angle), quality=95, subsampling=0)
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
    return {part: read(part) for part in ("train", "test", "judge", "judge-test")}


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
    path = root / "rafd" / name_of(rafd.split(PEOPLE)["judge"][0], "neutral")
    Image.new("RGB", (40, 40), "white").save(path)
    assert read("judge").images.amin((1, 2, 3)).amax() == 255


def test_which_expressions_are_asked_for_decodes_nothing_anew(read, root, monkeypatch):
    first = everybody(read)
    monkeypatch.setattr(rafd, "read_image", lambda path: pytest.fail(f"{path} is decoded again"))
    for path in (root / "rafd").iterdir():
        path.touch()
    assert {part: shown.digest for part, shown in everybody(read).items()} == {p: s.digest for p, s in first.items()}
    turned = read("train", ("sad", "neutral"))
    kept = first["train"].labels != 1
    assert torch.equal(turned.images, first["train"].images[kept])
    assert turned.labels.tolist() == [{0: 1, 2: 0}[e] for e in first["train"].labels[kept].tolist()]
    assert turned.digest != first["train"].digest


def test_a_changed_picture_changes_its_own_part_alone(read, root):
    first = everybody(read)
    person = rafd.split(PEOPLE)["judge-test"][0]
    Image.new("RGB", (34, 51), "lime").save(root / "rafd" / name_of(person, "sad"))
    again = everybody(read)
    assert {part for part in again if again[part].digest != first[part].digest} == {"judge-test"}


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


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Rafd090_01_Caucasian_female_angrry_frontal.jpg", "no expression 'angrry', did you mean 'angry'?"),
        ("Rafd090_01_Caucasian_female_bored_frontal.jpg", "no expression 'bored' (there are neutral, happy, sad"),
        ("Rafd090_01_Caucasian_femal_angry_frontal.jpg", "no gender 'femal', did you mean 'female'?"),
        ("Rafd090_01_Caucasian_female_angry_front.jpg", "no gaze 'front', did you mean 'frontal'?"),
        ("Rafd060_01_Caucasian_female_angry_left.jpg", "no camera angle 060 (there are 000, 045, 090, 135, 180)"),
        ("Rafd090_01_Caucasian_female_angry.jpg", "not a file name of RaFD, like Rafd090_01_Caucasian_female_angry"),
        ("Rafd090_x_Caucasian_female_angry_left.jpg", "not a file name of RaFD"),
        ("holiday.png", "not a file name of RaFD"),
    ],
)
def test_a_file_name_that_is_not_rafds_is_refused_by_name(read, root, name, words):
    (root / "rafd" / name).write_bytes((root / "rafd" / name_of(1, "sad")).read_bytes())
    for refuse in (lambda: rafd.require(root), read):
        with pytest.raises(DataError) as error:
            refuse()
        assert f"{root}: rafd/{name}: " in str(error.value)
        assert words in str(error.value)
        assert f"`retable data check {root}` lists everything" in str(error.value)
    report = inventory.check(root)
    assert len(report.problems) == 1
    assert words in report.problems[0]


def test_a_suffix_in_capitals_is_the_same_file_name(read, root):
    before = read("train")
    for path in list((root / "rafd").iterdir()):
        path.rename(path.with_suffix(".JPG"))
    assert read("train").digest == before.digest


def test_one_picture_twice_is_refused_by_name(read, root):
    (root / "rafd" / "more").mkdir()
    (root / "rafd" / "more" / name_of(1, "sad")).write_bytes(b"")
    with pytest.raises(DataError, match=rf"more/{name_of(1, 'sad')}: rafd/{name_of(1, 'sad')} is the same picture"):
        read()


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


@pytest.mark.parametrize("name", ["RAFD", "rafdb"])
def test_an_empty_folder_of_almost_that_name_is_pointed_out(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=f"no such folder, but there is {name}: rename it"):
        rafd.require(tmp_path)


def test_no_folder_and_no_picture_are_said(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such folder; expected one that holds rafd/"):
        rafd.require(tmp_path / "nowhere")
    (tmp_path / "rafd").mkdir()
    with pytest.raises(DataError, match=r"rafd: no images .* like Rafd090_01_Caucasian"):
        rafd.require(tmp_path)


def test_fewer_people_than_parts_are_said(root):
    for path in (root / "rafd").iterdir():
        if parse(path.name).person > 3:
            path.unlink()
    with pytest.raises(DataError, match="rafd: 3 people, 4 needed, one for each part"):
        rafd.require(root)


def test_a_part_in_which_nobody_shows_an_expression_is_refused_where_it_is_asked_for(read, root):
    (person,) = rafd.split(PEOPLE)["judge"]
    for angle in ANGLES:
        (root / "rafd" / name_of(person, "happy", angle)).unlink()
    rafd.require(root)
    assert len(read("judge", ("neutral", "sad")).images) == 6
    with pytest.raises(DataError, match=rf"judge \(the people {person}\): nobody shows a happy face"):
        read("judge")
    assert rafd.check(root).missing == [f"judge (the people {person}): nobody shows a happy face"]


def test_an_expression_that_rafd_does_not_know_is_refused(read):
    with pytest.raises(DataError, match="no expression 'bored'"):
        read("train", ("neutral", "bored"))


def test_an_image_that_cannot_be_read_is_named(read, root):
    name = name_of(rafd.split(PEOPLE)["judge"][0], "surprised", 45)
    (root / "rafd" / name).write_bytes(b"text")
    with pytest.raises(DataError, match=rf"{name}: not a PNG.* lists everything"):
        read("judge")
    assert [problem.split(":")[0] for problem in rafd.check(root).problems] == [f"rafd/{name}"]


def test_a_check_counts_beside_the_papers_figures(read, root):
    one, other = rafd.split(PEOPLE)["train"]
    for angle in ANGLES:
        (root / "rafd" / name_of(one, "neutral", angle)).unlink()
        (root / "rafd" / name_of(one, "sad", angle)).unlink()
        (root / "rafd" / name_of(other, "angry", angle)).unlink()
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
