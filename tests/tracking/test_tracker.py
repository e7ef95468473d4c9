"""Live tracking: what arrives while cells run, and that no server and no death of a process costs a run anything."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retable.benchmarks.tracking.sync import sync
from retable.benchmarks.tracking.tracker import Tracker
from tests.tracking.conftest import Store
from tests.tracking.factory import MakeCell, make_cell
from tests.tracking.servers import failing_server, free_port, real_server, silent_server

CATCH_UP = "; `retable sync` will catch up"


def wait_for(condition: Callable[[], object], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def finish(tracker: Tracker, within_s: float, status: str, report: Path | None = None, summary: str = "") -> None:
    began = time.monotonic()
    tracker.finish(status, report, summary)
    assert time.monotonic() - began < within_s


@pytest.fixture
def report(root: Path) -> Path:
    folder = root / "report" / "quick"
    (folder / "figures").mkdir(parents=True)
    for name in ("index.html", "figures/a.svg"):
        (folder / name).write_text(name)
    return folder


def test_points_samples_and_report_arrive_while_cells_run(
    make: MakeCell, store: Store, root: Path, report: Path
) -> None:
    good, bad = make().start().train(range(0, 200, 10), samples=[100]), make(cell=make_cell("dtn/no-gan"))
    tracker = Tracker(store.uri, "quick", root, [good.cell, bad.cell])
    assert tracker.state == f"connecting to {store.uri}"
    tracker.watch(good.directory)
    wait_for(lambda: tracker.state == f"ok {store.uri}")
    wait_for(lambda: store.tags(journal=good.journal) and len(store.points(good)) == 20)
    wait_for(lambda: store.artifacts("samples+step+100+*.png"))
    assert store.run(good)[".status"] == "RUNNING"

    tracker.watch(bad.directory)
    bad.start().train([0, 10]).end("oom", "killed by the kernel")
    good.train(range(200, 300, 10)).score_digits().end()
    finish(tracker, 10, "failed", report, "| row | accuracy |\n|---|---|\n| DTN | 86.4 |")
    assert tracker.state == f"ok {store.uri}, experiment retable/quick"

    assert store.scores(good) == good.journal_scores
    assert len(store.points(good)) == 30
    assert store.run(bad)[".status"] == "FAILED"
    (parent,) = store.tags(kind="invocation")
    assert (parent[".status"], parent["retable.status"]) == ("FAILED", "failed")
    assert parent["mlflow.note.content"].startswith("| row | accuracy |")
    assert sorted(Path(path).name for path in store.artifacts() if "/report/" in path) == ["a.svg", "index.html"]
    children = [run for run in store.tags(invocation=tracker.invocation.id) if "retable.journal" in run]
    assert [run["mlflow.parentRunId"] for run in children] == 2 * [parent[".id"]]
    before = store.everything()
    sync([root], store.uri)
    assert store.everything() == before


def test_a_cell_that_mlflow_does_not_take_is_named_and_keeps_no_other_from_it(
    make: MakeCell, store: Store, root: Path
) -> None:
    broken, good = make().start().train([0]), make(cell=make_cell(seed=1)).start().train([0, 10])
    (broken.directory / ".tracking.lock").symlink_to("nowhere")
    tracker = Tracker(store.uri, "quick", root, [broken.cell, good.cell])
    for cell in (broken, good):
        tracker.watch(cell.directory)
    wait_for(lambda: tracker.state.startswith("incomplete"))
    for cell in (broken, good):
        cell.score_digits().end()
    finish(tracker, 20, "ok")
    assert tracker.state.startswith(f"incomplete: 1 of 2 cells unsent, {broken.directory.name}: ")
    assert tracker.state.endswith(CATCH_UP)
    assert store.scores(good) == good.journal_scores
    assert store.run(good)[".status"] == "FINISHED"
    assert [run["retable.status"] for run in store.tags(kind="invocation")] == ["ok"]


def test_a_server_that_is_down_costs_little_and_sync_catches_up(
    make: MakeCell, store: Store, root: Path, report: Path
) -> None:
    cell = make()
    tracker = Tracker(f"http://user:secret@127.0.0.1:{free_port()}", "quick", root, [cell.cell])
    tracker.watch(cell.directory)
    wait_for(lambda: tracker.state.startswith("down"))
    cell.start().train([0, 10]).score_digits().end()
    finish(tracker, 4, "ok", report, "all well")
    assert tracker.state.endswith(CATCH_UP)
    log = tracker.invocation.file(root, ".log").read_text()
    assert "secret" not in tracker.state + log

    store.sync(cell)
    assert store.scores(cell) == cell.journal_scores
    (parent,) = store.tags(kind="invocation")
    told = parent[".status"], parent["retable.status"], parent["mlflow.note.content"]
    assert told == ("FINISHED", "ok", "all well")
    assert len(store.artifacts("index.html")) == 1


@pytest.mark.parametrize(("server", "words"), [(silent_server, "timed out"), (failing_server, "500")])
def test_a_server_that_never_answers_or_only_fails_costs_a_few_seconds(
    make: MakeCell, root: Path, server: Callable[[], contextlib.AbstractContextManager[str]], words: str
) -> None:
    cell = make().start()
    with server() as uri:
        began = time.monotonic()
        tracker = Tracker(uri, "quick", root, [cell.cell])
        tracker.watch(cell.directory)
        assert time.monotonic() - began < 1
        wait_for(lambda: tracker.state.startswith("down"))
        cell.train([0]).end()
        finish(tracker, 6, "ok")
    assert tracker.state.startswith("down")
    assert words in tracker.state
    assert tracker.state.endswith(CATCH_UP)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_server_that_dies_mid_run_is_caught_up_with(make: MakeCell, store: Store, root: Path) -> None:
    port = free_port()
    first, second = make(), make(cell=make_cell(seed=1))
    with real_server(store.file, port) as server:
        tracker = Tracker(f"http://127.0.0.1:{port}", "quick", root, [first.cell, second.cell])
        for cell in (first, second):
            cell.start().train(range(0, 100, 10), samples=[50])
            tracker.watch(cell.directory)
        wait_for(lambda: store.tags(journal=second.journal) and store.points(second))
        first.train(range(100, 200, 10)).score_digits(1 / 3).end()
        wait_for(lambda: store.run(first)[".status"] == "FINISHED")
        # Through HTTP as well, every bit of a score arrives.
        assert store.scores(first) == first.journal_scores
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        second.train(range(100, 300, 10), samples=[150]).score_digits(2 / 3).end()
        wait_for(lambda: tracker.state.startswith("down"))
        finish(tracker, 6, "ok", None, "summary")
    assert tracker.state.endswith(CATCH_UP)
    assert store.sync(first, second).failed == {}
    for cell in (first, second):
        assert store.scores(cell) == cell.journal_scores
        assert store.run(cell)[".status"] == "FINISHED"
    assert [run["retable.status"] for run in store.tags(kind="invocation")] == ["ok"]
    # What the server received and what sync brought later lie in one folder, which `retable ui` serves.
    assert [len(store.artifacts(name)) for name in ("samples+step+50+*.png", "result.json")] == [2, 2]
    before = store.everything()
    sync([root], store.uri)
    assert store.everything() == before


@pytest.mark.slow
def test_two_invocations_at_once_share_a_new_database(make: MakeCell, root: Path) -> None:
    cells = [make(cell=make_cell(seed=seed)) for seed in range(2)]
    trackers = [Tracker(f"sqlite:///{root}/mlflow.db", "quick", root, [cell.cell]) for cell in cells]
    for tracker, cell in zip(trackers, cells, strict=True):
        tracker.watch(cell.directory)
        cell.start().train(range(0, 100, 10)).score_digits().end()
    for tracker in trackers:
        tracker.finish("ok")
        assert tracker.state.startswith("ok"), tracker.state
    store = Store(root)
    assert store.query("SELECT count(*) FROM experiments WHERE name = 'retable/quick'") == [(1,)]
    for cell in cells:
        assert store.scores(cell) == cell.journal_scores
        assert store.run(cell)[".status"] == "FINISHED"


MAIN = """
import sys, time
from pathlib import Path
from retable.benchmarks.tracking.tracker import Tracker
uri, root, directory = sys.argv[1:]
tracker = Tracker(uri, "quick", Path(root), [])
tracker.watch(Path(directory))
print("started", flush=True)
time.sleep(100)
"""


def test_when_the_main_process_is_killed_its_runs_are_set_to_killed(make: MakeCell, store: Store, root: Path) -> None:
    cell = make().start().train([0, 10])
    arguments = [sys.executable, "-c", MAIN, store.uri, str(root), str(cell.directory)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as main:
        assert main.stdout.readline() == b"started\n"
        wait_for(lambda: store.tags(journal=cell.journal))
        main.kill()
    wait_for(lambda: [run[".status"] for run in store.tags(suite="quick")] == ["KILLED", "KILLED"])


def test_without_an_address_only_the_records_for_a_later_sync_are_kept(
    make: MakeCell, store: Store, root: Path
) -> None:
    cell = make()
    tracker = Tracker(None, "quick", root, [cell.cell])
    tracker.watch(cell.directory)
    cell.start().train([0]).end()
    tracker.finish("ok", None, "fine")
    assert tracker.state == "off"
    store.sync(cell)
    (parent,) = store.tags(kind="invocation")
    params = dict(store.query("SELECT key, value FROM params WHERE run_uuid = ?", parent[".id"]))
    assert params["command"] == tracker.invocation.command
    assert (params["device"], params["cells"]) == ("cpu", "1")
    assert (parent["retable.status"], parent["mlflow.note.content"]) == ("ok", "fine")


def test_a_tracker_whose_process_is_killed_says_so_and_costs_nothing(make: MakeCell, root: Path) -> None:
    with silent_server() as uri:
        tracker = Tracker(uri, "quick", root, [make().cell])
        process = tracker._process
        process.kill()
        process.wait()
        assert tracker.state.startswith("down")
        finish(tracker, 1, "ok")
    assert tracker.state.endswith(CATCH_UP)
