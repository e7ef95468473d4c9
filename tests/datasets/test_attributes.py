"""What methods and judges of the task ``attributes`` are shown."""

from functools import partial

import pytest

from retable.datasets.attributes.settings import JUDGES, AttributesSettings
from retable.datasets.attributes.task import Attributes
from retable.datasets.errors import DataError
from retable.datasets.standins.faces.labelled_people import AGES, GENDERS, HAIR, labels_of
from retable.datasets.standins.faces.people import EXPRESSIONS
from tests.datasets.made_up import BOTH, EXPRESSION, FACES, SMALL, Shown, who

DATA = (BOTH, FACES, EXPRESSION)
SHOWN = ("neutral", "happy", "angry")
KIND = {"faces": "snapshot", "expressions": "sitting"}
BITS = ("black", "blond", "brown", "male", "young")
every_data = pytest.mark.parametrize("data", DATA)


@pytest.fixture
def make(make):
    return partial(make, Attributes)


def known(shown):
    """(hair, gender, age) of a snapshot, as numbers."""
    assert shown.kind == "snapshot"
    seen = labels_of(shown.split, shown.person)
    return (seen.hair + shown.of) % 3, seen.gender, seen.age


def bits(hair, gender, age):
    """The label as the paper has it: black, blond, brown, male, young."""
    return [int(hair == i) for i in range(3)] + [int(GENDERS[gender] == "male"), int(AGES[age] == "young")]


def test_sets_are_the_channels_in_their_order_and_the_judges_words_are_always_there(tmp_path):
    for data in DATA:
        info = Attributes(AttributesSettings(**SMALL[Attributes], data=data[::-1]), tmp_path).info()
        assert list(info.channels.items()) == [(name, 3) for name in data]
        assert {"faces", "expressions"} & set(info.classes) == set(data)
        assert info.classes["expression"] == SHOWN
        assert [info.classes[key] for key in ("hair", "gender", "age")] == [HAIR, GENDERS, AGES]
        assert info.classes["hair.age"] == tuple(f"{hair} {age}" for hair in HAIR for age in AGES)
        assert info.classes["hair.gender.age"][:3] == ("black female old", "black female young", "black male old")
        assert set(info.classes) >= {"targets", "pairs", "age", "hair.gender", "gender.age"}
        faces = "faces" in data
        more = ("happy", "angry") if "expressions" in data else ()
        targets = ("black", "blond", "brown", "male", "female", "young", "old") if faces else ()
        assert info.classes["targets"] == (*targets, *more)
        assert info.classes["pairs"] == (*(BITS if faces else ()), *more)


def test_the_default_is_all_seven_targets_of_both_sets_at_the_papers_size():
    settings = AttributesSettings()
    assert settings.size == 128
    assert settings.data == BOTH
    assert settings.expressions == EXPRESSIONS
    assert [AttributesSettings(data=data).variant for data in DATA] == ["", "faces", "expressions"]
    assert AttributesSettings(targets=("sad", "happy")).targets == ("happy", "sad")


@every_data
def test_a_training_batch_holds_every_set_with_its_own_labels(make, data):
    batch = make(data=data).batch("train", 1, 9, 0)
    assert set(batch) == {f"{name}.{what}" for name in data for what in ("image", "label")}
    for name in data:
        people, label = who(batch[f"{name}.image"]), batch[f"{name}.label"]
        assert {person[:2] for person in people} == {(KIND[name], "train")}
        assert label.tolist() == [bits(*known(p)) if name == "faces" else SHOWN.index(p.of) for p in people]


def test_an_epoch_shows_every_image_of_a_set_once(make):
    task = make()
    for name, total in (("faces", 36), ("expressions", 21)):
        shown = [person for step in range(total) for person in who(task.batch("train", step, 2, 0)[f"{name}.image"])]
        assert all(shown.count(person) == 2 for person in shown)
        assert len(set(shown)) == total


def has(person, name):
    """Whether a picture shows this target or bit."""
    if name in SHOWN:
        return person.of == name
    hair, gender, age = known(person)
    return name in (HAIR[hair], GENDERS[gender], AGES[age])


@every_data
@pytest.mark.parametrize(("stream", "without", "with_it"), [("targets", "source", "target"), ("pairs", "a", "b")])
def test_targets_and_pairs_take_turns_and_one_side_lacks_what_the_other_has(make, data, stream, without, with_it):
    task = make(data=data)
    names = task.info().classes[stream]
    for step in range(2 * len(names)):
        batch = task.batch(stream, step, 5, 0)
        assert set(batch) == {without, with_it, "which"}
        assert batch["which"].tolist() == [step % len(names)] * 5
        name = names[step % len(names)]
        lacking, having = who(batch[without]), who(batch[with_it])
        assert {person.split for person in (*lacking, *having)} == {"train"}
        assert all(has(person, name) for person in having)
        assert not any(has(person, name) for person in lacking)
        assert name not in SHOWN or {person.of for person in lacking} == {"neutral"}


def test_every_image_of_a_side_has_its_turn(make):
    task = make()
    turns = len(task.info().classes["targets"])
    shown = {person for turn in range(6) for person in who(task.batch("targets", turn * turns, 2, 0)["target"])}
    assert len(shown) == 12
    assert {known(person)[0] for person in shown} == {0}


def test_a_target_that_no_image_has_is_named(make):
    # One snapshot has one colour of hair at most.
    task = make(n_faces=2)
    have = {known(Shown("snapshot", "train", i, 0, 0))[0] for i in range(2)}
    missing = next(i for i in range(3) if i not in have)
    with pytest.raises(DataError, match=f"no training image of faces with '{HAIR[missing]}'"):
        task.batch("targets", missing, 4, 0)


@pytest.mark.parametrize(("stream", "key"), JUDGES.items())
def test_judges_learn_and_are_checked_on_their_own_labels(make, stream, key):
    task = make()
    batch = task.batch(stream, 0, 9, 0)
    (held_out,) = task.requests("predict", stream)
    assert set(batch) == {"image", key}
    for images, labels, split in (
        (batch["image"], batch[key], "judge"),
        (held_out.inputs["image"], held_out.labels[key], "judge-test"),
    ):
        people = who(images)
        assert {person.split for person in people} == {split}
        if key == "expression":
            expected = [SHOWN.index(person.of) for person in people]
        else:
            expected = [known(person)[("hair", "gender", "age").index(key)] for person in people]
        assert labels.tolist() == expected
    (measure,) = task.measures("predict", stream)
    assert (measure.metric, measure.request, measure.label) == ("classification_error", "judge-test", key)
    assert task.measures("translate", stream) == []


def test_rows_of_one_set_prepare_the_other_only_to_cross_over(make, calls):
    for data, foreign in ((FACES, set()), (EXPRESSION, {("snapshot", "test")})):
        calls.clear()
        make(data=data)
        assert set(calls) == {(KIND[data[0]], part) for part in ("train", "test", "reference")} | foreign
