"""What CONTRIBUTING.md shows works as shown."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from retable.benchmarks.metrics import METRICS
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.datasets.task import TaskInfo
from retable.methods.method import Method
from retable.reports.published.papers import load_paper

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def snippets(heading: str, language: str) -> list[str]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str], ModuleType]]:
    """``load(heading)``: the section's Python snippet as a module."""
    names: list[str] = []

    def from_section(heading: str) -> ModuleType:
        (code,) = snippets(heading, "python")
        name = f"contributing_{len(names)}_{heading.split()[-1]}"
        path = tmp_path / f"{name}.py"
        path.write_text(code)
        spec = util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = util.module_from_spec(spec)
        names.append(name)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    yield from_section
    for name in names:
        del sys.modules[name]


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


def test_the_metric_measures(load: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("A metric")
    monkeypatch.setitem(METRICS, "brightness", f"{module.__name__}:score_brightness")
    answer = Answer("test", torch.full((3, 1, 4, 4), 0.5))
    (score,) = measure(Question("brightness", answer))
    assert (score.name, score.value, score.direction) == ("brightness", 0.5, "none")
    assert score.protocol.n_fake == 3


def test_the_table_is_accepted_by_the_reports(tmp_path: Path) -> None:
    (text,) = snippets("A table", "toml")
    (tmp_path / "tint.toml").write_text(text)
    (table,) = load_paper(tmp_path / "tint.toml").tables
    assert table.rows[0].published == {"accuracy": 12.3}


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


def test_every_registry_it_names_exists() -> None:
    for module, name in (("methods.rows", "ROWS"), ("datasets", "TASKS"), ("benchmarks.metrics", "METRICS")):
        assert hasattr(import_module(f"retable.{module}"), name)


def test_the_claim_can_be_read_with_the_table_it_speaks_of(tmp_path: Path) -> None:
    (table,), (claim,) = snippets("A table", "toml"), snippets("A claim", "toml")
    path = tmp_path / "tint.toml"
    path.write_text(f"{table}\n{claim}")
    (read,) = load_paper(path).claims
    assert read.table == load_paper(path).tables[0].id
