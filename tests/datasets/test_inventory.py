import pytest
import torch

from retable.datasets import inventory
from retable.datasets.attributes.settings import AttributesSettings
from retable.datasets.cartoon_groups.settings import CartoonGroupsSettings
from retable.datasets.errors import DataError
from retable.datasets.standins.faces import rendered_set
from retable.datasets.standins.faces.people import EXPRESSIONS
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
        (folder / f"portrait-{split}.safetensors").write_bytes(b"0123456789")
        progress(count * shots)
        return rendered_set.ImageSet(torch.zeros(count * shots, 3, size, size, dtype=torch.uint8), "digest")

    monkeypatch.setattr(rendered_set, "cartoons", render)
    monkeypatch.setattr(rendered_set, "portraits", render)
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


def test_every_stand_in_of_faces_is_listed_by_itself_and_what_is_decoded_of_yours_too(tmp_path):
    before = {item.name: item.status for item in inventory.list_data(tmp_path)}
    assert (before["snapshots"], before["sittings"]) == ("made when needed", "made when needed")
    assert (before["celeba"], before["rafd"]) == ("yours", "yours")
    for name in ("faces/snapshot-hair0-test-1", "faces/sitting-sad-test-1", "attributes/rafd-test-1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.safetensors").write_bytes(b"0123456789")
    after = {item.name: (item.status, item.size) for item in inventory.list_data(tmp_path)}
    assert after["snapshots"] == after["sittings"] == after["rafd"] == ("ready", 10)
    assert after["faces"] == ("made when needed", 0)
    assert after["celeba"] == ("yours", 0)


@pytest.mark.parametrize("name", ["snapshots", "sittings"])
def test_snapshots_and_sittings_are_fetched_for_every_stage(tmp_path, monkeypatch, name):
    sizes = AttributesSettings(size=16, n_faces=8, n_people=2, n_test=4, n_judge=6, n_judge_people=2)
    monkeypatch.setattr(inventory, "ATTRIBUTES", sizes)
    rendered = {"snapshots": set(), "sittings": set()}

    def snapshots(folder, split, count, size, hair_shift=0, progress=None):
        rendered["snapshots"].add(split)
        return rendered_set.ImageSet(torch.zeros(count, 3, size, size, dtype=torch.uint8), "digest")

    def sittings(folder, split, expression, count, size, progress=None):
        rendered["sittings"].add(split)
        return rendered_set.ImageSet(torch.zeros(count, 3, size, size, dtype=torch.uint8), "digest")

    monkeypatch.setattr(rendered_set, "snapshots", snapshots)
    monkeypatch.setattr(rendered_set, "sittings", sittings)
    inventory.fetch(name, tmp_path)
    assert rendered[name] == {"train", "test", "reference", "judge", "judge-test"}


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
    report = inventory.check(tmp_path)
    assert report.kind == "SVHN"
    assert report.found == ("test_32x32.mat (20 images)",)
    assert (report.missing, report.problems) == (("extra_32x32.mat",), ())
    (tmp_path / "extra_32x32.mat").write_bytes(b"wrong")
    report = inventory.check(tmp_path)
    assert report.found == ("test_32x32.mat (20 images)",)
    assert report.missing == ()
    assert "extra_32x32.mat" in report.problems[0]


def test_the_split_of_svhn_that_nothing_learns_from_is_neither_missed_nor_read(tmp_path):
    for split in ("test", "extra"):
        write(tmp_path, split)
    assert inventory.check(tmp_path).ok
    (tmp_path / "train_32x32.mat").write_bytes(b"wrong")
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
