from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.expectations import score_key
from retable.benchmarks.tracking import default_uri, last_green_parent
from retable.benchmarks.tracking.mirror import Mirror
from retable.benchmarks.tracking.record import Invocation
from retable.benchmarks.tracking.sync import sync
from tests.tracking.conftest import Store
from tests.tracking.factory import T0, FakeCell, MakeCell, make_cell
from tests.tracking.servers import free_port

HERE = socket.gethostname()


def now() -> int:
    return int(time.time() * 1000)


def record(
    root: Path, id_: str, cells: list[FakeCell], status: str = "ok", started: int = T0, suite: str = "quick"
) -> None:
    planned = {cell.cell["hash"]: cell.cell["address"] for cell in cells}
    invocation = Invocation(id=id_, suite=suite, started=started, host="elsewhere", status=status, planned=planned)
    invocation.model_copy(update={"ended": started + 10_000_000 if status != "running" else 0}).write(root)


def test_cells_that_still_run_are_left_alone(make: MakeCell, store: Store) -> None:
    live = make().belongs_to(host=HERE, pid=os.getpid(), started=now()).start().train([0])
    distant = make(cell=make_cell(seed=1)).belongs_to(host="elsewhere").start().train([0])
    dead = make(cell=make_cell(seed=2)).belongs_to(host=HERE, pid=2**22 - 1, started=T0).start().train([0])
    report = sync([live.directory, distant.directory, dead.directory], store.uri)
    assert report.running == [live.directory, distant.directory]
    assert not store.tags(journal=live.journal)
    assert [run[".status"] for run in store.tags(journal=dead.journal)] == ["KILLED"]
    os.utime(distant.path, (1, 1))
    sync([distant.directory], store.uri)
    assert [run[".status"] for run in store.tags(journal=distant.journal)] == ["KILLED"]


def test_a_cell_that_another_process_replays_is_left_alone(make: MakeCell, store: Store) -> None:
    from filelock import FileLock

    cell = make().start().end()
    with FileLock(cell.directory / ".tracking.lock"):
        assert sync([cell.directory], store.uri).running == [cell.directory]
    assert sync([cell.directory], store.uri).running == []


def test_stale_runs_of_dead_processes_on_this_host_are_reaped(make: MakeCell, store: Store) -> None:
    mirror = Mirror(store.uri)
    mine = {"host": HERE, "pid": os.getpid(), "started": now()}
    gone = {"host": HERE, "pid": 2**22 - 1, "started": T0}
    elsewhere = {"host": "elsewhere", "pid": 1, "started": T0}
    journals = []
    for n, who in enumerate((gone, mine, elsewhere)):
        invocation = Invocation.model_validate({"id": f"{n}" * 32, "suite": "quick", "status": "running", **who})
        cell = make(cell=make_cell(seed=n)).start().train([0, 10])
        mirror.cell(cell.directory, invocation, over=False)
        journals.append(cell)
    assert mirror.reap() == 2
    statuses = [[run[".status"] for run in store.tags(journal=cell.journal)] for cell in journals]
    assert statuses == [["KILLED"], ["RUNNING"], ["RUNNING"]]
    assert {run["retable.invocation"]: run[".status"] for run in store.tags(kind="invocation")} == {
        "0" * 32: "KILLED",
        "1" * 32: "RUNNING",
        "2" * 32: "RUNNING",
    }
    assert mirror.reap() == 0


def test_a_number_that_a_new_process_inherited_does_not_keep_a_dead_run_alive() -> None:
    started_before_this_process = Invocation(id="0", suite="s", started=T0 - 10**12, host=HERE, pid=os.getpid())
    assert not started_before_this_process.alive


def test_the_last_green_run_has_the_scores_of_its_whole_plan(make: MakeCell, store: Store, root: Path) -> None:
    old = make(cell=make_cell("dtn/f")).belongs_to(id="a0").start().score_digits(91.25).end()
    record(root, "a0", [old], status="failed")
    new = make().belongs_to(id="a1").start().score_digits(86.5).end()
    record(root, "a1", [old, new], started=T0 + 1000)
    record(root, "a2", [old, new], status="failed", started=T0 + 2000)
    record(root, "a3", [old], started=T0 + 3000, suite="smoke")
    sync([root], store.uri)
    green = last_green_parent(store.uri, "quick")
    assert green is not None
    assert {
        address: scores[score_key("accuracy.target", {"request": "test"})] for address, scores in green.items()
    } == {
        "dtn/f/digits/s0": 91.25,
        "dtn/dtn/digits/s0": 86.5,
    }
    for cell in (old, new):
        expected = {score_key(score["name"], score["slice"]): score["value"] for score in cell.scores}
        assert green[cell.cell["address"]] == expected
    assert last_green_parent(store.uri, "quick", exclude=["a1"]) is None


