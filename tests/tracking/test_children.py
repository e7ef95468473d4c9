"""One cell's folder becomes one child run, the same one however often it is synced."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from retable.benchmarks.tracking.names import score_metric
from retable.benchmarks.tracking.session import Session
from retable.benchmarks.tracking.sync import sync
from retable.reports.records.journal import Metrics, Note, Samples, Scored, read_journal
from retable.reports.records.result import Status
from tests.tracking.conftest import Store
from tests.tracking.factory import DATA, T0, FakeCell, MakeCell, make_cell, make_score


def journal_scores(cell: FakeCell) -> dict[str, float]:
    """The journal's scores by metric; of several with one name the last."""
    scores = [event.score for event in read_journal(cell.directory).events if isinstance(event, Scored)]
    return {score_metric(score.name, score.slice): score.value for score in scores}


def mlflow_scores(store: Store, cell: FakeCell) -> dict[str, float]:
    return {name: value for name, value in store.latest(cell.journal).items() if name.startswith("score/")}


def steps(store: Store, cell: FakeCell, metric: str = "curve/l_d") -> list[object]:
    return [point[0] for point in store.points(metric, cell.journal)]


def finished_cell(make: MakeCell, **kwargs: Any) -> FakeCell:
    cell = make(**kwargs).belongs_to().start().train(range(0, 600, 50), samples=[100, 500])
    return cell.score_digits().end()


def test_mlflow_holds_exactly_the_journals_scores(make: MakeCell, store: Store) -> None:
    cell = finished_cell(make).score(
        make_score("tiny", 5e-324), make_score("third", -1 / 3), make_score("big", 1.7e308)
    )
    sync([cell.directory], store.uri)
    assert mlflow_scores(store, cell) == journal_scores(cell)
    assert len(journal_scores(cell)) == 16


def test_syncing_twice_adds_nothing(make: MakeCell, store: Store) -> None:
    cells = [finished_cell(make, cell=make_cell(seed=seed)) for seed in range(2)]
    cells.append(make(cell=make_cell("dtn/no-gan")).belongs_to().start().train([0, 10]).end("failed", "a bug"))
    first = sync([cell.directory for cell in cells], store.uri)
    before = store.everything()
    second = sync([cell.directory for cell in cells], store.uri)
    assert store.everything() == before
    assert (first.added_runs, second.added_runs, second.sent_points, second.cells) == (3, 0, 0, 3)
    assert first.sent_points > 0


def test_a_tracker_that_died_before_it_noted_what_it_had_stored_adds_nothing(make: MakeCell, store: Store) -> None:
    cell = finished_cell(make)
    sync([cell.directory], store.uri)
    before = store.everything()
    with closing(sqlite3.connect(store.file)) as connection, connection:
        connection.execute("UPDATE tags SET value = '0' WHERE key = 'retable.replayed'")
    assert sync([cell.directory], store.uri).sent_points > 0
    assert store.everything() == before


def test_a_child_run_says_what_it_is(make: MakeCell, store: Store) -> None:
    cell = finished_cell(make, cell=make_cell(seed=3, variant="no3-t"))
    sync([cell.directory], store.uri)
    (run,) = store.tags(journal=cell.journal)
    (parent,) = store.tags(kind="invocation")
    expected = {
        "method": "dtn/dtn",
        "task": "digits",
        "variant": "no3-t",
        "source": "standin",
        "profile": "quick",
        "seed": "3",
        "cell": cell.cell.hash,
        "status": "ok",
        "device": "cpu",
        "environment.torch": "2.15.0",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "dirty": "false",
        "paper": "dtn",
        "address": "dtn/dtn/digits-no3-t/s3",
    }
    assert {key: run[f"retable.{key}"] for key in expected} == expected
    assert run[".name"] == "dtn · digits-no3-t · s3"
    assert run["mlflow.parentRunId"] == parent[".id"]
    assert store.query("SELECT name FROM experiments WHERE name LIKE 'retable/%'") == [("retable/quick",)]
    params = dict(store.query("SELECT key, value FROM params WHERE run_uuid = ?", run[".id"]))
    wanted = {"method.alpha": "15.0", "method.nested.beta": "0.5", "task.source": "standin", "run.precision": "32-true"}
    assert {name: params[name] for name in wanted} == wanted
    assert dict(store.query("SELECT name, digest FROM datasets")) == {
        name: digest[:12] for name, digest in DATA.items()
    }


def test_points_keep_the_journals_steps_and_times(make: MakeCell, store: Store) -> None:
    cell = make().start().train([0, 10, 20]).end()
    sync([cell.directory], store.uri)
    written = [event for event in read_journal(cell.directory).events if isinstance(event, Metrics)]
    expected = [(event.step, event.t, event.values["l_const"]) for event in written]
    assert store.points("curve/l_const", cell.journal) == expected
    assert steps(store, cell, "system/cpu_utilization_percentage") == [0]


