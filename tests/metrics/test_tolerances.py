"""The page of tolerances keeps its promises: every test that it names exists, and its numbers are those of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from retable.benchmarks.metrics.frechet import frechet_distance

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tolerances.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 25


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_the_page_names_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_of_the_tables_of_tolerances_names_its_test() -> None:
    promises = PAGE.split("## Few images")[0]
    rows = [line for line in promises.splitlines() if line.startswith("|") and not line.startswith(("|---", "| what"))]
    assert len(rows) > 25
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_the_table_of_the_bias_is_what_the_code_gives(n: int) -> None:
    row = re.search(rf"^\| {n} \| ([\d.]+) \|", PAGE, re.MULTILINE)
    assert row is not None
    rng = np.random.default_rng(0)
    distance = frechet_distance(rng.standard_normal((n, 1280)), rng.standard_normal((n, 1280)))
    assert distance == pytest.approx(float(row[1]), abs=0.051)
