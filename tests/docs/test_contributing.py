"""What CONTRIBUTING.md shows works as shown."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from retable.benchmarks.metrics import METRICS
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.registry import get_task, get_title
from retable.benchmarks.plan.suites import load_suite
from retable.datasets import TASKS
from retable.datasets.task import TaskInfo
from retable.methods.method import Method
from retable.methods.rows import ROWS
from retable.reports.published.papers import load_paper

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def snippets(heading: str, language: str) -> list[str]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """``load(heading)``: the section's Python snippet as a module, which others import by its name."""

    def from_section(heading: str) -> ModuleType:
        (code,) = snippets(heading, "python")
        module = ModuleType(f"contributing_{heading.split()[-1]}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(code, module.__name__, "exec"), vars(module))  # noqa: S102
        return module

    return from_section


def test_the_method_keeps_the_contract_and_learns(load: Callable[[str], Any]) -> None:
    module = load("A method")
    assert "Differences from the paper" in module.__doc__
    assert issubclass(module.Tint, Method)
    torch.manual_seed(0)
    method = module.Tint(module.TintSettings(lr=0.05), TaskInfo(8, {"s": 3, "t": 1}))
    method.opt = method.optimizers()
    batch = {"s": torch.rand(4, 3, 8, 8) * 2 - 1, "t": torch.rand(4, 1, 8, 8) * 2 - 1}
    losses = [method.training_step(batch, step)["l_grey"] for step in range(20)]
    assert losses[-1] < losses[0] / 2
    with torch.no_grad():
        answer = method.translate({"image": batch["s"]})
    assert answer.shape == (4, 1, 8, 8)
    assert float(answer.abs().max()) <= 1


def test_one_entry_makes_a_row_that_suites_plan_by_a_glob(
    load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "retable.methods.tint", load("A method"))
    for name, row in load("A row").ROWS.items():
        monkeypatch.setitem(ROWS, name, row)
    suite = tmp_path / "tint.toml"
    suite.write_text('about = "tints"\nprofile = "smoke"\n[[rows]]\nmethods = ["tint/*"]\ntask = "digits"\n')
    plain, slow = make_plan(load_suite(str(suite)), seeds=(0,)).rows
    assert [plain.method, slow.method] == ["tint/tint", "tint/slow"]
    assert (plain.method_settings["lr"], slow.method_settings["lr"]) == (2e-4, 1e-5)
    assert [get_title(name) for name in ("tint/tint", "tint/slow")] == ["Tint", "Tint, slow"]


def test_the_task_is_registered_by_one_line_and_serves_the_method(
    load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(TASKS, "tint-squares", f"{load('A task').__name__}:Squares")
    cls = get_task("tint-squares")
    task = cls(cls.Settings(), tmp_path)
    task.prepare()
    first, again, next_ = (task.batch("train", step, 4, 0) for step in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) and not torch.equal(first[key], next_[key]) for key in "st")
    (request,), (asked,) = task.requests("translate", "train"), task.measures("translate", "train")
    assert (asked.request, len(request), len(task.previews("translate", "train")[0])) == (request.name, 32, 12)
    method = load("A method").Tint
    with torch.no_grad():
        assert method(method.Settings(), task.info()).translate(request.inputs).shape == request.truth.shape
    assert len(task.digests()["squares"]) == 64


def test_the_metric_measures(load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("A metric")
    monkeypatch.setitem(METRICS, "brightness", f"{module.__name__}:score_brightness")
    answer = Answer("test", torch.full((3, 1, 4, 4), 0.5))
    (score,) = measure(Question("brightness", answer))
    assert (score.name, score.value, score.direction) == ("brightness", 0.5, "none")
    assert score.protocol.n_fake == 3


def test_the_table_and_the_claim_are_accepted_by_the_reports(tmp_path: Path) -> None:
    (text,), (sentence,) = snippets("A table", "toml"), snippets("A claim", "toml")
    path = tmp_path / "tint.toml"
    path.write_text(text)
    assert load_paper(path).tables[0].rows[0].published == {"accuracy": 12.3}
    path.write_text(f"{text}\n{sentence}")
    paper = load_paper(path)
    assert [claim.table for claim in paper.claims] == [paper.tables[0].id]


def test_the_entry_points_are_those_of_the_example_package() -> None:
    (text,) = snippets("From a package of your own", "toml")
    shown = tomllib.loads(text)["project"]["entry-points"]
    real = tomllib.loads((ROOT / "tests/plugin/acme-retable/pyproject.toml").read_text())["project"]["entry-points"]
    assert shown == real


def test_every_file_it_names_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    paths = re.findall(r"`((?:benchmarks|methods|datasets|reports|docs|tests|\.ci)/[A-Za-z0-9_./-]+)`", PAGE)
    assert len(links) >= 4
    assert len(paths) >= 8
    names = [name.partition("#")[0] for name in (*links, *paths)]
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_every_tox_environment_it_names_exists() -> None:
    tox = (ROOT / "tox.ini").read_text()
    named = set(re.findall(r"tox -e (\w+)", PAGE))
    assert named >= {"lint", "types", "test", "smoke", "gate", "micro"}
    assert [name for name in named if f"[testenv:{name}]" not in tox] == []
