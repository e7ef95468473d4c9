"""What the task ``attributes`` asks of methods, and what of users; real data in memory instead of on disk."""

from functools import partial

import pytest
import torch

from retable.datasets.attributes import celeba, rafd
from retable.datasets.attributes.settings import AttributesSettings
from retable.datasets.attributes.task import Attributes
from retable.datasets.errors import DataError
from retable.datasets.sources import LabelledImages
from retable.datasets.standins.faces.labelled_people import AGES, GENDERS, HAIR
from tests.datasets import made_up
from tests.datasets.made_up import BOTH, EXPRESSION, FACES, who
from tests.datasets.test_attributes import DATA, KIND, SHOWN, bits, every_data, known

SMALL = made_up.SMALL[Attributes]
CHANGES = ("hair", "gender", "age", "hair-gender", "hair-age", "gender-age", "hair-gender-age")


@pytest.fixture
def make(make):
    return partial(make, Attributes)


def requests(task):
    return {request.name: request for request in task.requests("translate", "train")}


def wanted(person, place, keys):
    """(hair, gender, age) that a request of these keys wants of its image at this place."""
    hair, gender, age = known(person)
    return (
        (hair + 1 + place % 2) % 3 if "hair" in keys else hair,
        1 - gender if "gender" in keys else gender,
        1 - age if "age" in keys else age,
    )


@pytest.mark.parametrize("data", [BOTH, FACES])
@pytest.mark.parametrize("name", CHANGES)
def test_attributes_are_asked_for_from_what_is_there_to_what_is_wanted(make, data, name):
    task, keys = make(data=data), name.split("-")
    request, names = requests(task)[name], task.info().classes
    inputs = request.inputs
    assert {p[:2] for p in who(inputs["image"])} == {("snapshot", "test")}
    assert len(request) == SMALL["n_test"]
    for place, person in enumerate(who(inputs["image"])):
        goal = wanted(person, place, keys)
        assert inputs["faces.from"][place].tolist() == bits(*known(person))
        assert inputs["faces.to"][place].tolist() == bits(*goal)
        words = {"hair": HAIR[goal[0]], "gender": GENDERS[goal[1]], "age": AGES[goal[2]]}
        for key, value in words.items():
            assert names[key][request.labels[key][place]] == value
        for joint in ("hair.gender", "hair.age", "gender.age", "hair.gender.age"):
            assert names[joint][request.labels[joint][place]] == " ".join(words[key] for key in joint.split("."))
    if data == BOTH:
        assert (inputs["expressions.to"] == -1).all()
    assert set(inputs) == {"image", *(f"{of}.{side}" for of in data for side in ("from", "to"))}
    assert request.then is None


def test_hair_is_asked_to_change_to_both_other_colours(make):
    request = requests(make())["hair"]
    changes = {
        (known(p)[0], to) for p, to in zip(who(request.inputs["image"]), request.labels["hair"].tolist(), strict=True)
    }
    assert changes == {(a, b) for a in range(3) for b in range(3) if a != b}


def test_the_truth_is_the_same_person_as_wanted(make):
    task = make()
    found = requests(task)
    for person, true, goal in zip(
        who(found["hair"].inputs["image"]), who(found["hair"].truth), found["hair"].labels["hair"], strict=True
    ):
        assert true[:3] == person[:3]
        assert known(true)[0] == goal
        assert known(true)[1:] == known(person)[1:]
    shown = found["expressions"]
    for person, true, goal in zip(
        who(shown.inputs["image"]), who(shown.truth), shown.labels["expression"].tolist(), strict=True
    ):
        assert true == person._replace(of=SHOWN[goal])
    cycles = ("faces-cycle", "expressions-cycle")
    assert {name for name, request in found.items() if request.truth is not None} == {"hair", "expressions", *cycles}
    for name in cycles:
        assert torch.equal(found[name].truth, found[name].inputs["image"])


