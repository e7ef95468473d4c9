from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking.address import UnreachableError
from retable.benchmarks.tracking.connect import open_client
from retable.benchmarks.tracking.record import Invocation
from retable.benchmarks.tracking.sync import sync
from retable.benchmarks.tracking.tracker import Tracker
from tests.tracking.conftest import Store
from tests.tracking.factory import MakeCell, make_cell
from tests.tracking.servers import failing_server, free_port, real_server, silent_server
from tests.tracking.test_replay import journal_scores, mlflow_scores

ID = "c1" * 16


def wait_for(condition: Callable[[], object], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_points_samples_and_report_arrive_while_cells_run(
    make: MakeCell, store: Store, root: Path, tmp_path: Path
) -> None:
    cells = [make_cell(), make_cell("dtn/no-gan")]
    tracker = Tracker(store.uri, "quick", ID, root)
    assert tracker.state == "off"
    tracker.start(cells)
    assert tracker.state == "connecting"
    good = make(cell=cells[0]).start().train(range(0, 200, 10), samples=[100])
    tracker.watch(good.directory)
    wait_for(lambda: tracker.state == "ok")
    wait_for(lambda: store.tags(journal=good.journal) and len(store.points("curve/l_d", good.journal)) == 20)
    wait_for(lambda: store.artifacts("samples+step+100+*.png"))
    (run,) = store.tags(journal=good.journal)
    assert run[".status"] == "RUNNING"

    bad = make(cell=cells[1])
    tracker.watch(bad.directory)
    bad.start().train([0, 10]).end("oom", "killed by the kernel")
    good.train(range(200, 300, 10)).score_digits().end()
    report = tmp_path / "report"
    (report / "figures").mkdir(parents=True)
    (report / "index.html").write_text("<h1>Table 1</h1>")
    (report / "figures" / "a.svg").write_text("<svg/>")
    began = time.monotonic()
    tracker.finish("failed", report, "| row | accuracy |\n|---|---|\n| DTN | 86.4 |")
    assert time.monotonic() - began < 10
    assert tracker.state == "ok", tracker.message

    assert mlflow_scores(store, good) == journal_scores(good)
    assert len(store.points("curve/l_d", good.journal)) == 30
    assert [run[".status"] for run in store.tags(journal=bad.journal)] == ["FAILED"]
    (parent,) = store.tags(kind="invocation")
    assert (parent[".status"], parent["retable.status"]) == ("FAILED", "failed")
    assert parent["mlflow.note.content"].startswith("| row | accuracy |")
    assert sorted(Path(path).name for path in store.artifacts() if "/report/" in path) == ["a.svg", "index.html"]
    assert {run["mlflow.parentRunId"] for run in store.tags(invocation=ID) if "retable.journal" in run} == {
        parent[".id"]
    }
    rows, files = store.rows(), store.artifacts()
    sync([root], store.uri)
    assert (store.rows(), store.artifacts()) == (rows, files)


def test_a_server_that_is_down_costs_little_and_sync_catches_up(
    make: MakeCell, store: Store, root: Path, tmp_path: Path
) -> None:
    tracker = Tracker(f"http://user:secret@127.0.0.1:{free_port()}", "quick", ID, root)
    cell = make()
    spent = -time.monotonic()
    tracker.start([cell.cell])
    tracker.watch(cell.directory)
    spent += time.monotonic()
    wait_for(lambda: tracker.state == "down")
    assert "secret" not in tracker.message
    cell.start().train([0, 10]).score_digits().end()
    report = tmp_path / "report"
    report.mkdir()
    (report / "index.html").write_text("<h1>Table 1</h1>")
    spent -= time.monotonic()
    tracker.finish("ok", report, "all well")
    spent += time.monotonic()
    assert spent < 4
    assert tracker.state == "down"
    assert "`retable sync` will catch up" in tracker.message
    assert "secret" not in tracker.message

    sync([cell.directory], store.uri)
    assert mlflow_scores(store, cell) == journal_scores(cell)
    (parent,) = store.tags(invocation=ID, kind="invocation")
    assert (parent[".status"], parent["retable.status"], parent["mlflow.note.content"]) == (
        "FINISHED",
        "ok",
        "all well",
    )
    assert len(store.artifacts("index.html")) == 1


def test_a_server_that_accepts_and_never_answers_costs_a_few_seconds(make: MakeCell, root: Path) -> None:
    cell = make().start()
    with silent_server() as uri:
        tracker = Tracker(uri, "quick", ID, root)
        began = time.monotonic()
        tracker.start([cell.cell])
        tracker.watch(cell.directory)
        assert time.monotonic() - began < 1
        cell.train([0]).end()
        began = time.monotonic()
        tracker.finish("ok")
        assert time.monotonic() - began < 8
    assert tracker.state == "down"
    assert "does not answer" in tracker.message


def test_a_server_that_answers_500_costs_a_few_seconds(make: MakeCell, root: Path) -> None:
    cell = make().start().train([0])
    with failing_server() as uri:
        tracker = Tracker(uri, "quick", ID, root)
        tracker.start([cell.cell])
        tracker.watch(cell.directory)
        wait_for(lambda: tracker.state == "down")
        cell.end()
        began = time.monotonic()
        tracker.finish("ok")
        assert time.monotonic() - began < 4
    assert tracker.state == "down"
    assert "500" in tracker.message


def test_a_server_that_says_it_is_well_and_fails_is_given_up_at_once() -> None:
    import mlflow  # noqa: F401 (its import is not what is timed)

    with failing_server(healthy=True) as uri:
        began = time.monotonic()
        with pytest.raises(UnreachableError, match="too many 500 error responses"):
            open_client(uri)
        assert time.monotonic() - began < 4


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_server_that_dies_mid_run_comes_back_or_is_caught_up_with(make: MakeCell, store: Store, root: Path) -> None:
    port = free_port()
    first, second = make(), make(cell=make_cell(seed=1))
    tracker = Tracker(f"http://127.0.0.1:{port}", "quick", ID, root)
    with real_server(store.file, port) as server:
        tracker.start([first.cell, second.cell])
        for cell in (first, second):
            cell.start().train(range(0, 100, 10), samples=[50])
            tracker.watch(cell.directory)
        wait_for(lambda: store.tags(journal=second.journal) and store.points("curve/l_d", second.journal))
        first.train(range(100, 200, 10)).score_digits(1 / 3).end()
        wait_for(lambda: [run[".status"] for run in store.tags(journal=first.journal)] == ["FINISHED"])
        # Through HTTP as well, every bit of a score arrives.
        assert mlflow_scores(store, first) == journal_scores(first)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        second.train(range(100, 300, 10), samples=[150]).score_digits(2 / 3).end()
        wait_for(lambda: tracker.state == "down")
        began = time.monotonic()
        tracker.finish("ok", None, "summary")
        assert time.monotonic() - began < 6
    assert "`retable sync` will catch up" in tracker.message
    assert sync([first.directory, second.directory], store.uri).failed == {}
    for cell in (first, second):
        assert mlflow_scores(store, cell) == journal_scores(cell)
        assert [run[".status"] for run in store.tags(journal=cell.journal)] == ["FINISHED"]
    assert [run["retable.status"] for run in store.tags(kind="invocation")] == ["ok"]
    rows, files = store.rows(), store.artifacts()
    sync([root], store.uri)
    assert (store.rows(), store.artifacts()) == (rows, files)


@pytest.mark.slow
def test_two_invocations_at_once_share_a_new_database(make: MakeCell, root: Path) -> None:
    cells = [make(cell=make_cell(seed=seed)) for seed in range(2)]
    trackers = [Tracker(f"sqlite:///{root}/mlflow.db", "quick", letter * 32, root) for letter in "de"]
    for tracker, cell in zip(trackers, cells, strict=True):
        tracker.start([cell.cell])
        tracker.watch(cell.directory)
        cell.start().train(range(0, 100, 10)).score_digits().end()
    for tracker in trackers:
        tracker.finish("ok")
        assert tracker.state == "ok", tracker.message
    store = Store(root)
    assert store.query("SELECT count(*) FROM experiments WHERE name = 'retable/quick'") == [(1,)]
    for cell in cells:
        assert mlflow_scores(store, cell) == journal_scores(cell)
        assert [run[".status"] for run in store.tags(journal=cell.journal)] == ["FINISHED"]


MAIN = """
import sys, time
from pathlib import Path
from retable.benchmarks.tracking.tracker import Tracker
uri, root, directory = sys.argv[1:]
tracker = Tracker(uri, "quick", "f0" * 16, Path(root))
tracker.start([{"hash": "0" * 16, "address": "dtn/dtn/digits/s0"}])
tracker.watch(Path(directory))
print("started", flush=True)
time.sleep(100)
"""


def test_when_the_main_process_is_killed_its_runs_are_set_to_killed(make: MakeCell, store: Store, root: Path) -> None:
    cell = make().start().train([0, 10])
    arguments = [sys.executable, "-c", MAIN, store.uri, str(root), str(cell.directory)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as main:
        assert main.stdout is not None
        assert main.stdout.readline() == b"started\n"
        wait_for(lambda: store.tags(journal=cell.journal))
        main.kill()
    wait_for(lambda: [run[".status"] for run in store.tags(invocation="f0" * 16)] == ["KILLED", "KILLED"])


def test_without_an_address_only_the_records_for_a_later_sync_are_kept(
    make: MakeCell, store: Store, root: Path
) -> None:
    cell = make()
    tracker = Tracker(None, "quick", ID, root)
    tracker.start([cell.cell], {"command": "retable run quick --no-track"})
    tracker.watch(cell.directory)
    cell.start().train([0]).end()
    tracker.finish("ok", None, "fine")
    assert (tracker.state, tracker.message) == ("off", "")
    sync([cell.directory], store.uri)
    (parent,) = store.tags(kind="invocation")
    params = dict(store.query("SELECT key, value FROM params WHERE run_uuid = ?", parent[".id"]))
    assert params["command"] == "retable run quick --no-track"
    assert (parent["retable.status"], parent["mlflow.note.content"]) == ("ok", "fine")


def test_a_worker_that_is_killed_is_noticed_and_costs_nothing(make: MakeCell, root: Path) -> None:
    with silent_server() as uri:
        tracker = Tracker(uri, "quick", ID, root)
        tracker.start([make().cell])
        process = tracker._process
        assert process is not None
        process.kill()
        process.wait()
        assert tracker.state == "down"
        tracker.finish("ok")
    assert "`retable sync` will catch up" in tracker.message


@pytest.mark.parametrize("uri", ["nonsense://x", "{folder}/mlruns", "sqlite:////proc/no/mlflow.db"])
def test_an_address_that_mlflow_refuses_is_one_line(uri: str, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as caught:
        open_client(uri.format(folder=tmp_path))
    assert "\n" not in str(caught.value)
    assert uri.format(folder=tmp_path) in str(caught.value)


def test_an_id_that_is_a_path_is_refused(root: Path) -> None:
    with pytest.raises(UserError, match="invocation id"):
        Tracker(None, "quick", "../../x", root)


def test_the_record_of_an_invocation_reads_back(root: Path) -> None:
    invocation = Invocation.begin("ab" * 16, "quick").model_copy(
        update={"summary": "é", "planned": {"0" * 16: "a/b/c/s0"}}
    )
    invocation.write(root)
    assert Invocation.read(root, "ab" * 16) == invocation
    assert invocation.alive
    assert not invocation.model_copy(update={"started": 1}).alive
    assert not invocation.model_copy(update={"host": "elsewhere"}).alive