def test_a_fresh_run_after_the_last_green_one_does_not_change_what_was_green(
    make: MakeCell, store: Store, root: Path
) -> None:
    import shutil

    first = make().belongs_to(id="a1").start().score_digits(86.5).end()
    record(root, "a1", [first])
    sync([root], store.uri)
    shutil.rmtree(first.directory)
    again = make()
    again.t = T0 + 20_000_000
    again.belongs_to(id="a2", started=again.t).start().score_digits(12.0).end()
    record(root, "a2", [again], status="failed", started=again.t)
    sync([root], store.uri)
    green = last_green_parent(store.uri, "quick") or {}
    assert green["dtn/dtn/digits/s0"][score_key("accuracy.target", {"request": "test"})] == 86.5


def test_no_green_run_is_none_and_makes_no_database(store: Store, tmp_path: Path) -> None:
    assert last_green_parent(store.uri, "quick") is None
    assert last_green_parent(f"sqlite:///{tmp_path}/none.db", "quick") is None
    assert not (tmp_path / "none.db").exists()
    assert last_green_parent(f"http://127.0.0.1:{free_port()}", "quick") is None


def test_an_invocation_without_a_record_is_finished_but_never_green(make: MakeCell, store: Store) -> None:
    cell = make().belongs_to(id="a1").start().end()
    sync([cell.directory], store.uri)
    (parent,) = store.tags(kind="invocation")
    assert (parent[".status"], parent["retable.status"]) == ("FINISHED", "unknown")
    assert last_green_parent(store.uri, "quick") is None


def test_a_long_summary_is_cut_at_a_line_and_points_to_the_report(make: MakeCell, store: Store, root: Path) -> None:
    cell = make().belongs_to(id="a1").start().end()
    record(root, "a1", [cell])
    full = Invocation.read(root, "a1")
    assert full is not None
    full.model_copy(update={"summary": "| a | b |\n" * 2000}).write(root)
    sync([cell.directory], store.uri)
    (parent,) = store.tags(kind="invocation")
    note = parent["mlflow.note.content"]
    assert len(note) <= 8000
    assert "report/index.html" in note.splitlines()[-1]
    assert set(note.splitlines()[:-2]) == {"| a | b |"}


def test_one_broken_cell_does_not_keep_the_others_from_mlflow(make: MakeCell, store: Store) -> None:
    broken = make().start().end()
    (broken.directory / "images" / "broken.png").symlink_to(broken.directory / "nowhere.png")
    good = make(cell=make_cell(seed=1)).start().score_digits().end()
    report = sync([broken.directory, good.directory], store.uri)
    assert list(report.failed) == [broken.directory]
    assert [run[".status"] for run in store.tags(journal=good.journal)] == ["FINISHED"]


def test_an_experiment_in_the_trash_is_brought_back(make: MakeCell, store: Store) -> None:
    cell = make().belongs_to().start().end()
    mirror = Mirror(store.uri)
    sync([cell.directory], store.uri)
    mirror.client.delete_experiment(mirror.client.get_experiment_by_name("retable/quick").experiment_id)
    other = make(cell=make_cell(seed=1)).belongs_to().start().end()
    assert sync([other.directory], store.uri).failed == {}
    assert [run[".status"] for run in store.tags(journal=other.journal)] == ["FINISHED"]


def test_bad_folders_and_dead_servers_are_one_line_each(make: MakeCell, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no cell \(no journal.jsonl\)"):
        sync([tmp_path], f"sqlite:///{tmp_path}/mlflow.db")
    cell = make().start().end()
    with pytest.raises(UserError, match="MLflow cannot be reached: http://"):
        sync([cell.directory], f"http://127.0.0.1:{free_port()}")


def test_the_environment_names_the_address_and_else_it_is_a_file_among_the_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert default_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert default_uri(tmp_path) == "http://127.0.0.1:5000"
