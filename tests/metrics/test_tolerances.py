"""The page of tolerances says what the metrics declare, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from retable.benchmarks.metrics import METRICS
from retable.benchmarks.metrics.fid import frechet_distance

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tolerances.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
DECLARED = [
    *(name.split(":")[0] for name in METRICS.values()),
    *(f"retable.benchmarks.metrics.networks.{name}" for name in ("lite0", "inception")),
]


@pytest.mark.parametrize("module", dict.fromkeys(DECLARED))
def test_every_metric_declares_its_tolerance_and_the_page_says_the_same(module: str) -> None:
    found, path = import_module(module).TOLERANCE, module.removeprefix("retable.").replace(".", "/")
    row = f"| [{path.split('/')[-1]}.py](../{path}.py) | {found.reference} | {found} | {found.why} |"
    assert row in PAGE.splitlines(), row


def test_every_tolerance_is_used_by_a_test() -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    for module in DECLARED:
        name = module.split(".")[-1]
        assert f"{name}.TOLERANCE" in tests or re.search(rf"\.{name} import .*\bTOLERANCE\b", tests), module


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_the_page_names_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_the_table_of_the_bias_is_what_the_code_gives(n: int) -> None:
    row = re.search(rf"^\| {n} \| ([\d.]+) \|", PAGE, re.MULTILINE)
    assert row is not None
    rng = np.random.default_rng(0)
    distance = frechet_distance(rng.standard_normal((n, 1280)), rng.standard_normal((n, 1280)))
    assert distance == pytest.approx(float(row[1]), abs=0.051)