@pytest.mark.parametrize("data", [BOTH, EXPRESSION])
def test_every_neutral_test_portrait_is_asked_for_every_target(make, data):
    task = make(data=data)
    request = requests(task)["expressions"]
    people = who(request.inputs["image"])
    assert {(p.split, p.of) for p in people} == {("test", "neutral")}
    goals = request.labels["expression"].tolist()
    pairs = [(p.person, goal) for p, goal in zip(people, goals, strict=True)]
    assert sorted(pairs) == [(i, goal) for i in range(SMALL["n_test"]) for goal in (1, 2)]
    assert request.inputs["expressions.to"].tolist() == goals
    assert (request.inputs["expressions.from"] == 0).all()
    assert set(request.labels) == {"expression"}
    if data == BOTH:
        assert (request.inputs["faces.to"] == -1).all()
        assert request.inputs["faces.to"].shape == (len(request), 5)


def test_a_cycle_leads_back_to_what_was_there(make):
    task = make()
    found = requests(task)
    there = found["faces-cycle"]
    assert there.inputs.keys() == found["hair"].inputs.keys()
    assert all(torch.equal(there.inputs[key], value) for key, value in found["hair"].inputs.items())
    for place, person in enumerate(who(there.inputs["image"])):
        own = bits(*known(person))
        assert there.then["faces.to"][place].tolist() == own
        assert there.labels["hair"][place] == known(person)[0]
    assert torch.equal(there.then["faces.from"], there.inputs["faces.to"])
    smile = found["expressions-cycle"]
    assert all(torch.equal(smile.inputs[key], value) for key, value in found["expressions"].inputs.items())
    assert (smile.then["expressions.to"] == 0).all()
    assert (smile.then["faces.to"] == -1).all()
    assert (smile.labels["expression"] == 0).all()
    assert torch.equal(smile.then["expressions.from"], smile.inputs["expressions.to"])
    assert all("image" not in request.then for request in (there, smile))


@pytest.mark.parametrize("data", [BOTH, EXPRESSION])
def test_a_quarter_of_the_snapshots_is_asked_for_expressions_and_should_else_stay(make, data):
    request = requests(make(data=data))["across"]
    people = who(request.inputs["image"])
    assert sorted({p[:3] for p in people}) == [("snapshot", "test", i) for i in range(3)]
    assert len(request) == 3 * 2
    assert request.inputs["expressions.to"].tolist() == request.labels["expression"].tolist()
    assert (request.inputs["expressions.from"] == -1).all(), "a snapshot's own expression is unknown"
    for place, person in enumerate(people):
        assert tuple(int(request.labels[key][place]) for key in ("hair", "gender", "age")) == known(person)


def test_a_wrong_mask_changes_nothing_else_and_is_asked_of_joint_training_alone(make):
    found = requests(make())
    for name in ("expressions", "across"):
        right, wrong = found[name], found["wrong-mask" if name == "expressions" else "across-wrong-mask"]
        assert "mask" not in right.inputs
        assert wrong.inputs["mask"].tolist() == [BOTH.index("faces")] * len(right)
        assert set(wrong.inputs) == {*right.inputs, "mask"}
        assert all(torch.equal(wrong.inputs[key], value) for key, value in right.inputs.items())
        assert wrong.labels.keys() == right.labels.keys()
    both = {*CHANGES, "faces-cycle", "expressions", "expressions-cycle", "across", "wrong-mask", "across-wrong-mask"}
    assert set(found) == both
    assert set(requests(make(data=FACES))) == {*CHANGES, "faces-cycle"}
    assert set(requests(make(data=EXPRESSION))) == {"expressions", "expressions-cycle", "across"}


@every_data
def test_changes_are_judged_by_what_should_change_and_by_all_that_should_stay(make, data):
    task = make(data=data)
    measures = task.measures("translate", "train")
    assert all(measure.judge == measure.label for measure in measures)
    for measure in measures:
        if measure.reference is not None:
            asked = requests(task)[measure.request].labels[measure.by]
            assert set(asked.tolist()) <= set(task.reference(measure.reference).labels[measure.by].tolist())
    judged = {(m.request, m.judge) for m in measures if m.metric == "classification_error"}
    if "faces" in data:
        assert {(name, name.replace("-", ".")) for name in CHANGES} <= judged
        assert {(name, "hair.gender.age") for name in ("hair", "gender", "age")} <= judged
    if "expressions" in data:
        assert {("expressions", "expression"), ("across", "expression"), ("across", "hair.gender.age")} <= judged