@pytest.mark.parametrize(
    ("status", "mlflow_status"),
    [("ok", "FINISHED"), ("failed", "FAILED"), ("oom", "FAILED"), ("nonfinite", "FAILED"), ("timeout", "KILLED")],
)
def test_every_status_is_set_explicitly_with_the_journals_end(
    make: MakeCell, store: Store, status: Status, mlflow_status: str
) -> None:
    cell = make().start().train([0]).end(status, "because")
    sync([cell.directory], store.uri)
    (run,) = store.tags(journal=cell.journal)
    assert (run[".status"], run["retable.status"], run["retable.reason"]) == (mlflow_status, status, "because")
    assert run[".ended"] == str(cell.t)
    assert "because" in run["mlflow.note.content"]


def test_a_skipped_cell_that_never_started_shows_as_skipped(make: MakeCell, store: Store) -> None:
    cell = make().belongs_to().end("skipped", "needs judges/mnist/digits/s0, which failed")
    for _ in range(2):
        sync([cell.directory], store.uri)
    (run,) = store.tags(cell=cell.cell.hash)
    assert (run[".status"], run["retable.status"]) == ("KILLED", "skipped")


def test_a_dead_cell_without_an_end_is_killed_at_its_last_word(make: MakeCell, store: Store) -> None:
    cell = make().start().train([0, 10])
    sync([cell.directory], store.uri)
    (run,) = store.tags(journal=cell.journal)
    assert (run[".status"], run["retable.status"], run[".ended"]) == ("KILLED", "killed", str(cell.t))
    before = store.everything()
    sync([cell.directory], store.uri)
    assert store.everything() == before


def test_a_torn_last_line_is_ignored_and_then_completed(make: MakeCell, store: Store) -> None:
    whole = b'{"t":1790000009999,"event":"metrics","step":30,"values":{"l_d":0.25}}'
    cell = make().start().train([0, 10, 20]).tear(whole[:40])
    sync([cell.directory], store.uri)
    assert steps(store, cell) == [0, 10, 20]
    cell.tear(whole[40:])
    sync([cell.directory], store.uri)
    assert steps(store, cell) == [0, 10, 20, 30]


def test_a_resumed_journal_is_one_run_with_every_step_once(make: MakeCell, store: Store) -> None:
    cell = make().belongs_to().start().train(range(0, 300, 10), samples=[100, 200])
    sync([cell.directory], store.uri)
    cell.start().train(range(200, 600, 10), samples=[200, 400]).score_digits().end()
    sync([cell.directory], store.uri)
    (run,) = store.tags(journal=cell.journal)
    assert (run[".status"], run["retable.attempt"]) == ("FINISHED", "2")
    assert steps(store, cell) == list(range(0, 600, 10))
    system = steps(store, cell, "system/system_memory_usage_megabytes")
    assert system == list(range(len(system)))
    assert len(store.artifacts("samples+step+*.png")) == 3
    assert mlflow_scores(store, cell) == journal_scores(cell)


def test_a_resumed_cell_moves_to_the_invocation_that_took_it_up(make: MakeCell, store: Store) -> None:
    cell = make().belongs_to(id="aa" * 16).start().train([0, 10])
    sync([cell.directory], store.uri)
    cell.belongs_to(id="bb" * 16, started=T0 + 1).start(environment={"device": "NVIDIA H200"}).train([20]).end()
    sync([cell.directory], store.uri)
    (run,) = store.tags(journal=cell.journal)
    (parent,) = store.tags(invocation="bb" * 16, kind="invocation")
    assert run["mlflow.parentRunId"] == parent[".id"]
    assert run["retable.device"] == "NVIDIA H200"
    assert len(store.tags(kind="invocation")) == 2


def test_changed_logging_intervals_on_resume_are_no_conflict(make: MakeCell, store: Store) -> None:
    cell = make().start().train([0])
    run = cell.cell.run.model_copy(update={"samples_every": 99})
    cell.start(cell=cell.cell.model_copy(update={"run": run})).train([10]).end()
    assert sync([cell.directory], store.uri).failed == {}
    assert store.query("SELECT value FROM params WHERE key = 'run.samples_every'") == [("200",)]


def test_lines_with_values_that_are_not_finite_or_torn_are_left_out_and_counted(make: MakeCell, store: Store) -> None:
    cell = make().start().train([0])
    for values in (b'"l_d":NaN', b'"l_d":Infinity', b'"l_d":-1e999', b'"l_d":"high"', b'"l_d":1' + b"0" * 400):
        cell.tear(b'{"t":1790000009999,"event":"metrics","step":1,"values":{' + values + b"}}\n")
    cell.tear('{"t":1,"event":"note","text":"é'.encode()[:-1] + b"\n[1, 2]\n17\n")
    cell.train([10]).end("nonfinite", "l_d is NaN at step 1")
    assert sync([cell.directory], store.uri).failed == {}
    assert steps(store, cell) == [0, 10]
    assert not store.query("SELECT key FROM metrics WHERE is_nan OR abs(value) > 1e300")
    (run,) = store.tags(journal=cell.journal)
    assert (run["retable.unreadable_lines"], run["retable.status"]) == ("8", "nonfinite")


