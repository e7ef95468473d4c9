"""A run that MLflow holds is found by its id or its commit, and read back with how every score was measured."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.runs import check_against
from retable.benchmarks.run.results import index_cells
from retable.benchmarks.tracking.record import Invocation
from retable.benchmarks.tracking.results import recorded
from retable.benchmarks.tracking.sync import sync
from retable.reports.records.cell import Cell
from tests.tracking.conftest import Store
from tests.tracking.factory import T0, FakeCell, MakeCell, make_cell
from tests.tracking.servers import free_port

COMMITS = {"a0": "a1" * 20, "a1": "b2" * 20, "a2": "b2c3" + "0" * 36, "a3": "d4" * 20, "a4": "d4" * 20}


def record(root: Path, id_: str, cells: list[FakeCell], n: int, status: str = "ok", dirty: str = "false") -> None:
    planned = {cell.cell["hash"]: cell.cell["address"] for cell in cells}
    began = T0 + 1_000_000 * n
    known = {"id": id_, "suite": "quick", "started": began, "host": "elsewhere", "status": status, "dirty": dirty}
    ended = 0 if status == "running" else began + 900_000
    Invocation(**known, commit=COMMITS[id_], planned=planned, ended=ended).write(root)


@pytest.fixture
def cells(make: MakeCell, store: Store, root: Path) -> list[FakeCell]:
    """Two cells; a0 ran both, a1 and a2 planned them again, a3 did so from an unclean tree, a4 was killed."""
    found = [make(cell=make_cell(seed=n)).belongs_to(id="a0").start().score_digits(80.0 + n).end() for n in range(2)]
    for n, id_ in enumerate(COMMITS):
        record(root, id_, found, n, "killed" if id_ == "a4" else "ok", "true" if id_ == "a3" else "false")
    sync([root], store.uri)
    return found


def run_id(store: Store, invocation: str) -> str:
    return next(run[".id"] for run in store.tags(kind="invocation", invocation=invocation))


def test_a_commit_is_found_by_its_first_digits_with_every_score(store: Store, cells: list[FakeCell]) -> None:
    found = recorded(store.uri, "quick", "a1a1")
    assert (found.commit, found.dirty, len(found.planned)) == ("a1" * 20, False, 2)
    assert found.label == f"commit a1a1a1a1a1, run {found.run_id[:8]}"
    results = {result["cell"]["seed"]: result for result in found.results}
    assert results[0]["scores"] == cells[0].scores
    assert results[1]["scores"][0]["protocol"]["data"] == "digits:standin:test"


def test_a_run_is_found_by_its_id_or_its_invocations(store: Store, cells: list[FakeCell]) -> None:
    id_ = run_id(store, "a1")
    found = recorded(store.uri, "quick", id_)
    assert (found.run_id, found.commit) == (id_, "b2" * 20)
    assert len(found.results) == 2


def test_a_run_from_an_unclean_tree_says_so(store: Store, cells: list[FakeCell]) -> None:
    found = recorded(store.uri, "quick", "d4d4d4")
    assert found.run_id == run_id(store, "a3")
    assert "with uncommitted changes" in found.label


@pytest.mark.parametrize(
    ("wanted", "suite", "words"),
    [
        ("b2", "quick", "neither a run's id"),
        ("main", "quick", "`git rev-parse main`"),
        ("ffff", "quick", r"no run of suite 'quick' at commit ffff in MLflow \(the newest are of d4d4d4d4d4, b2c3"),
        ("a1a1", "quik", r"no runs of suite 'quik', did you mean 'quick'\?|no runs of suite 'quik'.*it has: quick"),
        ("0" * 32, "quick", "MLflow has no run 0000"),
    ],
)
def test_what_is_not_there_is_one_clear_line(
    store: Store, cells: list[FakeCell], wanted: str, suite: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        recorded(store.uri, suite, wanted)


def test_an_ambiguous_commit_names_its_candidates(store: Store, root: Path, cells: list[FakeCell]) -> None:
    other = "b2c3" + "1" * 36
    Invocation(id="b0", suite="quick", started=T0, commit=other, status="ok", ended=T0 + 1).write(root)
    sync([root], store.uri)
    with pytest.raises(UserError, match="commit b2c3 is ambiguous: b2c3000000, b2c3111111"):
        recorded(store.uri, "quick", "b2c3")


def test_runs_that_cannot_be_a_base_are_refused_by_what_they_are(store: Store, cells: list[FakeCell]) -> None:
    with pytest.raises(UserError, match=r"did not come to its end \(its status is killed\)"):
        recorded(store.uri, "quick", run_id(store, "a4"))
    (child,) = store.tags(journal=cells[0].journal)
    with pytest.raises(UserError, match=f"is that of one cell, {cells[0].cell['address']}; give its parent run"):
        recorded(store.uri, "quick", child[".id"])


def test_no_database_and_no_server_are_one_clear_line_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.db: no such MLflow database"):
        recorded(f"sqlite:///{tmp_path}/none.db", "quick", "a1a1")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"MLflow cannot be reached: .*check MLFLOW_TRACKING_URI"):
        recorded(f"http://127.0.0.1:{free_port()}", "quick", "a1a1")


def test_a_database_that_moved_with_its_artifacts_is_read(store: Store, cells: list[FakeCell], tmp_path: Path) -> None:
    shutil.copytree(store.root, tmp_path / "moved")
    shutil.rmtree(store.root / "mlartifacts")
    found = recorded(f"sqlite:///{tmp_path}/moved/mlflow.db", "quick", "a1a1")
    assert [result["status"] for result in found.results] == ["ok", "ok"]


def run_again(make: MakeCell, cells: list[FakeCell]) -> None:
    """The same cells with the same scores, during a1, as `retable run --fresh` would make them."""
    for n, old in enumerate(cells):
        shutil.rmtree(old.directory)
        new = make(cell=old.cell).belongs_to(id="a1")
        new.t = T0 + 1_500_000
        new.start().score_digits(80.0 + n).end()


def against(root: Path, wanted: str, head: str | None = None) -> tuple[int, str]:
    out = io.StringIO()
    console = Console(file=out, width=300)
    return check_against(root, "quick", wanted, head, root / "none.toml", console=console), out.getvalue()


def test_the_cells_in_the_folder_are_held_against_mlflow(
    store: Store, root: Path, cells: list[FakeCell], make: MakeCell
) -> None:
    index_cells(root, "quick", [Cell.from_json(cell.cell) for cell in cells])
    with pytest.raises(
        UserError, match=r"2 of 2 cells are the very same run on both sides.*`retable run quick --fresh`"
    ):
        against(root, "a1a1")
    run_again(make, cells)
    assert against(root, "a1a1")[0] == 0
    shutil.rmtree(cells[1].directory)
    code, said = against(root, "a1a1")
    assert code == 1
    assert f"missing      {cells[1].cell['address']}" in said


def test_two_runs_of_mlflow_are_compared_and_one_with_itself_is_refused(
    store: Store, root: Path, cells: list[FakeCell], make: MakeCell
) -> None:
    with pytest.raises(UserError, match="2 of 2 cells are the very same run on both sides"):
        against(root, "a1a1", "b2b2")
    run_again(make, cells)
    sync([root], store.uri)
    code, said = against(root, "a1a1", "b2b2")
    assert code == 0
    assert "the head is commit b2b2b2b2b2" in said
    with pytest.raises(UserError, match="--against a1a1 and --head a1a1a1 are one run"):
        against(root, "a1a1", "a1a1a1")


def test_a_base_whose_results_are_gone_is_refused(store: Store, root: Path, cells: list[FakeCell]) -> None:
    index_cells(root, "quick", [Cell.from_json(cell.cell) for cell in cells])
    shutil.rmtree(root / "mlartifacts")
    with pytest.raises(UserError, match=r"the base lacks the results of 2 cells.*keep MLflow's folder of artifacts"):
        against(root, "a1a1")
