"""The task cartoon-groups on the paper's folders; what every reader promises is in ``test_readers.py``."""

import random

import pytest
import torch
from PIL import Image

from retable.datasets import inventory
from retable.datasets.cartoon_groups.settings import CartoonGroupsSettings
from retable.datasets.cartoon_groups.task import ROWS, CartoonGroups
from retable.datasets.errors import DataError
from tests.datasets.folders import GROUP_COUNTS as COUNTS
from tests.datasets.folders import write_groups
from tests.datasets.test_images import picture


@pytest.fixture
def root(tmp_path):
    write_groups(tmp_path / "faces")
    return tmp_path / "faces"


@pytest.fixture
def make(root, tmp_path):
    def build(**settings) -> CartoonGroups:
        values = {"source": "real", "data_dir": str(root), "size": 16, "n_pairs": 16, **settings}
        task = CartoonGroups(CartoonGroupsSettings(**values), tmp_path / "cache")
        task.prepare()
        return task

    return build


def group_of(images):
    """By the colour at the top of an image."""
    top = images[:, :, 0, 0] > 0
    return [[(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)].index(tuple(map(int, row))) for row in top.tolist()]


def is_photo(images):
    return (images[:, :, -1] == -1).all(-1).all(-1).tolist()


@pytest.mark.parametrize(("stream", "groups"), ROWS.items())
def test_rows_see_the_training_folders_of_their_groups(make, stream, groups):
    task = make()
    shown = {"photo": set(), "cartoon": set()}
    for step in range(12):
        batch = task.batch(stream, step, 6, 0)
        for key, seen in shown.items():
            assert is_photo(batch[key]) == [key == "photo"] * 6
            seen |= set(group_of(batch[key]))
        if "group" in batch:
            assert group_of(batch["photo"]) == group_of(batch["cartoon"]) == batch["group"].tolist()
    assert shown == {"photo": set(groups), "cartoon": set(groups)}


def test_requests_references_and_judges_read_their_folders(make):
    task = make()
    rare = sum(COUNTS["trainA"][1:])
    expected = {
        "test": (True, COUNTS["testA"]),
        "train": (True, (min(rare, COUNTS["trainA"][0]), *COUNTS["trainA"][1:])),
        "back": (False, COUNTS["testB"]),
    }
    requests = {r.name: r for r in task.requests("translate", "groups")}
    references = {name: task.reference(name) for name in ("cartoons", "photos")}
    held_out = {s: task.requests("predict", s)[0] for s in ("judge-cartoon", "judge-photo")}
    expected |= {"cartoons": (False, COUNTS["testB"]), "photos": (True, COUNTS["testA"])}
    expected |= {"judge-cartoon": (False, COUNTS["trainB"]), "judge-photo": (True, COUNTS["trainA"])}
    for name, request in (requests | references | held_out).items():
        photo, counts = expected[name]
        assert request.truth is None
        assert is_photo(request.inputs["image"]) == [photo] * sum(counts)
        assert torch.bincount(request.labels["group"]).tolist() == list(counts)
        assert request.labels["group"].tolist() == group_of(request.inputs["image"])


def test_a_judge_learns_from_what_no_method_sees(make, root):
    task = make()

    def seen(stream, key):
        return {row.numpy().tobytes() for step in range(12) for row in task.batch(stream, step, 8, 0)[key]}

    for sub, count in (("testB", 2), ("testA", 3)):  # pictures that are like no other
        for i in range(count):
            Image.frombytes("RGB", (16, 16), random.Random(i).randbytes(768)).save(root / "woman" / sub / f"{i}.png")
    task = make()
    for domain in ("cartoon", "photo"):
        judged = seen(f"judge-{domain}", "image")
        assert judged
        noise = {row.numpy().tobytes() for row in task.reference(f"{domain}s").inputs["image"][:2]}
        assert noise <= judged
        assert not noise & seen("mixed", domain)


def test_measures_that_need_a_truth_are_left_out(make):
    metrics = [m.metric for m in make().measures("translate", "groups")]
    to = ["accuracy", "confusion", "fid", "kid", "lpips_diversity", "identity"]
    back = ["accuracy", "fid", "kid", "identity"]
    assert metrics == [*to, *back, "kid"]