def test_hostile_names_and_oversized_values_do_not_stop_a_sync(make: MakeCell, store: Store) -> None:
    hostile = {"'; DROP TABLE runs; --": "x" * 9000, "../../up": "é" * 7000, "": "", "a\nb": "\0", "k" * 400: 1}
    cell = make(cell=make_cell(**hostile), journal="it's `odd`\n").start(data={"": "", "n" * 900: "d" * 900})
    cell.write(Metrics, step=1, values={"l/../d": 1.0, "": 2.0, "loss %": 3.0, "score/fake": 4.0})
    cell.write(Samples, step=1, file="../../../etc/passwd")
    cell.write(Note, text="n" * 9000).end("failed", "r" * 9000)
    for _ in range(2):
        assert sync([cell.directory], store.uri).failed == {}
    ((name,), *_) = store.query("SELECT name FROM runs WHERE name LIKE 'dtn%'")
    assert name == "dtn · digits · s0"
    assert len(store.query("SELECT DISTINCT key FROM metrics WHERE key NOT LIKE 'system/%'")) == 4
    assert not store.query("SELECT key FROM metrics WHERE key LIKE 'score/%'")
    assert not [path for path in store.artifacts() if "passwd" in path]


def test_a_cell_of_another_version_is_one_clear_line(make: MakeCell, store: Store) -> None:
    cell, other = make(), make(cell=make_cell(seed=1)).start().end()
    (cell.directory / "cell.json").write_text('{"method": "dtn/dtn"}')
    cell.tear(b'{"t":1790000009999,"event":"start","journal":"x","attempt":1,"cell":{"method":"dtn/dtn"}}\n')
    report = sync([cell.directory, other.directory], store.uri)
    assert "neither journal nor cell.json can be read by this version of Retable" in report.failed[cell.directory]
    assert report.cells == 1


def test_artifacts_hold_what_the_cell_left(make: MakeCell, store: Store) -> None:
    cell = finished_cell(make)
    (cell.directory / "samples" / "step-000500.png").unlink()
    sync([cell.directory], store.uri)
    names = [Path(path).name for path in store.artifacts()]
    for name in ("result.json", "cell.json", "log.txt", "weights.safetensors", "test.png"):
        assert names.count(name) == 1, name
    for name in ("weights.safetensors", "result.json"):
        (stored,) = store.artifacts(name)
        assert (store.root / stored).read_bytes() == (cell.directory / name).read_bytes()
    assert len(store.artifacts("samples+step+100+*")) == 2
    assert not store.artifacts("samples+step+500+*")


def _shape(path: str) -> str:
    return re.sub(r"\+\d+(?=\+)", "+N", re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", path))


def test_sample_grids_are_named_as_mlflows_own_log_image_names_them(make: MakeCell, store: Store) -> None:
    from mlflow.tracking import MlflowClient
    from PIL import Image

    cell = finished_cell(make)
    sync([cell.directory], store.uri)
    (run,) = store.tags(journal=cell.journal)
    ours = set(store.artifacts("samples+*"))
    client = MlflowClient(store.uri)
    client.log_image(run[".id"], Image.new("RGB", (8, 8)), key="samples", step=7, timestamp=T0, synchronous=True)
    theirs = set(store.artifacts("samples+*")) - ours
    pattern = {_shape(path) for path in ours}
    assert {_shape(path) for path in theirs} == pattern
    assert len(pattern) == 2
    assert run["mlflow.loggedImages"] == "True"


def test_the_preview_of_a_wide_grid_has_it_at_the_top_where_the_ui_shows_it(make: MakeCell, store: Store) -> None:
    from PIL import Image

    cell = finished_cell(make)
    sync([cell.directory], store.uri)
    with Image.open(store.root / store.artifacts("samples+step+100+*.webp")[0]) as preview:
        assert preview.width == preview.height
        assert preview.getbbox() == (0, 0, preview.width, preview.width * 3 // 8)
    with Image.open(store.root / store.artifacts("samples+step+100+*.png")[0]) as full:
        assert full.size == (512, 192)


def test_result_and_done_come_before_the_run_is_closed(make: MakeCell, store: Store) -> None:
    """The end event is written first: a tracker that looks right then must not upload half of the files."""
    cell = make().start().train([0])
    session = Session(store.uri)
    session.cell(cell.directory, None, over=False)
    cell.end(done=False)
    session.cell(cell.directory, None, over=False)
    assert [run[".status"] for run in store.tags(journal=cell.journal)] == ["RUNNING"]
    cell.mark_done()
    session.cell(cell.directory, None, over=False)
    assert [run[".status"] for run in store.tags(journal=cell.journal)] == ["FINISHED"]
    assert json.loads((store.root / store.artifacts("result.json")[0]).read_text())["status"] == "ok"


def test_thousands_of_points_arrive(make: MakeCell, store: Store) -> None:
    cell = make().start().train(range(1200)).end()
    report = sync([cell.directory], store.uri)
    assert steps(store, cell) == list(range(1200))
    assert report.sent_points == 3 * 1200 + 2 * 240