def test_references_are_people_of_no_request(make):
    task = make()
    faces, expressions = task.reference("faces"), task.reference("expressions")
    for reference, name in ((faces, "faces"), (expressions, "expressions")):
        assert {p[:2] for p in who(reference.inputs["image"])} == {(KIND[name], "reference")}
    for person, hair in zip(who(faces.inputs["image"]), faces.labels["hair"].tolist(), strict=True):
        assert known(person)[0] == hair
    shown = [SHOWN[label] for label in expressions.labels["expression"].tolist()]
    assert shown == [p.of for p in who(expressions.inputs["image"])]
    assert set(shown) == {"happy", "angry"}


def test_previews_show_whole_people(make):
    names = {
        BOTH: ["expressions", "across", "across-wrong-mask", "faces"],
        FACES: ["faces"],
        EXPRESSION: ["expressions", "across"],
    }
    for data in DATA:
        previews = make(data=data).previews("translate", "train")
        assert [preview.name for preview in previews] == names[data]
        assert [len(preview) for preview in previews] == [12] * len(previews)
        for preview in previews:
            columns = 6 if preview.name == "faces" else 2
            people = [p[:3] for p in who(preview.inputs["image"])]
            assert all(people[i] == people[i - i % columns] for i in range(12))
            assert len(set(people)) == 12 // columns
            assert ("mask" in preview.inputs) == (preview.name == "across-wrong-mask")
    task = make()
    assert [p.of for p in who(task.previews("translate", "train")[0].truth)] == ["happy", "angry"] * 6
    assert task.previews("predict", "judge-hair") == []
    one_target = make(targets=("sad",)).previews("translate", "pairs")[0]
    assert len(one_target) == 12
    seven = make(targets=AttributesSettings().targets).previews("translate", "pairs")[0]
    assert seven.labels["expression"].tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_the_preview_of_attributes_has_every_colour_the_other_gender_the_other_age_and_all_at_once(make):
    task = make(data=FACES)
    (preview,) = task.previews("translate", "train")
    people = who(preview.inputs["image"])
    assert {known(p)[1] for p in people} == {0, 1}
    for start in (0, 6):
        hair, gender, age = known(people[start])
        goals = [
            tuple(int(preview.labels[key][i]) for key in ("hair", "gender", "age")) for i in range(start, start + 6)
        ]
        assert goals[:3] == [(0, gender, age), (1, gender, age), (2, gender, age)]
        assert goals[3:5] == [(hair, 1 - gender, age), (hair, gender, 1 - age)]
        assert goals[5][0] != hair
        assert goals[5][1:] == (1 - gender, 1 - age)
        assert torch.equal(preview.inputs["faces.from"][start + hair], preview.inputs["faces.to"][start + hair])


# What users ask.


def test_a_user_gets_what_is_wanted_and_nothing_else(make):
    task, images = make(), torch.zeros(2, 3, 16, 16)
    request = task.ask(images, {"hair": "blond", "gender": "male"})
    assert request.kind == "translate"
    assert request.inputs["image"] is images
    assert request.inputs["faces.to"].tolist() == [[0, 1, 0, 1, -1]] * 2
    assert request.inputs["expressions.to"].tolist() == [-1, -1]
    assert all((request.inputs[f"{of}.from"] == -1).all() for of in BOTH)
    old = task.ask(images, {"age": "old", "expression": "angry", "gender": "female"})
    assert old.inputs["faces.to"].tolist() == [[-1, -1, -1, 0, 0]] * 2
    assert old.inputs["expressions.to"].tolist() == [2, 2]
    alone = make(data=EXPRESSION).ask(images, {"expression": "happy"})
    assert set(alone.inputs) == {"image", "expressions.from", "expressions.to"}


# The paper's own data.

RAW = [[1, 0, 0, 1, 1], [0, 1, 0, 0, 1], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0], [1, 0, 1, 1, 1], [0, 0, 1, 0, 0]]
ONE_COLOUR = [0, 1, 2, 5]


