"""What every task promises: what a stage depends on and prepares, who sees whom, what is measured, what is refused."""

import pytest
import torch
from pydantic import ValidationError

from retable.datasets.attributes.task import Attributes
from retable.datasets.cartoon_groups.task import CartoonGroups
from retable.datasets.digits.task import Digits
from retable.datasets.errors import DataError
from retable.datasets.task import TaskSettings
from retable.datasets.ten_shot.settings import POOL
from retable.datasets.ten_shot.task import TenShot
from tests.datasets.made_up import BOTH, EXPRESSION, FACES, SMALL, who

every_task = pytest.mark.parametrize("task", SMALL)
every_row = pytest.mark.parametrize(
    ("task", "settings"),
    [
        (Digits, {}),
        (Digits, {"adaptation": True, "n_train_request": 15}),
        (CartoonGroups, {}),
        *((Attributes, {"data": data}) for data in (BOTH, FACES, EXPRESSION)),
        (TenShot, {}),
    ],
)


def kind_of(task):
    return "sample" if task.name == "ten-shot" else "translate"


def rows_of(task):
    """The streams of rows."""
    first, *others = task.stages
    return [first, *(stream for stream in others if task.stages[stream] == task.stages[first])]


# Stages.

CHANGES = {
    Digits: {
        "n_source": 5, "n_f": 5, "n_test": 5, "n_train_request": 5, "n_compared": 5, "without_s": (3,),
        "without_t": (3,), "without_f": (3,), "adaptation": True,
    },
    CartoonGroups: {
        "size": 32, "n_photos": (9,) * 4, "n_cartoons": (9,) * 4, "n_test": 9, "n_judge": 9, "n_identities": 9,
        "n_shots": 2, "n_pairs": 16,
    },
    Attributes: {
        "size": 32, "data": ("faces",), "targets": ("sad",), "n_faces": 9, "n_people": 9, "n_test": 9, "n_judge": 9,
        "n_judge_people": 9,
    },
    TenShot: {
        "size": 32, "shots": 5, "n_reference": 9, "n_samples": 9, "n_compared": 9, "n_paths": 9, "n_strips": 2,
        "strip_points": 9, "n_source": 8,
    },
}  # fmt: skip
"""Task -> another value of each of its own settings."""
FACE_JUDGE = {"size", "n_test", "n_judge"}
STAGES = [
    (Digits, "f", {"n_f", "n_test", "without_f"}, {("digit", "extra"), ("digit", "test")}),
    (Digits, "judge-mnist", set(), set()),
    (
        *(CartoonGroups, "identities", {"size", "n_identities", "n_shots", "n_pairs"}),
        {("photo", "identities"), ("photo", "pairs")},
    ),
    (CartoonGroups, "judge-cartoon", FACE_JUDGE, {("cartoon", "judge"), ("cartoon", "judge-test")}),
    (CartoonGroups, "judge-photo", FACE_JUDGE, {("photo", "judge"), ("photo", "judge-test")}),
    *(
        (Attributes, f"judge-{key}", FACE_JUDGE, {("snapshot", "judge"), ("snapshot", "judge-test")})
        for key in ("hair", "gender", "age")
    ),
    (
        *(Attributes, "judge-expression", {"size", "n_test", "targets", "n_judge_people"}),
        {("sitting", "judge"), ("sitting", "judge-test")},
    ),
    (
        *(TenShot, "fresh", {*CHANGES[TenShot], "split"}),
        {("cartoon", "fresh"), ("cartoon", "shots"), ("cartoon", "reference")},
    ),
    (TenShot, "source-near", {"size", "n_source"}, {("photo", "source-near"), ("photo", "source-near-test")}),
    (TenShot, "source-far", {"size", "n_source"}, {("digit", "source-far"), ("digit", "source-far-test")}),
]
"""Task, stage, the settings that it depends on, and the kinds and splits of the pictures that it needs."""


@pytest.mark.parametrize(("task", "stream", "matter", "_"), STAGES)
def test_rows_share_a_stage_exactly_when_its_data_are_the_same(task, stream, matter, _):
    plain = task.settings_for(task.Settings(), stream)
    assert plain.stream == stream
    assert task.settings_for(plain, stream) == plain
    for name, value in {**CHANGES[task], "split": "validation", "data_dir": "x"}.items():
        changed = task.Settings(**{"source": "standin", name: value})
        assert (task.settings_for(changed, stream) != plain) == (name in matter | {"data_dir"}), name
    row = task.settings_for(plain, rows_of(task)[0])
    assert row == task.Settings(), "a stage's settings can be widened to a row's again"


@every_task
def test_rows_depend_on_every_setting(task):
    assert {stage[:2] for stage in STAGES if stage[0] is task} == {
        (task, stream) for stream in task.stages if stream not in rows_of(task)
    }
    own = set(task.Settings.model_fields) - {"source", "data_dir", "stream", "split"}
    assert own - {"data", "flower"} <= set(CHANGES[task]) <= own, "every setting is tried"
    for stream in rows_of(task):
        for name, value in CHANGES[task].items():
            changed = task.Settings(**{name: value})
            assert task.settings_for(changed, stream) == changed