def test_a_recogniser_sees_two_different_views_of_one_photograph(make):
    task = make(stream="identities")
    batch = task.batch("identities", 3, 5, 0)
    assert batch["image"].shape == batch["other"].shape == (5, 3, 16, 16)
    assert batch["image"].abs().max() <= 1
    assert group_of(batch["image"]) == group_of(batch["other"])
    assert not any(torch.equal(a, b) for a, b in zip(batch["image"], batch["other"], strict=True))
    (request,) = task.requests("predict", "identities")
    groups = group_of(request.inputs["image"])
    assert groups == group_of(request.inputs["other"])
    assert request.labels["same"].tolist() == [1] * sum(COUNTS["testA"]) + [0] * sum(COUNTS["testA"])


def test_a_stage_asks_for_the_whole_layout_too(make, root):
    """Better now than after its training, when the rows start."""
    (root / "old" / "trainB" / "0.png").unlink()
    (root / "old" / "trainB" / "1.png").unlink()
    with pytest.raises(DataError, match="old/trainB"):
        make(stream="judge-photo")


def test_a_sound_folder_is_counted_beside_the_papers_figures(root):
    report = inventory.check(root)
    assert report.ok
    assert report.kind == "faces of four groups"
    assert [line.split() for line in report.found] == [
        ["readable", "images", "trainA", "testA", "paper", "trainB", "testB", "paper"],
        ["woman", "9", "3", "1,000", "5", "2", "200"],
        ["man", "4", "3", "75", "3", "4", "15"],
        ["kids", "3", "2", "50", "1", "2", "10"],
        ["old", "2", "2", "50", "2", "3", "10"],
    ]
    assert len({len(line) for line in report.found}) == 1, "the columns stand under each other"


def test_a_check_names_everything_that_is_missing_and_every_image_that_cannot_be_read(root):
    (root / "kids").rename(root / "Kids")
    (root / "man" / "testB").rename(root / "man" / "test")
    for path in (root / "old" / "trainA").iterdir():
        path.write_bytes(picture((64, 64))[:-200])
    (root / "woman" / "trainA" / "text.png").write_text("no image")
    (root / "woman" / "trainA" / "empty.jpg").write_bytes(b"")
    (root / "woman" / "trainA" / "phone.heic").write_bytes(b"heic")
    (root / "woman" / "trainA" / ".hidden.png").write_bytes(b"")
    report = inventory.check(root)
    assert not report.ok
    assert report.missing == (
        "man/testB (cartoons to compare with): no such folder",
        "kids/trainA (photos to train on): no such folder, but there is Kids: rename it",
        "kids/trainB (cartoons to train on): no such folder, but there is Kids: rename it",
        "kids/testA (photos to test on): no such folder, but there is Kids: rename it",
        "kids/testB (cartoons to compare with): no such folder, but there is Kids: rename it",
        "old/trainA (photos to train on): 0 readable, 2 needed",
    )
    assert [problem.split(":")[0] for problem in report.problems] == [
        "woman/trainA/empty.jpg",
        "woman/trainA/text.png",
        "old/trainA/0.png",
        "old/trainA/1.png",
    ]
    assert "truncated or corrupt" in report.problems[-1]
    assert report.found[-1].endswith("1 .heic")


def test_folders_with_almost_the_right_name_are_pointed_out(root):
    (root / "woman").rename(root / "women")
    (root / "old" / "trainA").rename(root / "old" / "train_A")
    (root / "kids").rename(root / "children")
    missing = {line.split(" ")[0]: line.split(": ", 1)[1] for line in inventory.check(root).missing}
    assert missing["woman/testA"] == "no such folder, but there is women: rename it"
    assert missing["old/trainA"] == "no such folder, but there is old/train_A: rename it"
    assert missing["kids/testA"] == "no such folder"
    assert len(missing) == 9


def test_links_out_of_the_folder_are_left_out_and_counted(root, tmp_path):
    (tmp_path / "elsewhere.png").write_bytes(picture())
    (root / "man" / "trainA" / "link.png").symlink_to(tmp_path / "elsewhere.png")
    report = inventory.check(root)
    assert report.found[2].split()[:2] == ["man", str(COUNTS["trainA"][1])]
    assert report.found[-1].endswith("1 links that are not followed")


@pytest.mark.parametrize("names", [("woman", "trainA"), ("Old", "testb"), ("KIDS", "TrainB")])
def test_one_folder_of_the_layout_is_enough_to_know_it(tmp_path, names):
    tmp_path.joinpath(*names).mkdir(parents=True)
    assert inventory.check(tmp_path).kind == "faces of four groups"


def test_a_folder_that_only_sounds_alike_is_a_folder_of_images(tmp_path):
    (tmp_path / "woman").mkdir()
    (tmp_path / "woman" / "a.png").write_bytes(picture())
    assert inventory.check(tmp_path).kind == "images"
