"""Folders of runs into MLflow: which cells are sent, what becomes of parent runs, and what stale runs end as."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from retable.benchmarks.cli.main import app
from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking import default_uri
from retable.benchmarks.tracking.connect import open_client
from retable.benchmarks.tracking.session import Session
from retable.benchmarks.tracking.sync import sync
from retable.reports.records.invocation import Invocation
from tests.tracking.conftest import Store
from tests.tracking.factory import T0, MakeCell, make_cell, record
from tests.tracking.servers import free_port

GONE = {"host": socket.gethostname(), "pid": 2**22 - 1, "started": T0}


def me() -> dict[str, object]:
    return {**GONE, "pid": os.getpid(), "started": int(time.time() * 1000)}


def test_cells_that_still_run_or_that_another_process_syncs_are_left_alone(make: MakeCell, store: Store) -> None:
    live = make().belongs_to(**me()).start().train([0])
    distant = make(cell=make_cell(seed=1)).belongs_to(host="elsewhere").start().train([0])
    dead = make(cell=make_cell(seed=2)).belongs_to(**GONE).start().train([0])
    report = store.sync(live, distant, dead)
    assert report.running == [live.directory, distant.directory]
    assert "2 still running, left alone" in str(report)
    assert not store.tags(journal=live.journal)
    assert store.run(dead)[".status"] == "KILLED"
    os.utime(distant.path, (1, 1))
    with FileLock(distant.directory / ".tracking.lock"):
        assert store.sync(distant).running == [distant.directory], "another process syncs it"
    assert store.sync(distant).running == []
    assert store.run(distant)[".status"] == "KILLED"


def test_stale_runs_of_dead_processes_on_this_host_are_reaped(make: MakeCell, store: Store) -> None:
    session, cells = Session(store.uri), []
    for n, who in enumerate((GONE, me(), {"host": "elsewhere", "pid": 1, "started": T0})):
        invocation = Invocation.model_validate({"id": f"{n}" * 32, "suite": "quick", "status": "running", **who})
        cells.append(make(cell=make_cell(seed=n)).start().train([0, 10]))
        session.cell(cells[-1].directory, invocation, over=False)
    assert session.reap() == 2
    killed, *others = (store.run(cell) for cell in cells)
    assert (killed[".status"], killed["retable.status"]) == ("KILLED", "killed")
    assert T0 < int(killed[".ended"]) <= cells[0].t
    assert [run[".status"] for run in others] == ["RUNNING", "RUNNING"]
    parents = {run["retable.invocation"][0]: run[".status"] for run in store.tags(kind="invocation")}
    assert parents == {"0": "KILLED", "1": "RUNNING", "2": "RUNNING"}
    assert session.reap() == 0


def test_an_invocation_lives_as_long_as_its_process_and_reads_back_unless_its_id_is_a_path(
    root: Path, make: MakeCell
) -> None:
    known = {"id": "ab" * 16, "suite": "quick", "status": "running", "planned": {"0" * 16: "a/b/c/s0"}, "summary": "é"}
    invocation = Invocation.model_validate({**known, **me()})
    invocation.write(root)
    assert Invocation.read(invocation.file(root)) == invocation
    assert invocation.alive
    assert not invocation.model_copy(update={"started": 1}).alive, "a new process inherited the number"
    assert not invocation.model_copy(update={"host": "elsewhere"}).alive
    cell = make()
    (cell.directory / "invocation.json").write_text('{"id": "../../x", "suite": "quick", "started": 1}')
    assert Invocation.of_cell(cell.directory) is None


def test_a_parent_run_without_a_record_is_finished_with_result_unknown_and_gets_its_plan_of_any_size_later(
    make: MakeCell, store: Store, root: Path
) -> None:
    cell = make().belongs_to(id="a1").start().end()
    store.sync(cell)
    (parent,) = store.tags(kind="invocation")
    assert (parent[".status"], parent["retable.status"]) == ("FINISHED", "unknown")
    planned = {f"{n:016x}": f"dtn/dtn/digits/s{n}" for n in range(1000)}
    record(root, "a1", [cell], planned=planned)
    sync([root], store.uri)
    (parent,) = store.tags(kind="invocation", status="ok")
    assert ",".join(parent[f"retable.planned.{n}"] for n in range(3)).split(",") == sorted(planned)


def test_one_broken_cell_does_not_keep_the_others_from_mlflow(make: MakeCell, store: Store) -> None:
    broken = make().start().end()
    (broken.directory / ".tracking.lock").symlink_to("nowhere")
    good = make(cell=make_cell(seed=1)).start().score_digits().end()
    report = store.sync(broken, good)
    assert list(report.failed) == [broken.directory]
    assert f"\n{broken.directory}: " in str(report)
    assert store.run(good)[".status"] == "FINISHED"


def test_the_command_fails_and_names_what_mlflow_does_not_hold(make: MakeCell, store: Store, root: Path) -> None:
    cells = make().start().end(), make(cell=make_cell(seed=1)).start().end()
    (cells[0].directory / ".tracking.lock").symlink_to("nowhere")
    for cell, code in zip(cells, (1, 0), strict=True):
        done = CliRunner().invoke(app, ["sync", str(cell.directory), "--out", str(root)])
        assert done.exit_code == code, done.output
        assert (str(cell.directory) in done.output.replace("\n", "")) == (code == 1)


def test_a_folder_of_another_kind_between_the_cells_is_passed_over_and_told(
    make: MakeCell, store: Store, root: Path
) -> None:
    cell, foreign = make().start().end(), root / "cells" / "notes"
    foreign.mkdir()
    (foreign / "journal.jsonl").write_text('{"t":1,"event":"end","status":"ok"}\n')
    (foreign / "done").touch()
    done = CliRunner().invoke(app, ["sync", "--out", str(root)])
    assert done.exit_code == 0, done.output
    assert "notes: not the folder of a cell, passed over" in done.output.replace("\n", "")
    assert store.run(cell)[".status"] == "FINISHED"
    # A folder that is called a cell's is a cell that was lost.
    foreign.rename(foreign.with_name(f"dummy_dummy_dummy_s0-{16 * 'a'}"))
    assert CliRunner().invoke(app, ["sync", "--out", str(root)]).exit_code == 1


def test_an_experiment_in_the_trash_is_brought_back(make: MakeCell, store: Store) -> None:
    cell = make().belongs_to().start().end()
    store.sync(cell)
    client = open_client(store.uri)
    client.delete_experiment(client.get_experiment_by_name("retable/quick").experiment_id)
    other = make(cell=make_cell(seed=1)).belongs_to().start().end()
    assert store.sync(other).failed == {}
    assert store.run(other)[".status"] == "FINISHED"


def test_a_folder_without_cells_and_an_address_that_mlflow_refuses_are_one_line_each(
    make: MakeCell, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"holds no cell \(no journal.jsonl\)"):
        sync([tmp_path], f"sqlite:///{tmp_path}/mlflow.db")
    cell = make().start().end()
    dead = f"http://127.0.0.1:{free_port()}"
    for uri in ("nonsense://x", f"{tmp_path}/mlruns", "sqlite:////proc/no/mlflow.db", dead):
        with pytest.raises(UserError, match=rf"^MLflow at {uri} cannot be reached: .*; check MLFLOW_TRACKING_URI$"):
            sync([cell.directory], uri)


def test_the_environment_names_the_address_and_else_it_is_a_file_among_the_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert default_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert default_uri(tmp_path) == "http://127.0.0.1:5000"
