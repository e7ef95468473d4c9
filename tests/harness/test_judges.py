"""Judges joined by dots: which roles they stand for, how they answer together, and who may judge what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from retable.benchmarks.errors import UserError
from retable.benchmarks.plan import registry
from retable.benchmarks.plan.dummy import ROWS, TASKS, Squares, SquaresSettings
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.registry import roles_of
from retable.benchmarks.plan.suites import load_suite
from retable.benchmarks.run.answers import Answers, Judges, joint_logits, score_task
from retable.benchmarks.run.build import WEIGHTS, build_method, build_task
from retable.benchmarks.run.checkpoint import digest_of, save_weights
from retable.datasets.task import Kind, Measure, Request, TaskInfo, TaskSettings
from retable.methods.method import Info, Method, MethodSettings
from retable.methods.rows import Row
from retable.reports.records.cell import Cell
from tests.harness.conftest import DUMMY_ROW, write_suite

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
    asked: ClassVar[tuple[str, ...]] = ("shade.place", "place")

    @classmethod
    def settings_for(cls, settings: TaskSettings, stream: str) -> TaskSettings:
        assert isinstance(settings, BrightSettings)
        return settings if stream == "train" or settings.keep_size else BrightSettings(keep_size=False)

    def info(self) -> TaskInfo:
        classes = {
            "shade": ("dark", "light"),
            "place": ("a", "b", "c"),
            "shade.place": ("da", "db", "dc", "la", "lb", "lc"),
        }
        return TaskInfo(self.settings.size, {"s": 1, "t": 1}, classes)

    def requests(self, kind: Kind, stream: str) -> list[Request]:
        labels = {"shade.place": torch.arange(12) % 6, "place": torch.arange(12) % 3}
        return [Request("test", "translate", {"image": torch.rand(12, 1, 8, 8)}, labels)] if kind == "translate" else []

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        if kind != "translate":
            return []
        return [Measure("classification_error", "test", judge=judge, label=judge) for judge in self.asked]


class FixedSettings(MethodSettings):
    """No training."""

    steps: int = 0


class Shade(Method):
    """Answers with the mean of the image and its negative."""

    Settings = FixedSettings
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


@pytest.fixture
def bright(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up task and its judges, registered."""
    here = __name__
    ours = {**ROWS, "test/shade": Row(f"{here}:Shade"), "test/place": Row(f"{here}:Place")}
    monkeypatch.setattr(registry, "rows", lambda: ours)
    monkeypatch.setattr(registry, "tasks", lambda: {**TASKS, "bright": f"{here}:Bright"})


def planned(folder: Path, words: str = "") -> Cell:
    rows = DUMMY_ROW.replace('"dummy"', '"bright"') + words
    return make_plan(load_suite(str(write_suite(folder, rows)))).rows[0]


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
    with pytest.raises(UserError) as caught:
        roles_of(judge, ROLES, "task 't'")
    for word in words:
        assert word in str(caught.value)


def test_joint_logits_are_log_probabilities_with_the_first_class_slowest() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(5, n, generator=generator) for n in (3, 2, 2)]
    joint = joint_logits(parts)
    assert joint.shape == (5, 12)
    torch.testing.assert_close(joint.exp().sum(1), torch.ones(5))
    hair, gender, age = (part.softmax(1) for part in parts)
    for i, j, k in ((0, 1, 0), (2, 0, 1), (1, 1, 1)):
        torch.testing.assert_close(joint[:, (i * 2 + j) * 2 + k].exp(), hair[:, i] * gender[:, j] * age[:, k])


@pytest.mark.usefixtures("bright")
def test_the_plan_trains_every_judge_that_a_joined_name_needs_once_and_no_other(tmp_path: Path) -> None:
    cell = planned(tmp_path)
    assert {role: judge.method for role, judge in cell.judges.items()} == {"shade": "test/shade", "place": "test/place"}
    assert list(cell.judges) == ["shade", "place"]


@pytest.mark.usefixtures("bright")
def test_judges_joined_by_dots_answer_as_one_whose_digest_is_made_of_theirs(tmp_path: Path) -> None:
    cell = planned(tmp_path)
    judges, images = judged(cell, tmp_path), torch.rand(7, 1, 8, 8)
    shade, place, both, turned = map(judges.get, ("shade", "place", "shade.place", "place.shade"))
    expected = shade.logits(images).softmax(1)[:, :, None] * place.logits(images).softmax(1)[:, None, :]
    torch.testing.assert_close(both.logits(images).softmax(1), expected.reshape(7, 6))
    assert shade.digest == digest_of(cell.judges["shade"].directory(tmp_path) / WEIGHTS)
    assert len({judge.digest for judge in (shade, place, both, turned)}) == 4


@pytest.mark.usefixtures("bright")
def test_scores_carry_the_joined_name(tmp_path: Path) -> None:
    cell = planned(tmp_path)
    judged(cell, tmp_path)
    task = build_task(cell, tmp_path)
    fabric = Fabric(accelerator="cpu", devices=1)
    method = build_method(cell, task, tmp_path)
    method.g.weight.data.fill_(0.1)
    scores = list(score_task(cell, Answers(method, fabric), task, tmp_path))
    assert {score.name for score in scores} == {"classification_error.shade.place", "classification_error.place"}
    assert {score.protocol.extractor for score in scores} == {"judge:shade.place", "judge:place"}


@pytest.mark.usefixtures("bright")
def test_a_judge_of_images_of_another_size_is_refused(tmp_path: Path) -> None:
    fits = planned(tmp_path, 'set = { "task.size" = 16 }\n')
    assert judged(fits, tmp_path).get("shade").logits(torch.zeros(2, 1, 16, 16)).shape == (2, SHADES)
    cell = planned(tmp_path, 'set = { "task.size" = 16, "task.keep_size" = false }\n')
    with pytest.raises(UserError, match=r"test/shade/bright/s0 was trained on images of 8 pixels and cannot judge 16"):
        judged(cell, tmp_path).get("shade.place")


class Halved(Shade):
    """Translates an image into half of it plus the wanted shift."""

    kind = "translate"

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return inputs["image"] / 2 + inputs["shift"][:, None, None, None]


def test_a_request_with_then_is_asked_twice_about_its_own_answer() -> None:
    method = Halved(FixedSettings(), TaskInfo(8, {"s": 1}))
    answers = Answers(method, Fabric(accelerator="cpu", devices=1))
    images, shift = torch.rand(300, 1, 8, 8), torch.linspace(-0.2, 0.2, 300)
    once = answers.to(Request("a", "translate", {"image": images, "shift": shift}))
    twice = answers.to(Request("a", "translate", {"image": images, "shift": shift}, then={"shift": -shift}))
    torch.testing.assert_close(once, images / 2 + shift[:, None, None, None])
    torch.testing.assert_close(twice, once / 2 - shift[:, None, None, None])