@every_task
def test_an_unknown_stream_and_the_settings_of_another_task_are_refused(task):
    known = next(iter(task.stages))
    with pytest.raises(DataError, match=rf"task {task.name} has no stream '{known}x' \(did you mean .*it has {known}"):
        task.settings_for(task.Settings(), f"{known}x")
    with pytest.raises(TypeError, match="got TaskSettings"):
        task.settings_for(TaskSettings(), known)


@pytest.mark.parametrize(("task", "stream", "_", "needed"), STAGES)
def test_a_stage_prepares_what_it_needs_alone_and_shows_what_its_row_would(make, calls, task, stream, _, needed):
    settings = {"without_s": (3,), "without_f": (4,)} if task is Digits else {}
    row = make(task, **settings)
    calls.clear()
    stage = make(task, stream, **settings)
    assert set(calls) == needed
    ours, theirs = row.batch(stream, 2, 9, 0), stage.batch(stream, 2, 9, 0)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


# Rows.


@every_row
def test_a_prepared_row_draws_nothing_more_and_all_that_it_is_asked_is_measured(make, calls, task, settings):
    row = make(task, **settings)
    calls.clear()
    asked = []
    for stream in rows_of(task):
        row.batch(stream, 0, 8, 0)
        row.previews(kind_of(task), stream)
        asked.append([request.name for request in row.requests(kind_of(task), stream)])
        measures = row.measures(kind_of(task), stream)
        assert {measure.request for measure in measures} == set(asked[-1])
        assert len(set(measures)) == len(measures)
        for name in {name for measure in measures for name in (measure.reference, measure.yardstick)} - {None}:
            assert len(row.reference(name)) > 1
    assert calls == []
    known = dict(zip(rows_of(task), asked, strict=True))
    assert set(known.pop("truth", ())) <= set(asked[0]), "a reference row shows the truth where there is any"
    assert all(names == asked[0] for names in known.values())


@every_task
def test_rows_classify_nothing_and_stages_translate_nothing(make, task):
    row = make(task)
    assert row.requests("predict", rows_of(task)[0]) == row.measures("predict", rows_of(task)[0]) == []
    assert row.previews("predict", rows_of(task)[0]) == []
    for stream in set(task.stages) - set(rows_of(task)):
        assert row.requests("sample" if task is Digits else "translate", stream) == []


def people_in(images):
    """Everybody in the pictures; a cartoon and its portrait show one person."""
    return {(w.split, w.person, w.of if w.kind in ("cartoon", "photo") else w.kind) for w in who(images)}


@pytest.mark.parametrize("task", [CartoonGroups, Attributes])
def test_nobody_whom_a_method_sees_is_known_to_a_test_a_reference_or_a_judge(make, task):
    made = make(task)
    learnt, held_out = {}, set()
    for stream in task.stages:
        images = [i for step in range(40) for i in made.batch(stream, step, 8, 0).values() if i.ndim == 4]
        learnt.setdefault(task.stages[stream].split("-")[0], set()).update(*map(people_in, images))
        held_out.update(*(people_in(r.inputs["image"]) for r in made.requests("predict", stream)))
    tests = [r for r in made.requests("translate", rows_of(task)[0]) if r.name != "train"]
    names = {m.reference for m in made.measures("translate", rows_of(task)[0])} - {None}
    parts = [
        *learnt.values(),
        held_out,
        set().union(*(people_in(request.inputs["image"]) for request in tests)),
        set().union(*(people_in(made.reference(name).inputs["image"]) for name in names)),
    ]
    assert all(parts)
    assert sum(map(len, parts)) == len(set().union(*parts))


GROUPS = ("woman", "man", "kids", "old")
PARTS = ("train", "test", "reference")


@pytest.mark.parametrize(
    ("task", "change", "names", "changed"),
    [
        (Digits, {"n_source": 41}, {"mnist", "street-s", "street-test"}, {"street-s"}),
        (
            *(CartoonGroups, {"n_photos": (31, 5, 4, 3)}),
            {f"{part}-{domain}-{g}" for part in PARTS for domain in ("photo", "cartoon") for g in GROUPS}
            | {f"truth-cartoon-{group}" for group in GROUPS},
            {"train-photo-woman"},
        ),
        (
            *(Attributes, {"n_faces": 37}),
            {f"{part}-{of}" for part in PARTS for of in BOTH} | {"test-faces-hair-1", "test-faces-hair-2"},
            {"train-faces"},
        ),
        (TenShot, {"n_reference": 22}, {"shots", "reference"}, {"reference"}),
    ],
)
def test_digests_name_every_set_of_images_and_tell_which_changed(make, task, change, names, changed):
    one, other = make(task).digests(), make(task, **change).digests()
    assert set(one) == names
    assert {name for name in one if one[name] != other[name]} == changed


