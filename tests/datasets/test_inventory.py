import pytest

from retable.datasets import inventory
from retable.datasets.errors import DataError
from retable.datasets.standins.faces.people import EXPRESSIONS
from tests.datasets.made_up import SMALL
from tests.datasets.test_images import picture
from tests.datasets.test_svhn import write


def items(cache):
    return {item.name: (item.status, item.size) for item in inventory.list_data(cache)}


def test_the_list_says_what_is_in_the_cache_of_every_data_set(tiny_mnist):
    before = items(tiny_mnist)
    assert before["mnist"][0] == "ready"
    assert before["svhn"] == ("missing", 0)
    for name in ("street", "faces", "snapshots", "sittings", "avatars"):
        assert before[name] == ("made when needed", 0)
    for name in ("celeba", "rafd", "flowers"):
        assert before[name] == ("yours", 0)
    assert {item.where for item in inventory.list_data(tiny_mnist) if item.name == "rafd"} == {
        "the folder that --data-dir names"
    }
    kept = {
        "street": "street/street-s", "faces": "faces/cartoon-man", "snapshots": "faces/snapshot-hair0-test",
        "sittings": "faces/sitting-sad-test", "avatars": "avatars/cartoon-woman-shots",
        "rafd": "attributes/rafd-test", "flowers": "ten-shot/flowers-reference",
    }  # fmt: skip
    for size, name in enumerate(kept.values(), 1):
        (tiny_mnist / name).parent.mkdir(exist_ok=True)
        (tiny_mnist / f"{name}-1.safetensors").write_bytes(bytes(size))
        (tiny_mnist / f"{name}-1.lock").write_bytes(b"of no set")
    (tiny_mnist / "mnist" / "t10k-labels-idx1-ubyte").unlink()
    after = items(tiny_mnist)
    assert {name: after[name] for name in kept} == {name: ("ready", size) for size, name in enumerate(kept, 1)}
    assert after["celeba"] == before["celeba"]
    assert after["mnist"][0] == "partly"


