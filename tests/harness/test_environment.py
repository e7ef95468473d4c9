"""What a result says about the sources that made it."""

from __future__ import annotations

from pathlib import Path

import pytest

from retable.benchmarks.environment import REPOSITORY, SOURCES, code_digest, environment, made_elsewhere
from retable.reports.records.cell import Cell
from retable.reports.records.result import Result


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for package in (*SOURCES, "reports"):
        (tmp_path / package / "inner").mkdir(parents=True)
        (tmp_path / package / "inner" / "module.py").write_text("x = 1\n")
    return tmp_path


def digest(folder: Path) -> str:
    code_digest.cache_clear()
    return code_digest(folder)


def test_equal_sources_have_equal_digests_wherever_they_lie_and_whatever_lies_beside_them(
    tree: Path,
) -> None:
    before = digest(tree)
    assert len(before) == 16
    (tree / "reports" / "inner" / "module.py").write_text("x = 2\n")
    (tree / "methods" / "module.pyc").write_bytes(b"compiled")
    assert digest(tree.rename(tree.with_name("elsewhere"))) == before


@pytest.mark.parametrize("package", SOURCES)
def test_a_change_a_new_file_and_a_new_name_show(tree: Path, package: str) -> None:
    module = tree / package / "inner" / "module.py"
    changes = (
        lambda: None,
        lambda: module.write_text("x = 2\n"),
        lambda: module.with_name("other.py").write_text(""),
        lambda: module.rename(module.with_name("third.py")),
    )
    assert len({(change(), digest(tree))[1] for change in changes}) == 4


def test_a_result_that_does_not_say_counts_as_made_elsewhere() -> None:
    code_digest.cache_clear()
    cell = Cell(method="dummy/dummy", task="dummy", profile="dummy", seed=0, method_settings={}, task_settings={})

    def made(facts: dict[str, str]) -> Result:
        return Result(cell=cell, status="ok", environment=facts)

    assert not made_elsewhere(made(environment("cpu", 1)))
    assert made_elsewhere(made({"code": "0" * 16}))
    assert made_elsewhere(made({}))
    assert all(any((REPOSITORY / package).glob("*.py")) for package in SOURCES)
