"""The task on made-up people: every image carries its split, group, person and shot in its pixels."""

import pytest
import torch
from pydantic import ValidationError

from retable.datasets.cartoon_groups.settings import CartoonGroupsSettings
from retable.datasets.cartoon_groups.task import ROWS, CartoonGroups
from retable.datasets.errors import DataError
from retable.datasets.standins.faces import rendered_set
from retable.datasets.standins.faces.people import GROUPS
from retable.datasets.standins.faces.rendered_set import ImageSet

SMALL = {
    "size": 16,
    "n_photos": (30, 5, 4, 3),
    "n_cartoons": (9, 3, 2, 1),
    "n_test": 4,
    "n_judge": 6,
    "n_identities": 10,
    "n_shots": 3,
    "n_pairs": 16,
}
SPLITS = ("train-photo", "train-cartoon", "test", "reference", "judge", "judge-test", "identities", "pairs")
STAGES = ("identities", "judge-cartoon", "judge-photo")
STREAMS = (*ROWS, *STAGES)


def made_up(domain, calls):
    def render(folder, split, group, count, size, shots=1, seed=0, progress=None):
        calls.append((domain, split, group, count))
        images = torch.zeros(count, shots, 3, size, size, dtype=torch.uint8)
        images[:, :, 0, 0, 0] = SPLITS.index(split)
        images[:, :, 0, 0, 1] = GROUPS.index(group)
        images[:, :, 0, 0, 2] = torch.arange(count)[:, None]
        images[:, :, 0, 0, 3] = torch.arange(shots)
        images[:, :, 0, 0, 4] = ("photo", "cartoon").index(domain)
        if progress is not None:
            progress(count * shots)
        return ImageSet(images.flatten(0, 1), f"{domain}-{split}-{group}-{count}-{shots}")

    return render


@pytest.fixture
def calls(monkeypatch):
    calls = []
    monkeypatch.setattr(rendered_set, "cartoons", made_up("cartoon", calls))
    monkeypatch.setattr(rendered_set, "portraits", made_up("photo", calls))
    return calls


@pytest.fixture
def make(calls, tmp_path):
    def build(**settings) -> CartoonGroups:
        task = CartoonGroups(CartoonGroupsSettings(**SMALL | settings), tmp_path)
        task.prepare()
        return task

    return build


def who(images):
    """(split, group, person, shot, domain) of every image."""
    codes = ((images[:, 0, 0, :5] + 1) * 127.5).round().long().tolist()
    return [(SPLITS[s], g, p, shot, ("photo", "cartoon")[d]) for s, g, p, shot, d in codes]


def seen(task, stream, steps=12, size=8):
    """Every (split, group, person) that a stream shows, by the key of the batch."""
    shown = {}
    for step in range(steps):
        for key, value in task.batch(stream, step, size, 0).items():
            if value.ndim == 4:
                shown.setdefault(key, set()).update(w[:3] for w in who(value))
    return shown


@pytest.mark.parametrize("stream", STREAMS)
def test_batches_have_the_promised_keys_shapes_and_ranges(make, stream):
    batch = make().batch(stream, 0, 6, 0)
    images = {"image", "other"} if stream == "identities" else {"image"} if stream in STAGES else {"photo", "cartoon"}
    labels = {"group"} if stream in ("groups", "rare-groups", "judge-cartoon", "judge-photo") else set()
    assert set(batch) == images | labels
    for key in images:
        assert batch[key].shape == (6, 3, 16, 16)
        assert batch[key].dtype == torch.float32
        assert -1 <= batch[key].min() <= batch[key].max() <= 1
    for key in labels:
        assert batch[key].dtype == torch.int64
        assert batch[key].tolist() == [w[1] for w in who(batch[next(iter(images))])]


@pytest.mark.parametrize(("stream", "groups"), ROWS.items())
def test_a_stream_shows_all_of_its_groups_and_no_other(make, stream, groups):
    task = make()
    shown = seen(task, stream, steps=20)
    for key, counts in (("photo", SMALL["n_photos"]), ("cartoon", SMALL["n_cartoons"])):
        assert shown[key] == {(f"train-{key}", g, i) for g in groups for i in range(counts[g])}


def test_a_round_goes_through_its_groups_in_order(make):
    task = make()
    for stream, order in (("groups", [0, 1, 2, 3, 0, 1]), ("rare-groups", [1, 2, 3, 1, 2, 3])):
        batch = task.batch(stream, 5, 6, 0)
        assert batch["group"].tolist() == order
        assert [w[1] for w in who(batch["photo"])] == [w[1] for w in who(batch["cartoon"])] == order


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
        photos, cartoons = ([w[1:3] for b in batches for w in who(b[key])] for key in ("photo", "cartoon"))
        assert photos != cartoons