def test_fetching_draws_the_street_digits_and_tells_how_far_it_is(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(inventory, "STREET", {"test": 3, "extra": 4})
    inventory.fetch("street", tmp_path, lambda *progress: told.append(progress))
    assert told == [("street test", 3, 3), ("street extra", 4, 4)]
    assert items(tmp_path)["street"][1] > 7 * 32 * 32 * 3


LABELLED = {"train", "test", "reference", "judge", "judge-test"}


@pytest.mark.parametrize(
    ("name", "kinds", "splits"),
    [
        (
            *("faces", {"cartoon", "photo"}),
            {"train-photo", "train-cartoon", "test", "reference", "judge", "judge-test", "identities", "pairs"},
        ),
        ("snapshots", {"snapshot"}, LABELLED),
        ("sittings", {"sitting"}, LABELLED),
        (
            *("avatars", {"cartoon", "photo", "digit"}),
            {"shots", "fresh", "reference", "source-near", "source-near-test", "source-far", "source-far-test"},
        ),
    ],
)
def test_fetching_a_stand_in_of_faces_draws_what_every_stage_needs(tmp_path, monkeypatch, calls, name, kinds, splits):
    told = []
    task, settings = inventory.FACES[name]
    monkeypatch.setitem(inventory.FACES, name, (task, SMALL[task] | settings))
    inventory.fetch(name, tmp_path, lambda *progress: told.append(progress))
    assert {split for kind, split in calls if kind in kinds} == splits
    # What crosses over is asked about snapshots.
    assert {call for call in calls if call[0] not in kinds} <= {("snapshot", "test")}
    assert told


@pytest.mark.parametrize(("name", "words"), [("celeba", "Liu et al"), ("rafd", "Langner et al")])
def test_what_only_its_authors_give_is_not_fetched(tmp_path, name, words):
    with pytest.raises(DataError, match=rf"{words}.*docs/your-own-faces\.md"):
        inventory.fetch(name, tmp_path)


def test_celeba_and_rafd_side_by_side_are_checked_together(tmp_path):
    folder = tmp_path / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    names = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
    rows = []
    for i in range(5):
        (folder / f"{i}.jpg").write_bytes(picture((178, 218)))
        rows.append(f"{i}.jpg -1  1 -1 -1  1")
    (tmp_path / "celeba" / "list_attr_celeba.txt").write_text("\n".join(["5", " ".join(names), *rows]) + "\n")
    (tmp_path / "rafd").mkdir()
    for person in range(1, 5):
        for expression in EXPRESSIONS:
            path = tmp_path / "rafd" / f"Rafd090_{person:02d}_Kid_male_{expression}_left.jpg"
            path.write_bytes(picture())
    report = inventory.check(tmp_path)
    assert report.kind == "CelebA and RaFD"
    assert report.ok
    assert [line.split()[:3] for line in report.found if line.split()[1] in ("images", "people")] == [
        ["CelebA", "images", "5"],
        ["RaFD", "people", "4"],
        ["RaFD", "images", "32"],
    ]
    (tmp_path / "rafd" / "Rafd090_01_Kid_male_angry_left.jpg").write_bytes(b"text")
    assert [problem.split(":")[0] for problem in inventory.check(tmp_path).problems] == [
        "rafd/Rafd090_01_Kid_male_angry_left.jpg"
    ]


def test_fetching_something_unknown_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no data set 'mnits'"):
        inventory.fetch("mnits", tmp_path)


def test_a_folder_of_mnist_is_counted_and_what_is_missing_and_wrong_is_said(tiny_mnist):
    report = inventory.check(tiny_mnist / "mnist")
    assert report.kind == "MNIST"
    assert report.ok
    assert len(report.found) == 4
    (tiny_mnist / "mnist" / "train-labels-idx1-ubyte").unlink()
    (tiny_mnist / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(b"wrong")
    report = inventory.check(tiny_mnist / "mnist")
    assert not report.ok
    assert report.missing == ("train-labels-idx1-ubyte",)
    assert "SHA-256" in report.problems[0]


def test_an_svhn_folder_is_counted(tmp_path):
    write(tmp_path, "test")
    report = inventory.check(tmp_path)
    assert report.kind == "SVHN"
    assert report.found == ("test_32x32.mat (20 images)",)
    assert (report.missing, report.problems) == (("extra_32x32.mat",), ())
    (tmp_path / "extra_32x32.mat").write_bytes(b"wrong")
    report = inventory.check(tmp_path)
    assert report.found == ("test_32x32.mat (20 images)",)
    assert report.missing == ()
    assert "extra_32x32.mat" in report.problems[0]
    write(tmp_path, "extra")
    (tmp_path / "train_32x32.mat").write_bytes(b"nothing learns from this split")
    assert inventory.check(tmp_path).ok


def test_images_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "good.png").write_bytes(picture())
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    report = inventory.check(tmp_path)
    assert report.kind == "images"
    assert report.found == ("1 readable images",)
    assert "bad.jpg" in report.problems[0]
    assert inventory.check(tmp_path / "good.png").ok
    assert not inventory.check(tmp_path / "bad.jpg").ok


@pytest.mark.parametrize("folder", ["", "shots"])
def test_files_that_are_not_read_are_counted_by_kind(tmp_path, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    for name in ("1.HEIC", "2.heic", "notes.txt", ".hidden.heic"):
        (tmp_path / folder / name).write_bytes(b"of a telephone")
    (tmp_path / folder / "good.png").write_bytes(picture())
    *_, words = inventory.check(tmp_path).found
    assert words == "left out, not images (.png, .jpg, .jpeg, .webp): 2 .heic, 1 .txt"


def test_a_folder_without_data_and_a_missing_path_are_said(tmp_path):
    assert inventory.check(tmp_path).missing
    with pytest.raises(DataError, match="no such file or folder"):
        inventory.check(tmp_path / "nowhere")
