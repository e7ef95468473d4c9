"""A run that MLflow holds is found by its id or its commit, and its results land in a folder of runs like any other."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking.download import BaseRun, download_run
from retable.benchmarks.tracking.sync import sync
from retable.reports.records.journal import finished
from retable.reports.records.result import Result
from tests.tracking.conftest import Store
from tests.tracking.factory import T0, FakeCell, MakeCell, make_cell, record
from tests.tracking.servers import free_port

RUNS = [
    {"id_": "a0", "commit": "a1" * 20},
    {"id_": "a1", "commit": "b2" * 20},
    {"id_": "a2", "commit": "b2c3" + "0" * 36},
    {"id_": "a3", "commit": "d4" * 20, "dirty": "true"},
    {"id_": "a4", "commit": "d4" * 20, "status": "killed"},
]
Download = Callable[[str], tuple[BaseRun, dict[int, Result]]]


@pytest.fixture
def cells(make: MakeCell, store: Store, root: Path) -> list[FakeCell]:
    """Two cells; a0 ran both, a1 and a2 planned them again, a3 did so from an unclean tree, a4 was killed."""
    found = [make(cell=make_cell(seed=n)).belongs_to(id="a0").start().score_digits(80.0 + n).end() for n in range(2)]
    for n, run in enumerate(RUNS):
        record(root, cells=found, started=T0 + 1_000_000 * n, **run)
    sync([root], store.uri)
    return found


@pytest.fixture
def download(store: Store, tmp_path: Path) -> Download:
    """Downloads a run of suite ``quick``; returns it with its results by seed."""

    def run(wanted: str) -> tuple[BaseRun, dict[int, Result]]:
        base = download_run(store.uri, "quick", wanted, tmp_path / "base")
        results = [finished(folder) for folder in (tmp_path / "base" / "cells").iterdir()]
        return base, {result.cell.seed: result for result in results if result is not None}

    return run


def run_id(store: Store, invocation: str) -> str:
    return next(run[".id"] for run in store.tags(kind="invocation", invocation=invocation))


def test_a_run_is_found_by_a_commits_first_digits_its_id_or_its_invocations_with_every_score(
    store: Store, cells: list[FakeCell], download: Download
) -> None:
    found, results = download("A1a1")
    assert found.planned == {cell.cell.hash for cell in cells}
    assert found.label == f"commit a1a1a1a1a1, run {found.run_id[:8]}"
    assert [list(results[n].scores) for n in (0, 1)] == [cell.scores for cell in cells]
    found, results = download(run_id(store, "a1"))
    assert (found.label, len(results)) == (f"commit b2b2b2b2b2, run {run_id(store, 'a1')[:8]}", 2)
    found, _ = download("d4d4d4")
    assert (found.run_id, "with uncommitted changes" in found.label) == (run_id(store, "a3"), True)


def test_a_cell_keeps_the_result_that_it_had_when_the_run_ended(
    store: Store, make: MakeCell, cells: list[FakeCell], download: Download
) -> None:
    shutil.rmtree(cells[0].directory)
    again = make(cell=cells[0].cell)
    again.t = T0 + 20_000_000
    store.sync(again.belongs_to(id="a5", started=again.t).start().score_digits(12.0).end("failed"))
    _, results = download("a1a1")
    assert (results[0].status, results[0].scores[0].value) == ("ok", 80.0)


def test_a_cell_without_a_result_is_planned_and_has_no_folder_with_one(
    store: Store, root: Path, make: MakeCell, cells: list[FakeCell], download: Download
) -> None:
    killed = make(cell=make_cell(seed=2)).belongs_to(id="a0").start().train([0])
    failed = make(cell=make_cell(seed=3)).belongs_to(id="a0").start().end("oom", "no memory")
    record(root, "a6", [*cells, killed, failed], "failed", T0 + 5_000_000, commit="f6" * 20)
    sync([root], store.uri)
    found, results = download("f6f6")
    assert {seed: result.status for seed, result in results.items()} == {0: "ok", 1: "ok", 3: "oom"}
    assert len(found.planned) == 4


def test_what_a_server_says_leads_to_no_folder_elsewhere_and_a_damaged_result_is_no_base(
    store: Store, cells: list[FakeCell], download: Download, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(store.file)) as connection, connection:
        connection.execute("UPDATE tags SET value = value || ',../../../x' WHERE key = 'retable.planned.0'")
        connection.execute(
            "UPDATE tags SET value = '../../../x' WHERE key = 'retable.cell' AND value = ?", [cells[0].cell.hash]
        )
    base, results = download("a1a1")
    assert set(results) == {1}
    assert not (tmp_path / "x").exists()
    assert base.planned == {cell.cell.hash for cell in cells}
    content = (cells[1].directory / "result.json").read_bytes()
    stored = next(
        store.root / name for name in store.artifacts("result.json") if (store.root / name).read_bytes() == content
    )
    (stored.parent / "done").write_text(f"ok\n{hashlib.sha256(content).hexdigest()}\n")
    download("a1a1")
    stored.write_bytes(content.replace(b"81.0", b"91.0"))
    with pytest.raises(UserError, match=r"result.json is damaged or was changed"):
        download("a1a1")


def test_what_is_not_there_or_cannot_be_a_base_is_one_clear_line(
    store: Store, root: Path, cells: list[FakeCell], tmp_path: Path
) -> None:
    record(root, "b0", [], commit="b2c3" + "1" * 36)
    record(root, "e0", [], suite="smoke")
    record(root, "e1", [], commit="e1" * 20)
    sync([root], store.uri)
    refusals = {
        "b2": "neither a run's id",
        "main": "`git rev-parse main`",
        "ffff": r"with the id or at the commit ffff \(the newest are of d4d4d4d4d4, b2c3",
        "0" * 32: "no parent run of suite 'quick' with the id",
        "b2c3": "commit b2c3 is ambiguous: b2c3000000, b2c3111111",
        "e1e1": "has no cells in MLflow; `retable sync` may bring them there",
        run_id(store, "a4"): r"did not come to its end \(its status is killed\)",
        run_id(store, "e0"): "belongs to suite 'smoke', not to 'quick'; give --suite smoke",
        store.run(cells[0])[".id"]: "for a cell's run give the id of its parent run",
    }
    for wanted, words in refusals.items():
        with pytest.raises(UserError, match=words):
            download_run(store.uri, "quick", wanted, tmp_path / "base")
    with pytest.raises(UserError, match=r"no runs of suite 'quik'; did you mean 'quick'\? \(it has: quick, smoke\)"):
        download_run(store.uri, "quik", "a1a1", tmp_path / "base")


def test_no_database_and_no_server_are_one_clear_line_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.db: no such MLflow database"):
        download_run(f"sqlite:///{tmp_path}/none.db", "quick", "a1a1", tmp_path / "base")
    with pytest.raises(UserError, match=r"MLflow at http\S+ cannot be reached: .*check MLFLOW_TRACKING_URI"):
        download_run(f"http://127.0.0.1:{free_port()}", "quick", "a1a1", tmp_path / "base")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_moved_is_read_with_its_artifacts_and_refused_without(
    store: Store, cells: list[FakeCell], tmp_path: Path
) -> None:
    shutil.copytree(store.root, tmp_path / "moved")
    shutil.rmtree(store.root / "mlartifacts")
    base = download_run(f"sqlite:///{tmp_path}/moved/mlflow.db", "quick", "a1a1", tmp_path / "base")
    assert {path.parent.name for path in (tmp_path / "base").rglob("result.json")} == base.planned
    with pytest.raises(UserError, match=r"lacks the results of 2 cells.*keep MLflow's folder of artifacts"):
        download_run(store.uri, "quick", "a1a1", tmp_path / "again")
