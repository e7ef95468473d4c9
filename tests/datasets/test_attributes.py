"""What methods and judges of the task ``attributes`` are shown."""

import pytest
import torch
from pydantic import ValidationError

from retable.datasets.attributes.settings import JUDGES, ROWS, AttributesSettings
from retable.datasets.attributes.task import Attributes
from retable.datasets.errors import DataError
from retable.datasets.standins.faces.labelled_people import AGES, GENDERS, HAIR
from retable.datasets.standins.faces.people import EXPRESSIONS
from tests.datasets.attributes_factory import (
    BOTH,
    DATA,
    EXPRESSION,
    FACES,
    SHOWN,
    SMALL,
    bits,
    known,
    made_up_sets,
    prepared,
    requests,
    who,
)


@pytest.fixture
def calls(monkeypatch):
    return made_up_sets(monkeypatch)


@pytest.fixture
def make(calls, tmp_path):
    return lambda **settings: prepared(tmp_path, **settings)


def images_of(batch):
    return {key: value for key, value in batch.items() if value.ndim == 4}


# What a method may know.


def test_sets_are_the_channels_in_their_order_and_the_judges_words_are_always_there(tmp_path):
    for data in DATA:
        info = Attributes(AttributesSettings(**SMALL, data=data[::-1]), tmp_path).info()
        assert list(info.channels.items()) == [(name, 3) for name in data]
        assert {"faces", "expressions"} & set(info.classes) == set(data)
        assert info.classes["expression"] == SHOWN
        assert [info.classes[key] for key in ("hair", "gender", "age")] == [HAIR, GENDERS, AGES]
        assert info.classes["hair.age"] == (
            "black old",
            "black young",
            "blond old",
            "blond young",
            "brown old",
            "brown young",
        )
        assert info.classes["hair.gender.age"][:3] == ("black female old", "black female young", "black male old")
        assert set(info.classes) >= {"targets", "pairs", "age", "hair.gender", "gender.age"}


def test_targets_and_pairs_are_those_of_the_sets_faces_first(tmp_path):
    faces, pairs = (
        ("black", "blond", "brown", "male", "female", "young", "old"),
        ("black", "blond", "brown", "male", "young"),
    )
    for data, targets, two in (
        (BOTH, (*faces, "happy", "angry"), (*pairs, "happy", "angry")),
        (FACES, faces, pairs),
        (EXPRESSION, ("happy", "angry"), ("happy", "angry")),
    ):
        info = Attributes(AttributesSettings(**SMALL, data=data), tmp_path).info()
        assert (info.classes["targets"], info.classes["pairs"]) == (targets, two)


def test_the_default_is_all_seven_targets_of_both_sets_at_the_papers_size():
    settings = AttributesSettings()
    assert settings.size == 128
    assert settings.data == BOTH
    assert settings.expressions == tuple(EXPRESSIONS)
    assert [AttributesSettings(data=data).variant for data in DATA] == ["", "faces", "expressions"]
    assert AttributesSettings(targets=("sad", "happy")).targets == ("happy", "sad")


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": ()},
        {"data": ("faces", "faces")},
        {"data": ("photos",)},
        {"targets": ()},
        {"targets": ("neutral",)},
        {"targets": ("merry",)},
        {"targets": ("sad", "sad")},
        {"size": 15},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        AttributesSettings(**wrong)


# Batches.


@pytest.mark.parametrize("data", DATA)
def test_a_training_batch_holds_every_set_with_its_own_labels(make, data):
    batch = make(data=data).batch("train", 1, 9, 0)
    assert set(batch) == {f"{name}.{what}" for name in data for what in ("image", "label")}
    for name in data:
        image, label = batch[f"{name}.image"], batch[f"{name}.label"]
        assert image.shape == (9, 3, 16, 16)
        assert image.dtype == torch.float32
        assert -1 <= image.min() <= image.max() <= 1
        assert label.dtype == torch.int64
        assert {person[:2] for person in who(image)} == {(name, "train")}
        if name == "faces":
            assert label.tolist() == [bits(*known(person)) for person in who(image)]
        else:
            assert label.tolist() == [SHOWN.index(person[3]) for person in who(image)]


def test_an_epoch_shows_every_image_of_a_set_once(make):
    task = make()
    for name, total in (("faces", 36), ("expressions", 21)):
        shown = [person for step in range(total) for person in who(task.batch("train", step, 2, 0)[f"{name}.image"])]
        assert all(shown.count(person) == 2 for person in shown)
        assert len(set(shown)) == total


