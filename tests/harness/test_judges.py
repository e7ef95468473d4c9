"""Judges joined by dots: which roles they stand for, how they answer together, and who may judge what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.dummy import DummySettings, Squares, SquaresSettings
from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.plan.registry import roles_of
from retable.benchmarks.run.answers import Answers, Judges, joint_logits, score_task
from retable.benchmarks.run.build import WEIGHTS, build_method, build_task
from retable.benchmarks.run.checkpoint import digest_of, save_weights
from retable.datasets.task import Kind, Measure, Request, TaskInfo, TaskSettings
from retable.methods.method import Info, Method, MethodSettings
from retable.reports.records.cell import Cell
from tests.harness.conftest import refused, register, row

ROLES = ("hair", "gender", "age")
SHADES, PLACES = 2, 3


class BrightSettings(SquaresSettings):
    """Two settings that no dummy task has."""

    size: int = 8
    keep_size: bool = True


class Bright(Squares):
    """The dummy task with three judges, one of which nothing asks for; a stage may forget the size."""

    name = "bright"
    Settings = BrightSettings
    judges: ClassVar = {"shade": "test/shade", "unused": "test/shade", "place": "test/place"}
    settings: BrightSettings

    @classmethod
    def settings_for(cls, settings: TaskSettings, stream: str) -> TaskSettings:
        assert isinstance(settings, BrightSettings)
        return settings if stream == "train" or settings.keep_size else BrightSettings(keep_size=False)

    def info(self) -> TaskInfo:
        return TaskInfo(self.settings.size, {"s": 1, "t": 1}, {"shade": ("dark", "light"), "place": ("a", "b", "c")})

    def requests(self, kind: Kind, stream: str) -> list[Request]:
        labels = {"shade.place": torch.arange(12) % 6, "place": torch.arange(12) % 3}
        return [Request("test", "translate", {"image": torch.rand(12, 1, 8, 8)}, labels)]

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        judges = ("shade.place", "place") if kind == "translate" else ()
        return [Measure("classification_error", "test", judge=judge, label=judge) for judge in judges]


class Shade(Method):
    """Answers with the mean of the image and its negative."""

    Settings = DummySettings
    title, task, kind, stream = "Shade", "bright", "predict", "judge-shade"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.network = nn.Linear(1, SHADES)

    def predict(self, inputs: Mapping[str, Tensor]) -> Tensor:
        out: Tensor = self.network(inputs["image"].mean((1, 2, 3))[:, None])
        return out


class Place(Shade):
    """The same with three classes."""

    stream = "judge-place"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.network = nn.Linear(1, PLACES)


@pytest.fixture(autouse=True)
def bright(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up task and its judges, registered."""
    register(monkeypatch, {"test/shade": Shade, "test/place": Place}, Bright)


def judged(cell: Cell, root: Path) -> Judges:
    """The cell's judges, with saved weights."""
    task = build_task(cell, root)
    for judge in cell.judges.values():
        judge.directory(root).mkdir(parents=True)
        save_weights(judge.directory(root) / WEIGHTS, build_method(judge, task, root).networks(), cell=judge.to_json())
    return Judges(cell, task, Fabric(accelerator="cpu", devices=1), root)


def test_a_name_is_a_role_or_roles_joined_by_dots_in_its_own_order() -> None:
    assert roles_of("hair", ROLES, "task 't'") == ("hair",)
    assert roles_of("age.hair", ROLES, "task 't'") == ("age", "hair")
    assert roles_of("old.hair", (*ROLES, "old.hair"), "task 't'") == ("old.hair",)


@pytest.mark.parametrize(
    ("judge", "words"),
    [
        ("hiar", ["task 't'", "'hiar'", "does not declare", "'hair'"]),
        ("hair.gendre", ["'gendre'", "'hair.gendre'", "'gender'"]),
        ("hair.", ["''", "'hair.'", "hair, gender, age"]),
        ("hair.hair", ["'hair' twice"]),
    ],
)
def test_a_name_that_is_made_of_anything_else_is_refused(judge: str, words: list[str]) -> None:
    with refused(*words):
        roles_of(judge, ROLES, "task 't'")


def test_joint_logits_are_log_probabilities_with_the_first_class_slowest() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(5, n, generator=generator) for n in (3, 2, 2)]
    joint = joint_logits(parts)
    assert joint.shape == (5, 12)
    torch.testing.assert_close(joint.exp().sum(1), torch.ones(5))
    hair, gender, age = (part.softmax(1) for part in parts)
    for i, j, k in ((0, 1, 0), (2, 0, 1), (1, 1, 1)):
        torch.testing.assert_close(joint[:, (i * 2 + j) * 2 + k].exp(), hair[:, i] * gender[:, j] * age[:, k])


def test_judges_joined_by_dots_answer_as_one_whose_digest_and_name_are_made_of_theirs(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    (cell,) = plan_of(row("dummy/dummy", task="bright")).rows
    assert [(role, judge.method) for role, judge in cell.judges.items()] == [
        ("shade", "test/shade"),
        ("place", "test/place"),
    ]
    judges, images = judged(cell, tmp_path), torch.rand(7, 1, 8, 8)
    shade, place, both, turned = map(judges.get, ("shade", "place", "shade.place", "place.shade"))
    expected = shade.logits(images).softmax(1)[:, :, None] * place.logits(images).softmax(1)[:, None, :]
    torch.testing.assert_close(both.logits(images).softmax(1), expected.reshape(7, 6))
    assert shade.digest == digest_of(cell.judges["shade"].directory(tmp_path) / WEIGHTS)
    assert len({judge.digest for judge in (shade, place, both, turned)}) == 4

    task = build_task(cell, tmp_path)
    method = build_method(cell, task, tmp_path)
    method.g.weight.data.fill_(0.1)
    scores = list(score_task(cell, Answers(method, Fabric(accelerator="cpu", devices=1)), task, tmp_path))
    assert {(score.name, score.protocol.extractor) for score in scores} == {
        ("classification_error.shade.place", "judge:shade.place"),
        ("classification_error.place", "judge:place"),
    }


def test_a_judge_of_images_of_another_size_is_refused(plan_of: Callable[..., Plan], tmp_path: Path) -> None:
    (fits,) = plan_of(row("dummy/dummy", task="bright", task_size=16)).rows
    assert judged(fits, tmp_path).get("shade").logits(torch.zeros(2, 1, 16, 16)).shape == (2, SHADES)
    (cell,) = plan_of(row("dummy/dummy", task="bright", task_size=16, task_keep_size=False)).rows
    with pytest.raises(UserError, match=r"test/shade/bright/s0 was trained on images of 8 pixels and cannot judge 16"):
        judged(cell, tmp_path).get("shade.place")
