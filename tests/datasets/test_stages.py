"""Rows share a stage exactly when the stage's data are the same: which settings each stage of each task depends on."""

import pytest

from retable.datasets.attributes.task import Attributes
from retable.datasets.cartoon_groups.task import CartoonGroups
from retable.datasets.digits.task import Digits
from retable.datasets.errors import DataError
from retable.datasets.task import TaskSettings
from retable.datasets.ten_shot.task import TenShot

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
DEPENDS = [
    (Digits, "f", {"n_f", "n_test", "without_f"}),
    (Digits, "judge-mnist", set()),
    (CartoonGroups, "identities", {"size", "n_identities", "n_shots", "n_pairs"}),
    (CartoonGroups, "judge-cartoon", FACE_JUDGE),
    (CartoonGroups, "judge-photo", FACE_JUDGE),
    (Attributes, "judge-hair", FACE_JUDGE),
    (Attributes, "judge-gender", FACE_JUDGE),
    (Attributes, "judge-age", FACE_JUDGE),
    (Attributes, "judge-expression", {"size", "n_test", "targets", "n_judge_people"}),
    (TenShot, "source-near", {"size", "n_source"}),
    (TenShot, "source-far", {"size", "n_source"}),
]
ROWS = [(task, stream) for task in CHANGES for stream in task.stages if (task, stream) not in [d[:2] for d in DEPENDS]]


@pytest.mark.parametrize(("task", "stream", "matter"), DEPENDS)
def test_rows_share_a_stage_exactly_when_its_data_are_the_same(task, stream, matter):
    plain = task.settings_for(task.Settings(), stream)
    assert plain.stream == stream
    assert task.settings_for(plain, stream) == plain
    for name, value in {**CHANGES[task], "data_dir": "x"}.items():
        changed = task.Settings(**{"source": "standin", name: value})
        assert (task.settings_for(changed, stream) != plain) == (name in matter | {"data_dir"}), name


@pytest.mark.parametrize(("task", "stream"), ROWS)
def test_rows_depend_on_everything(task, stream):
    for name, value in CHANGES[task].items():
        changed = task.Settings(**{name: value})
        assert task.settings_for(changed, stream) == changed
    back = task.settings_for(
        task.settings_for(task.Settings(), DEPENDS[[d[0] for d in DEPENDS].index(task)][1]), stream
    )
    assert back == task.Settings(), "a stage's settings can be widened to a row's again"


@pytest.mark.parametrize("task", CHANGES)
def test_every_setting_is_tried(task):
    own = set(task.Settings.model_fields) - {"source", "data_dir", "stream"}
    assert own - {"data", "flower"} <= set(CHANGES[task]) <= own


@pytest.mark.parametrize("task", CHANGES)
def test_an_unknown_stream_and_the_settings_of_another_task_are_refused(task):
    known = next(iter(task.stages))
    with pytest.raises(DataError, match=rf"task {task.name} has no stream '{known}x' \(did you mean .*it has {known}"):
        task.settings_for(task.Settings(), f"{known}x")
    with pytest.raises(TypeError, match="got TaskSettings"):
        task.settings_for(TaskSettings(), known)
