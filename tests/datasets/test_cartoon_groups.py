"""What methods, judges and the recogniser of the task ``cartoon-groups`` are shown and asked."""

from functools import partial

import pytest
import torch

from retable.datasets.cartoon_groups.settings import CartoonGroupsSettings
from retable.datasets.cartoon_groups.task import ROUND, ROWS, CartoonGroups
from tests.datasets import made_up
from tests.datasets.made_up import who

SMALL = made_up.SMALL[CartoonGroups]


@pytest.fixture
def make(make):
    return partial(make, CartoonGroups)


@pytest.mark.parametrize(("stream", "groups"), ROWS.items())
def test_a_stream_shows_all_training_images_of_its_groups_and_no_other(make, stream, groups):
    batches = [make().batch(stream, step, 8, 0) for step in range(20)]
    assert set(batches[0]) == {"photo", "cartoon"} | ({"group"} if stream in ROUND else set())
    # Unpaired: the people of the cartoons are of another split.
    for key, counts in (("photo", SMALL["n_photos"]), ("cartoon", SMALL["n_cartoons"])):
        shown = {each[:4] for batch in batches for each in who(batch[key])}
        assert shown == {(key, f"train-{key}", i, group) for group in groups for i in range(counts[group])}


def test_a_round_goes_through_its_groups_in_order(make):
    task = make()
    for stream, order in (("groups", [0, 1, 2, 3, 0, 1]), ("rare-groups", [1, 2, 3, 1, 2, 3])):
        batch = task.batch(stream, 5, 6, 0)
        assert batch["group"].tolist() == order
        assert [w.of for w in who(batch["photo"])] == [w.of for w in who(batch["cartoon"])] == order


def test_a_union_is_drawn_evenly_over_its_images(make):
    task = make()
    total = sum(SMALL["n_photos"])
    shown = [w for step in range(total) for w in who(task.batch("mixed", step, 2, 0)["photo"])]
    assert all(shown.count(w) == 2 for w in set(shown))
    assert len(set(shown)) == total


def test_domains_are_drawn_independently(make):
    task = make(n_cartoons=SMALL["n_photos"])
    for stream in ROWS:
        batches = [task.batch(stream, step, 6, 0) for step in range(3)]
        photos, cartoons = ([w[2:4] for b in batches for w in who(b[key])] for key in ("photo", "cartoon"))
        assert photos != cartoons


def test_requests_show_the_right_people_with_their_true_images(make):
    requests = {r.name: r for r in make().requests("translate", "groups")}
    assert list(requests) == ["test", "train", "back"]
    for name, source, target in (("test", "photo", 1), ("train", "photo", 1), ("back", "cartoon", 0)):
        request = requests[name]
        shown = who(request.inputs["image"])
        assert {w[:2] for w in shown} == {(source, "train-photo" if name == "train" else "test")}
        assert request.inputs["to"].tolist() == [target] * len(request)
        assert request.inputs["group"].tolist() == request.labels["group"].tolist() == [w.of for w in shown]
        if name == "back":
            assert request.truth is None
        else:
            assert [w._replace(kind="cartoon") for w in shown] == who(request.truth)
    assert len(requests["test"]) == len(requests["back"]) == 16
    # All of the rare groups, and as many of group 0 as they have together.
    assert torch.bincount(requests["train"].labels["group"]).tolist() == [12, 5, 4, 3]


def test_references_are_held_out_images_by_group(make):
    task = make()
    for name, domain in (("cartoons", "cartoon"), ("photos", "photo")):
        reference = task.reference(name)
        assert {w[:2] for w in who(reference.inputs["image"])} == {(domain, "reference")}
        assert torch.bincount(reference.labels["group"]).tolist() == [4, 4, 4, 4]


def test_a_batch_of_the_recogniser_shows_everybody_twice_and_nobody_else_twice(make):
    task = make()
    shown = set()
    for step in range(20):
        batch = task.batch("identities", step, 4, 0)
        one, other = who(batch["image"]), who(batch["other"])
        assert [w[:4] for w in one] == [w[:4] for w in other]
        assert all(a.shot != b.shot for a, b in zip(one, other, strict=True))
        assert len({w[:4] for w in one}) == 4
        shown |= {*one, *other}
    assert {w.split for w in shown} == {"identities"}
    assert len(shown) == SMALL["n_identities"] * SMALL["n_shots"]
    assert len(make(n_identities=4).batch("identities", 0, 9, 0)["image"]) == 9, "more rows than people"


def test_half_of_the_pairs_show_one_person_and_half_two_of_one_group(make):
    (request,) = make().requests("predict", "identities")
    one, other = who(request.inputs["image"]), who(request.inputs["other"])
    same = request.labels["same"].tolist()
    assert len(request) == SMALL["n_pairs"]
    assert sum(same) == SMALL["n_pairs"] // 2
    for a, b, label in zip(one, other, same, strict=True):
        assert (a.person == b.person) == bool(label)
        assert a.of == b.of
        assert a.shot != b.shot


@pytest.mark.parametrize("domain", ["cartoon", "photo"])
def test_judges_learn_and_are_checked_on_their_own_domain(make, domain):
    task = make()
    batch, (request,) = task.batch(f"judge-{domain}", 0, 8, 0), task.requests("predict", f"judge-{domain}")
    for split, images, groups in (
        ("judge", batch["image"], batch["group"]),
        ("judge-test", request.inputs["image"], request.labels["group"]),
    ):
        assert {w[:2] for w in who(images)} == {(domain, split)}
        assert groups.tolist() == [w.of for w in who(images)]


def test_the_preview_is_three_test_faces_of_every_group_with_their_cartoons(make):
    (preview,) = make().previews("translate", "woman")
    assert preview.labels["group"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [w._replace(kind="cartoon") for w in who(preview.inputs["image"])] == who(preview.truth)
    assert {w.split for w in who(preview.truth)} == {"test"}


def test_a_users_images_are_asked_for_with_their_group(tmp_path):
    task = CartoonGroups(CartoonGroupsSettings(**SMALL), tmp_path)
    images = torch.zeros(3, 3, 16, 16)
    request = task.ask(images, {"group": "kids"})
    assert request.kind == "translate"
    assert request.inputs["image"] is images
    assert request.inputs["group"].tolist() == [2, 2, 2]
    assert request.inputs["to"].tolist() == [1, 1, 1]
    assert request.inputs["group"].dtype == request.inputs["to"].dtype == torch.int64
    assert task.ask(images, {"group": "woman", "to": "photo"}).inputs["to"].tolist() == [0, 0, 0]