@pytest.fixture
def real(make, monkeypatch, tmp_path):
    """``real(*folders, **settings)``: the task on readers that find these folders below ``data_dir``."""

    def build(*folders, **settings):
        def needs(name):
            if name not in folders:
                raise DataError(f"{name}: no such folder")

        def read_faces(root, size, folder, part, progress=None):
            needs("celeba")
            return LabelledImages(made_up.images("snapshot", part, 0, 6, size), torch.tensor(RAW), f"faces-{part}")

        def read_expressions(root, size, folder, part, expressions, progress=None):
            needs("rafd")
            images = torch.cat([made_up.images("sitting", part, i, 4, size) for i in range(len(expressions))])
            return LabelledImages(images, torch.arange(len(expressions)).repeat_interleave(4), f"expressions-{part}")

        def labels(name, shown):
            needs(name)
            return dict.fromkeys(("train", "test", "judge", "judge-test"), shown)

        # Enough of everything; the images are few.
        people = torch.tensor([[*row, *rest] for row in torch.eye(3).int().tolist() for rest in ([0, 1], [1, 0])])
        monkeypatch.setattr(celeba, "labels", lambda root: labels("celeba", people.repeat(4, 1)))
        monkeypatch.setattr(rafd, "labels", lambda root, names: labels("rafd", torch.arange(len(names)).repeat(4)))
        monkeypatch.setattr(celeba, "is_layout", lambda root: "celeba" in folders)
        monkeypatch.setattr(celeba, "read", read_faces)
        monkeypatch.setattr(rafd, "read", read_expressions)
        return make(source="real", data_dir=str(tmp_path), **settings)

    return build


def places(images):
    return [p.person for p in who(images)]


def test_real_faces_are_asked_about_and_judged_where_one_colour_is_theirs_and_trained_on_as_they_are(real):
    task = real("celeba", data=FACES)
    for name, request in requests(task).items():
        assert places(request.inputs["image"]) == ONE_COLOUR, name
        assert (request.inputs["faces.to"][:, :3].sum(1) == 1).all()
    assert requests(task)["hair"].truth is None
    assert places(task.reference("faces").inputs["image"]) == ONE_COLOUR
    batch = task.batch("train", 0, 6, 0)
    assert batch["faces.label"].tolist() == [RAW[i] for i in places(batch["faces.image"])]
    assert sorted(places(batch["faces.image"])) == list(range(6))
    for stream, expected in (("judge-hair", ONE_COLOUR), ("judge-age", list(range(6)))):
        (held_out,) = task.requests("predict", stream)
        assert places(held_out.inputs["image"]) == expected
        assert set(places(task.batch(stream, 0, len(expected), 0)["image"])) == set(expected)


def test_real_expressions_do_without_celeba_but_for_what_crosses_over(real):
    task = real("rafd", data=EXPRESSION)
    assert set(requests(task)) == {"expressions", "expressions-cycle"}
    assert [preview.name for preview in task.previews("translate", "train")] == ["expressions"]
    measures = task.measures("translate", "train")
    assert {measure.request for measure in measures} == {"expressions", "expressions-cycle"}
    assert ("lpips_pair", "expressions") not in {(measure.metric, measure.request) for measure in measures}
    assert task.digests().keys() == {"train-expressions", "test-expressions", "reference-expressions"}


def test_what_crosses_over_is_asked_where_celeba_is_there(real):
    task = real("rafd", "celeba", data=EXPRESSION)
    assert set(requests(task)) == {"expressions", "expressions-cycle", "across"}
    assert places(requests(task)["across"].inputs["image"]) == [0, 0]
    assert task.digests().keys() == {"train-expressions", "test-expressions", "reference-expressions", "test-faces"}


@pytest.mark.parametrize(
    ("folders", "data", "lack"), [(("rafd",), BOTH, "celeba"), (("celeba",), EXPRESSION, "rafd"), ((), FACES, "celeba")]
)
def test_missing_real_data_are_named(real, folders, data, lack):
    with pytest.raises(DataError, match=f"{lack}: no such folder"):
        real(*folders, data=data)


def test_real_references_are_the_judges_test_images(real):
    task = real("celeba", "rafd")
    for name in BOTH:
        assert {p[:2] for p in who(task.reference(name).inputs["image"])} == {(KIND[name], "judge-test")}