def test_nobody_whom_a_method_sees_is_known_to_a_test_a_reference_or_a_judge(make):
    task = make()
    methods = set().union(*(people for stream in ROWS for people in seen(task, stream).values()))
    judges = set().union(*(seen(task, f"judge-{domain}")["image"] for domain in ("photo", "cartoon")))
    recogniser = set().union(*seen(task, "identities").values())
    tests = {w[:3] for r in task.requests("translate", "mixed") if r.name != "train" for w in who(r.inputs["image"])}
    references = {w[:3] for name in ("cartoons", "photos") for w in who(task.reference(name).inputs["image"])}
    held_out = {w[:3] for s in STAGES for r in task.requests("predict", s) for w in who(r.inputs["image"])}
    parts = [methods, judges, recogniser, tests, references, held_out]
    assert all(parts)
    assert sum(map(len, parts)) == len(set().union(*parts))


def test_training_is_unpaired(make):
    shown = seen(make(), "mixed", steps=20)
    assert {w[0] for w in shown["photo"]} == {"train-photo"}
    assert {w[0] for w in shown["cartoon"]} == {"train-cartoon"}


def test_requests_show_the_right_people_with_their_true_images(make):
    task = make()
    requests = {r.name: r for r in task.requests("translate", "groups")}
    assert list(requests) == ["test", "train", "back"]
    assert {measure.request for measure in task.measures("translate", "groups")} == set(requests)
    for name, source, target in (("test", 0, 1), ("train", 0, 1), ("back", 1, 0)):
        request = requests[name]
        shown = who(request.inputs["image"])
        assert {w[4] for w in shown} == {("photo", "cartoon")[source]}
        assert request.inputs["to"].tolist() == [target] * len(request)
        assert request.inputs["group"].tolist() == request.labels["group"].tolist() == [w[1] for w in shown]
    for name in ("test", "train"):
        shown, truth = who(requests[name].inputs["image"]), who(requests[name].truth)
        assert [w[:3] for w in shown] == [w[:3] for w in truth]
        assert {w[4] for w in truth} == {"cartoon"}
    assert requests["back"].truth is None
    assert len(requests["test"]) == len(requests["back"]) == 16
    assert {w[0] for w in who(requests["train"].inputs["image"])} == {"train-photo"}
    # All of the rare groups, and as many of group 0 as they have together.
    assert torch.bincount(requests["train"].labels["group"]).tolist() == [12, 5, 4, 3]


def test_references_are_held_out_images_by_group(make):
    task = make()
    for name, domain in (("cartoons", "cartoon"), ("photos", "photo")):
        reference = task.reference(name)
        assert {(w[0], w[4]) for w in who(reference.inputs["image"])} == {("reference", domain)}
        assert torch.bincount(reference.labels["group"]).tolist() == [4, 4, 4, 4]
    with pytest.raises(DataError, match="no reference images 'cartons'"):
        task.reference("cartons")


def test_a_batch_of_the_recogniser_shows_everybody_twice_and_nobody_else_twice(make):
    task = make()
    shown = set()
    for step in range(20):
        batch = task.batch("identities", step, 4, 0)
        one, other = who(batch["image"]), who(batch["other"])
        assert [w[:3] for w in one] == [w[:3] for w in other]
        assert all(a[3] != b[3] for a, b in zip(one, other, strict=True))
        assert len({w[:3] for w in one}) == 4
        shown |= {w[:4] for w in (*one, *other)}
    assert len(shown) == SMALL["n_identities"] * SMALL["n_shots"]


def test_more_rows_than_people_still_make_a_batch(make):
    assert len(make(n_identities=4).batch("identities", 0, 9, 0)["image"]) == 9


def test_half_of_the_pairs_show_one_person_and_half_two_of_one_group(make):
    (request,) = make().requests("predict", "identities")
    one, other = who(request.inputs["image"]), who(request.inputs["other"])
    same = request.labels["same"].tolist()
    assert len(request) == SMALL["n_pairs"]
    assert sum(same) == SMALL["n_pairs"] // 2
    for a, b, label in zip(one, other, same, strict=True):
        assert (a[2] == b[2]) == bool(label)
        assert a[1] == b[1]
        assert a[3] != b[3]