@pytest.mark.parametrize("data", DATA)
def test_targets_take_turns_and_their_sources_lack_them(make, data):
    task = make(data=data)
    names = task.info().classes["targets"]
    for step in range(2 * len(names)):
        batch = task.batch("targets", step, 5, 0)
        assert batch["which"].tolist() == [step % len(names)] * 5
        name = names[step % len(names)]
        for key, has in (("source", False), ("target", True)):
            for person in who(batch[key]):
                assert person[1] == "train"
                if name in SHOWN:
                    assert person[3] == (name if has else "neutral")
                else:
                    hair, gender, age = known(person)
                    assert (name in (HAIR[hair], GENDERS[gender], AGES[age])) == has


@pytest.mark.parametrize("data", DATA)
def test_in_pairs_a_lacks_what_b_has(make, data):
    task = make(data=data)
    names = task.info().classes["pairs"]
    for step in range(2 * len(names)):
        batch = task.batch("pairs", step, 5, 0)
        assert set(batch) == {"a", "b", "which"}
        assert batch["which"].tolist() == [step % len(names)] * 5
        name = names[step % len(names)]
        for key, has in (("a", False), ("b", True)):
            for person in who(batch[key]):
                if name in SHOWN:
                    assert person[3] == (name if has else "neutral")
                else:
                    bit = ("black", "blond", "brown", "male", "young").index(name)
                    assert bits(*known(person))[bit] == has


def test_every_image_of_a_side_has_its_turn(make):
    task = make()
    turns = len(task.info().classes["targets"])
    shown = {person for turn in range(6) for person in who(task.batch("targets", turn * turns, 2, 0)["target"])}
    assert len(shown) == 12
    assert {known(person)[0] for person in shown} == {0}


def test_a_target_that_no_image_has_is_named(make):
    # One snapshot has one colour of hair at most.
    task = make(n_faces=2)
    have = {known(("faces", "train", i, 0))[0] for i in range(2)}
    missing = next(i for i in range(3) if i not in have)
    with pytest.raises(DataError, match=f"no training image of faces with '{HAIR[missing]}'"):
        task.batch("targets", missing, 4, 0)


# Judges.


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
        for person, label in zip(who(images), labels.tolist(), strict=True):
            assert person[1] == split
            if key == "expression":
                assert person[3] == SHOWN[label]
            else:
                assert known(person)[("hair", "gender", "age").index(key)] == label
    (measure,) = task.measures("predict", stream)
    assert (measure.metric, measure.request, measure.label) == ("classification_error", "judge-test", key)
    assert task.requests("translate", stream) == task.measures("translate", stream) == []


def test_judges_and_rows_prepare_what_they_need_and_nothing_else(make, calls, tmp_path):
    row = make()
    for stream, key in JUDGES.items():
        calls.clear()
        stage = Attributes(Attributes.settings_for(row.settings, stream), tmp_path)
        stage.prepare()
        of = "expressions" if key == "expression" else "faces"
        assert {call[:2] for call in calls} == {(of, "judge"), (of, "judge-test")}
        ours, theirs = row.batch(stream, 2, 9, 0), stage.batch(stream, 2, 9, 0)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    for data, foreign in ((FACES, set()), (EXPRESSION, {("faces", "test")})):
        calls.clear()
        task = make(data=data)
        own = {(data[0], part) for part in ("train", "test", "reference")}
        assert {call[:2] for call in calls} == own | foreign
        calls.clear()
        for stream in ROWS:
            task.batch(stream, 0, 4, 0)
        task.requests("translate", "train")
        task.previews("translate", "train")
        for measure in task.measures("translate", "train"):
            if measure.reference is not None:
                task.reference(measure.reference)
        assert calls == []


def test_nobody_is_in_two_parts(make):
    task = make()
    rows = {
        p[:3]
        for stream in ROWS
        for step in range(40)
        for i in images_of(task.batch(stream, step, 8, 0)).values()
        for p in who(i)
    }
    tests = {person[:3] for request in requests(task).values() for person in who(request.inputs["image"])}
    references = {person[:3] for name in BOTH for person in who(task.reference(name).inputs["image"])}
    judges = {p[:3] for stream in JUDGES for step in range(10) for p in who(task.batch(stream, step, 8, 0)["image"])}
    held_out = {p[:3] for stream in JUDGES for r in task.requests("predict", stream) for p in who(r.inputs["image"])}
    parts = [rows, tests, references, judges, held_out]
    assert all(parts)
    assert sum(map(len, parts)) == len(set().union(*parts))