# What is refused.


@pytest.mark.parametrize(
    ("task", "name", "words"),
    [
        (Digits, "mnits", "no reference images 'mnits'; it has mnist-test"),
        (CartoonGroups, "cartons", "no reference images 'cartons'; it has cartoons"),
        (Attributes, "face", "no reference images 'face'; it has expressions, faces"),
        (TenShot, "refs", "no reference images 'refs'; it has reference"),
    ],
)
def test_unknown_reference_images_are_named_with_those_there_are(make, task, name, words):
    with pytest.raises(DataError, match=words):
        make(task).reference(name)


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        *((Digits, {name: (10,)}, "digits are 0 to 9") for name in ("without_s", "without_f")),
        (Digits, {"without_t": tuple(range(9))}, "at least two digits must remain"),
        (Digits, {"n_test": 0}, "the stand-in has no end"),
        (Digits, {"n_tset": 5}, "n_tset"),
        (CartoonGroups, {"n_photos": (9, 9, 9, 1)}, "n_photos"),
        (CartoonGroups, {"n_pairs": 20}, "multiple of 8"),
        (Attributes, {"data": ()}, "name some of faces, expressions"),
        (Attributes, {"data": ("faces", "faces")}, "each once"),
        (Attributes, {"targets": ("neutral",)}, "'neutral' is none of happy"),
        (TenShot, {"size": 48}, "48 is not a power of two"),
        *((TenShot, {name: 3}, f"{name}\n.*greater than or equal to 4") for name in ("n_reference", "n_samples")),
        (TenShot, {"data": "flowers"}, "needs source=real"),
        (TenShot, {"source": "real", "flower": 3}, "flower=3 needs data=flowers"),
        (TenShot, {"shots": POOL + 1}, f"draws them from {POOL} people"),
    ],
)
def test_impossible_settings_are_refused(task, settings, words):
    with pytest.raises(ValidationError, match=words):
        task.Settings(**settings)


@pytest.mark.parametrize(
    ("task", "data", "wanted", "words"),
    [
        (Digits, None, {"group": "kids"}, "task digits knows no 'group'"),
        (CartoonGroups, None, {}, "needs the group of the faces: woman, man, kids or old"),
        (
            *(CartoonGroups, None, {"group": "kid"}),
            r"group='kid' is not woman, man, kids or old \(did you mean 'kids'\?\)",
        ),
        (CartoonGroups, None, {"group": "Old"}, "did you mean 'old'"),
        (CartoonGroups, None, {"group": "old", "to": "cartoons"}, r"is not photo or cartoon \(did you mean 'cartoon'"),
        (CartoonGroups, None, {"group": "old", "hair": "red"}, "knows no 'hair'; it takes group and to"),
        (
            *(Attributes, BOTH, {}),
            r"what to change: one or more of hair=black\|blond\|brown, gender=female\|male, age=old\|young, expression",
        ),
        (Attributes, FACES, {}, r"age=old\|young$"),
        (Attributes, BOTH, {"hair": "blonde"}, r"='blonde' is not black, blond or brown \(did you mean 'blond'\?\)"),
        (Attributes, BOTH, {"hiar": "blond"}, r"knows no 'hiar' \(did you mean 'hair'\?\)"),
        (Attributes, BOTH, {"expression": "sad"}, r"expression='sad' is not neutral, happy or angry"),
        (Attributes, FACES, {"expression": "happy"}, "trained on faces knows no 'expression'; it takes hair"),
        (Attributes, EXPRESSION, {"hair": "blond"}, "trained on expressions knows no 'hair'; it takes expression"),
        (TenShot, None, {}, "retable sample"),
    ],
)
def test_what_a_user_cannot_ask_is_said_with_the_choices(tmp_path, task, data, wanted, words):
    settings = SMALL[task] | ({"data": data} if data else {})
    with pytest.raises(DataError, match=words):
        task(task.Settings(**settings), tmp_path).ask(torch.zeros(1, 3, 16, 16), wanted)


@pytest.mark.parametrize("task", [CartoonGroups, Attributes, TenShot])
def test_the_real_source_needs_a_folder_and_the_stand_in_refuses_one(make, tmp_path, task):
    unprepared = task(task.Settings(source="real"), tmp_path)
    assert unprepared.measures(kind_of(task), rows_of(task)[0])
    with pytest.raises(DataError, match=rf"task {task.name} with source real needs data_dir, the folder that holds"):
        unprepared.prepare()
    with pytest.raises(DataError, match=r"data_dir=x would not be read.*task.source=real"):
        make(task, data_dir="x")
    with pytest.raises(DataError, match="nowhere: no such folder"):
        make(task, source="real", data_dir=str(tmp_path / "nowhere"))