@pytest.mark.parametrize(("stream", "domain"), [("judge-cartoon", "cartoon"), ("judge-photo", "photo")])
def test_judges_learn_and_are_checked_on_their_own_domain(make, stream, domain):
    task = make()
    (request,) = task.requests("predict", stream)
    assert {(w[0], w[4]) for w in who(request.inputs["image"])} == {("judge-test", domain)}
    assert request.labels["group"].tolist() == [w[1] for w in who(request.inputs["image"])]
    assert {(w[0], w[4]) for w in who(task.batch(stream, 0, 8, 0)["image"])} == {("judge", domain)}


def test_the_preview_is_three_test_faces_of_every_group_with_their_cartoons(make):
    task = make()
    (preview,) = task.previews("translate", "woman")
    assert preview.labels["group"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [w[:3] for w in who(preview.inputs["image"])] == [w[:3] for w in who(preview.truth)]
    assert {w[0] for w in who(preview.truth)} == {"test"}
    assert task.previews("predict", "identities") == []


def test_a_stage_prepares_what_it_needs_and_nothing_else(make, calls):
    row = make()
    needed = {
        "identities": {("photo", "identities"), ("photo", "pairs")},
        "judge-cartoon": {("cartoon", "judge"), ("cartoon", "judge-test")},
        "judge-photo": {("photo", "judge"), ("photo", "judge-test")},
    }
    for stream, albums in needed.items():
        calls.clear()
        stage = CartoonGroups(CartoonGroups.settings_for(row.settings, stream), row.cache)
        stage.prepare()
        assert {call[:2] for call in calls} == albums
        ours, theirs = row.batch(stream, 2, 9, 0), stage.batch(stream, 2, 9, 0)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_prepared_row_renders_nothing_more(make, calls):
    task = make()
    calls.clear()
    for stream in ROWS:
        task.batch(stream, 0, 8, 0)
        task.requests("translate", stream)
        task.previews("translate", stream)
    for name in ("cartoons", "photos"):
        task.reference(name)
    assert calls == []


def test_digests_name_every_part_domain_and_group(make):
    a, b = make().digests(), make(n_photos=(31, 5, 4, 3)).digests()
    assert len(a) == 4 * 7
    assert {key for key in a if a[key] != b[key]} == {"train-photo-woman"}


def test_a_users_images_are_asked_for_with_their_group(make, tmp_path):
    task = CartoonGroups(CartoonGroupsSettings(**SMALL), tmp_path)
    images = torch.zeros(3, 3, 16, 16)
    request = task.ask(images, {"group": "kids"})
    assert request.kind == "translate"
    assert request.inputs["image"] is images
    assert request.inputs["group"].tolist() == [2, 2, 2]
    assert request.inputs["to"].tolist() == [1, 1, 1]
    assert request.inputs["group"].dtype == request.inputs["to"].dtype == torch.int64
    assert task.ask(images, {"group": "woman", "to": "photo"}).inputs["to"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, "needs the group of the faces: woman, man, kids or old"),
        ({"group": "kid"}, r"group='kid' is not woman, man, kids or old \(did you mean 'kids'\?\)"),
        ({"group": "Old"}, "did you mean 'old'"),
        ({"group": "old", "to": "cartoons"}, r"to='cartoons' is not photo or cartoon \(did you mean 'cartoon'\?\)"),
        ({"group": "old", "hair": "red"}, "knows no 'hair'; it takes group and to"),
    ],
)
def test_what_cannot_be_asked_is_said_with_the_choices(tmp_path, wanted, words):
    task = CartoonGroups(CartoonGroupsSettings(**SMALL), tmp_path)
    with pytest.raises(DataError, match=words):
        task.ask(torch.zeros(1, 3, 16, 16), wanted)


def test_other_tasks_take_images_and_nothing_else(tmp_path):
    from retable.datasets.digits.task import Digits, DigitsSettings

    task = Digits(DigitsSettings(), tmp_path)
    images = torch.zeros(1, 3, 32, 32)
    assert set(task.ask(images, {}).inputs) == {"image"}
    with pytest.raises(DataError, match="task digits knows no 'group'"):
        task.ask(images, {"group": "kids"})


@pytest.mark.parametrize(
    "settings",
    [{"size": 8}, {"n_photos": (9, 9, 9)}, {"n_photos": (9, 9, 9, 1)}, {"n_pairs": 20}, {"n_shots": 1}, {"n_tset": 9}],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        CartoonGroupsSettings(**settings)
