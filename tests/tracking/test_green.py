"""Green is what the gate found green: its verdict is kept at the run that it judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from retable.benchmarks.gate.expectations import score_key
from retable.benchmarks.tracking import last_green_parent, mark_gate
from retable.benchmarks.tracking.sync import sync
from tests.tracking.conftest import Store
from tests.tracking.factory import T0, FakeCell, MakeCell, make_cell
from tests.tracking.servers import free_port
from tests.tracking.test_sync import record

KEY = score_key("accuracy.target", {"request": "test"})


@pytest.fixture
def cells(make: MakeCell, store: Store, root: Path) -> list[FakeCell]:
    """Two cells, each of an invocation of its own that ended ok, and a newer one of the first that failed."""
    found = []
    for n in range(2):
        cell = make(cell=make_cell(seed=n)).belongs_to(id=f"a{n}").start().score_digits(80.0 + n).end()
        record(root, f"a{n}", [cell], started=T0 + 1000 * n)
        found.append(cell)
    record(root, "a2", found[:1], status="failed", started=T0 + 2000)
    sync([root], store.uri)
    return found


def verdicts(store: Store) -> dict[str, str | None]:
    return {run["retable.invocation"]: run.get("retable.gate") for run in store.tags(kind="invocation")}


def mark(store: Store, cell: FakeCell, verdict: str) -> bool:
    return mark_gate(store.uri, "quick", [cell.cell["hash"]], verdict)  # type: ignore[arg-type]


def last_green(store: Store) -> list[float]:
    return [scores[KEY] for scores in (last_green_parent(store.uri, "quick") or {}).values()]


def test_the_newest_good_run_that_planned_the_cells_gets_the_verdict(store: Store, cells: list[FakeCell]) -> None:
    assert mark(store, cells[0], "green")
    assert verdicts(store) == {"a0": "green", "a1": None, "a2": None}
    assert mark(store, cells[0], "red")
    assert mark(store, cells[1], "green")
    assert verdicts(store) == {"a0": "red", "a1": "green", "a2": None}


def test_cells_that_no_run_planned_together_mark_nothing(store: Store, cells: list[FakeCell]) -> None:
    assert not mark_gate(store.uri, "quick", [cell.cell["hash"] for cell in cells], "green")
    assert not mark_gate(store.uri, "quick", [], "green")
    assert not mark_gate(store.uri, "smoke", [cells[0].cell["hash"]], "green")
    assert set(verdicts(store).values()) == {None}


def test_a_green_run_goes_before_a_newer_one_that_nobody_judged(store: Store, cells: list[FakeCell]) -> None:
    assert last_green(store) == [81.0]
    mark(store, cells[0], "green")
    assert last_green(store) == [80.0]


def test_a_red_run_is_never_the_last_green_one(store: Store, cells: list[FakeCell]) -> None:
    mark(store, cells[1], "red")
    assert last_green(store) == [80.0]
    mark(store, cells[0], "red")
    assert last_green_parent(store.uri, "quick") is None


def test_a_gate_without_mlflow_makes_no_database_and_no_fuss(tmp_path: Path) -> None:
    assert not mark_gate(f"sqlite:///{tmp_path}/none.db", "quick", ["0" * 16], "green")
    assert not (tmp_path / "none.db").exists()
    assert not mark_gate(f"http://127.0.0.1:{free_port()}", "quick", ["0" * 16], "green")
