"""A stage that is itself a row of the suite is that row's cell, and judges are planned for whoever is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from retable.benchmarks.errors import UserError
from retable.benchmarks.plan.dummy import Dummy, DummySettings, Squares, SquaresSettings
from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run.live import show_plan
from retable.datasets.task import Kind, Measure, TaskSettings
from retable.reports.records.cell import Cell
from tests.harness.conftest import register, row

NEEDING = row("made/transfer", "made/tuned", task="made", task_n_test=16, method_batch_size=4)
ROWS = NEEDING.replace('"made/tuned"', '"made/tuned", "made/basic"')


class MadeSettings(SquaresSettings):
    """One setting that only ``train`` depends on."""

    n_rare: int = 5


class Made(Squares):
    """Squares with judges: one that every translation asks for, and one that nobody does."""

    name = "made"
    Settings = MadeSettings
    judges: ClassVar[Mapping[str, str]] = {"asked": "made/judge", "idle": "made/idle"}

    @classmethod
    def settings_for(cls, settings: TaskSettings, stream: str) -> TaskSettings:
        assert isinstance(settings, MadeSettings)
        return settings if stream == "train" else settings.model_copy(update={"n_rare": 5})

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        return [Measure("accuracy", "test", judge="asked", label="group")] if kind == "translate" else []


class Circular(Made):
    """Its judge's images are judged, by the judge."""

    name = "circular"

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        return [Measure("accuracy", "test", judge="asked", label="group")]


class Undeclared(Made):
    """Asks for a judge under a wrong name."""

    name = "undeclared"

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        return [Measure("accuracy", "test", judge="askd", label="group")]


class Basic(Dummy):
    """Learns from a stream that the rare images do not matter to."""

    stream = "basic"


class FromBasic(Dummy):
    """Starts from Basic."""

    needs: ClassVar[Mapping[str, str]] = {"basic": "made/basic"}


class FarSettings(DummySettings):
    """A weight that decides whether Basic is needed."""

    weight: float = 1.0


class Far(FromBasic):
    """Starts from Basic only where that matters."""

    Settings = FarSettings

    @classmethod
    def needed(cls, settings: FarSettings) -> Mapping[str, str]:
        return cls.needs if settings.weight else {}


class Judge(Dummy):
    """A classifier, as far as a plan is concerned."""

    kind = "predict"
    stream = "judge"


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"basic": Basic, "transfer": FromBasic, "tuned": FromBasic, "far": Far, "judge": Judge, "idle": Judge}
    register(monkeypatch, {f"made/{name}": cls for name, cls in ours.items()}, Made, Circular, Undeclared)


PlanOf = Callable[..., Plan]


def by_address(plan: Plan) -> dict[str, Cell]:
    found = {cell.address: cell for cell in plan.cells}
    assert len(found) == len(plan.cells)
    return found


def basic_of(cell: Cell) -> Cell:
    return cell.starts_from["basic"]


def test_a_row_that_others_start_from_is_planned_once_and_is_the_row_whatever_only_picks(plan_of: PlanOf) -> None:
    plan = plan_of(ROWS)
    cells = by_address(plan)
    assert list(cells) == [
        "made/judge/made/s0",
        "made/basic/made/s0",
        "made/transfer/made/s0",
        "made/tuned/made/s0",
    ]
    basic = cells["made/basic/made/s0"]
    assert basic == basic_of(cells["made/transfer/made/s0"]) == basic_of(cells["made/tuned/made/s0"])
    assert basic in plan.rows
    assert (basic.method_settings["batch_size"], basic.task_settings["n_test"]) == (4, 16)
    part = plan_of(ROWS, only="made/transfer/*")
    assert [cell.method for cell in part.rows] == ["made/transfer"]
    assert by_address(part)["made/basic/made/s0"] == basic


@pytest.mark.parametrize("override", ["method.lr=0.5", "task.n_test=8", "made/basic:method.lr=0.5"])
def test_an_override_touches_the_row_and_the_stage_alike(plan_of: PlanOf, override: str) -> None:
    before, after = plan_of(ROWS), plan_of(ROWS, override)
    addresses = by_address(after)
    assert len(addresses) == len(by_address(before)) == 4
    assert basic_of(addresses["made/transfer/made/s0"]) == addresses["made/basic/made/s0"]
    assert addresses["made/basic/made/s0"].hash != by_address(before)["made/basic/made/s0"].hash


def test_seeds_stay_paired(plan_of: PlanOf) -> None:
    plan = plan_of(ROWS, seeds=[0, 3])
    assert [basic_of(cell).seed for cell in plan.rows if cell.starts_from] == [0, 3, 0, 3]
    assert sum(cell.method == "made/basic" for cell in plan.cells) == 2
    assert {judge.seed for cell in plan.cells for judge in cell.judges.values()} == {0}


@pytest.mark.parametrize(
    ("needing", "rate"), [({"task_n_test": 16, "task_n_rare": 9}, 0.5), ({"task_n_test": 12}, 0.05)]
)
def test_a_row_is_the_stage_where_the_stage_sees_the_same_data(
    plan_of: PlanOf, needing: dict[str, int], rate: float
) -> None:
    """The rare images do not matter to the stage, the number of test images does."""
    basic = row("made/basic", task="made", task_n_test=16, method_lr=0.5)
    stage = basic_of(plan_of(row("made/transfer", task="made", **needing) + basic).rows[0])
    assert (stage.task_settings["n_test"], stage.method_settings["lr"]) == (needing["task_n_test"], rate)


def test_a_stage_that_is_no_row_is_left_alone_by_the_rows_settings(plan_of: PlanOf) -> None:
    basic = by_address(plan_of(NEEDING, "method.lr=0.5"))["made/basic/made/s0"]
    assert (basic.method_settings["lr"], basic.method_settings["batch_size"]) == (0.05, 8)


def test_only_judges_that_a_measure_names_are_waited_for(plan_of: PlanOf) -> None:
    plan = plan_of(ROWS)
    assert not any(cell.method == "made/idle" for cell in plan.cells)
    for cell in plan.cells:
        assert list(cell.judges) == (["asked"] if cell.method != "made/judge" else [])


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("circular", "needs itself: made/judge -> made/judge"),
        ("undeclared", "measures with the judge 'askd', which it does not declare; did you mean 'asked'"),
    ],
)
def test_judges_that_cannot_be_are_refused(plan_of: PlanOf, task: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        plan_of(row("made/basic", task=task))


@pytest.mark.parametrize(("weight", "starts_from"), [(1, ["basic"]), (0, [])])
def test_a_stage_is_needed_only_where_the_settings_ask_for_it(
    plan_of: PlanOf, weight: int, starts_from: list[str]
) -> None:
    plan = plan_of(row("made/far", task="made", method_weight=weight))
    assert list(plan.rows[0].starts_from) == starts_from
    assert sum(cell.method == "made/basic" for cell in plan.cells) == len(starts_from)


def test_the_shown_plan_says_who_shares_a_cell(plan_of: PlanOf, tmp_path: Path) -> None:
    out = StringIO()
    show_plan(plan_of(ROWS), tmp_path, Console(file=out, width=200))
    lines: dict[str, Any] = {line.split()[0]: line.split() for line in out.getvalue().splitlines() if "made/" in line}
    assert list(lines) == ["made/judge/made/s0", "made/basic/made/s0", "made/transfer/made/s0", "made/tuned/made/s0"]
    assert lines["made/tuned/made/s0"][1:3] == ["basic:", "made/basic/made/s0"]
    assert lines["made/judge/made/s0"][1] == "3"
    assert lines["made/basic/made/s0"][1] == "2"
