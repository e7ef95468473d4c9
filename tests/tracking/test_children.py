"""One cell's folder becomes one child run, the same one however often it is synced."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from PIL import Image

from retable.benchmarks.tracking.session import Session
from retable.reports.records.invocation import Invocation
from retable.reports.records.journal import Metrics, Note, Scored, read_journal
from retable.reports.records.result import Status
from tests.tracking.conftest import Store
from tests.tracking.factory import DATA, T0, FakeCell, MakeCell, make_cell, make_score


def finished_cell(make: MakeCell, **kwargs: Any) -> FakeCell:
    cell = make(**kwargs).belongs_to().start().train(range(0, 600, 50), samples=[100, 500])
    return cell.score_digits().end()


def test_mlflow_holds_exactly_the_journals_scores(make: MakeCell, store: Store) -> None:
    extremes = make_score("tiny", 5e-324), make_score("third", -1 / 3), make_score("big", 1e100)
    cell = finished_cell(make).score(*extremes)
    store.sync(cell)
    assert store.scores(cell) == cell.journal_scores
    assert len(cell.journal_scores) == 16


def test_scores_on_the_way_are_points_of_the_same_metric_and_the_last_one_is_shown(
    make: MakeCell, store: Store
) -> None:
    cell = make().start().train([0, 300])
    cell.write(Scored, score=make_score("accuracy.target", 40.0), step=300).train([599])
    cell.score(make_score("accuracy.target", 86.0)).end()
    store.sync(cell)
    (name,) = store.scores(cell)
    assert [(step, value) for step, _, value in store.points(cell, name)] == [(300, 40.0), (600, 86.0)]
    assert store.scores(cell) == {name: 86.0}


def test_syncing_twice_adds_nothing_even_if_the_first_died_before_its_last_word(make: MakeCell, store: Store) -> None:
    cells = [finished_cell(make, cell=make_cell(seed=seed)) for seed in range(2)]
    cells.append(make(cell=make_cell("dtn/no-gan")).belongs_to().start().train([0, 10]).end("failed", "a bug"))
    cells.append(make(cell=make_cell("dtn/no-tid")).start().train([0, 10]))
    first, before = store.sync(*cells), store.everything()
    second = store.sync(*cells)
    assert store.everything() == before
    assert (first.added_runs, second.added_runs, second.sent_points, second.cells) == (4, 0, 0, 4)
    with closing(sqlite3.connect(store.file)) as connection, connection:
        connection.execute("UPDATE tags SET value = '0' WHERE key = 'retable.replayed'")
    assert store.sync(*cells).sent_points == first.sent_points > 0
    assert store.everything() == before


def test_a_child_run_says_what_it_is(make: MakeCell, store: Store) -> None:
    cell = finished_cell(make, cell=make_cell(seed=3, variant="no3-t"))
    store.sync(cell)
    run = store.run(cell)
    (parent,) = store.tags(kind="invocation")
    expected = {"paper": "dtn", "method": "dtn/dtn", "task": "digits", "variant": "no3-t", "seed": "3", "status": "ok"}
    expected |= {"profile": "quick", "source": "standin", "cell": cell.cell.hash, "address": "dtn/dtn/digits-no3-t/s3"}
    expected |= {"device": "cpu", "commit": "0123456789" * 4, "dirty": "false", "environment.torch": "2.15.0"}
    assert {key: run[f"retable.{key}"] for key in expected} == expected
    assert run[".name"] == "dtn · digits-no3-t · s3"
    assert run["mlflow.parentRunId"] == parent[".id"]
    assert store.query("SELECT name FROM experiments WHERE name LIKE 'retable/%'") == [("retable/quick",)]
    params = dict(store.query("SELECT key, value FROM params WHERE run_uuid = ?", run[".id"]))
    wanted = {"method.alpha": "15.0", "method.nested.beta": "0.5", "task.source": "standin", "run.precision": "32-true"}
    assert {name: params[name] for name in wanted} == wanted
    known = {name: digest[:12] for name, digest in DATA.items()}
    assert dict(store.query("SELECT name, digest FROM datasets")) == known


@pytest.mark.parametrize("reused", [False, True], ids=["sync", "run"])
def test_a_cell_that_other_sources_made_says_so_until_that_is_over(
    make: MakeCell, store: Store, root: Path, monkeypatch: pytest.MonkeyPatch, reused: bool
) -> None:
    facts = {"device": "cpu", "code": "c0de", "modules": "retable.methods.dtn.dtn"}
    cell = make().belongs_to().start(environment=facts).train([0])
    cell.start(environment={**facts, "code": "resumed"}).train([10]).end()
    result = json.loads((cell.directory / "result.json").read_text())
    (cell.directory / "result.json").write_text(json.dumps({**result, "environment": facts}))
    invocation = Invocation(id="a", suite="quick", started=T0, planned={cell.cell.hash: cell.cell.address})
    for words in ("", "other sources", "other sources, torch 1.0 (now 2.0)", ""):
        for module in ("children", "session"):
            name = f"retable.benchmarks.tracking.{module}.made_elsewhere"
            # The first attempt decides: what it began went on.
            monkeypatch.setattr(name, lambda environment, words=words: words if environment == facts else "no facts")
        if reused and words:
            Session(store.uri).mark_reused(invocation, root)
        else:
            store.sync(cell)
        run, (parent,) = store.run(cell), store.tags(kind="invocation")
        assert run.get("retable.stale") == (words or None)
        assert run["mlflow.parentRunId"] == parent[".id"], "it stays with the invocation that ran it"
    assert run["retable.environment.code"] == "c0de"


def test_thousands_of_points_keep_the_journals_steps_and_times(make: MakeCell, store: Store) -> None:
    cell = make().start().train(range(1200)).end()
    assert store.sync(cell).sent_points == 3 * 1200 + 2 * 240
    written = [event for event in read_journal(cell.directory).events if isinstance(event, Metrics)]
    assert store.points(cell, "curve/l_const") == [(one.step, one.t, one.values["l_const"]) for one in written]
    assert store.steps(cell, "system/cpu_utilization_percentage") == list(range(240))


@pytest.mark.parametrize(
    ("status", "mlflow_status"),
    [("ok", "FINISHED"), ("failed", "FAILED"), ("oom", "FAILED"), ("nonfinite", "FAILED"), ("timeout", "KILLED")],
)
def test_every_status_is_set_explicitly_with_the_journals_end(
    make: MakeCell, store: Store, status: Status, mlflow_status: str
) -> None:
    cell = make().start().train([0]).end(status, "because")
    store.sync(cell)
    run = store.run(cell)
    assert (run[".status"], run["retable.status"], run["retable.reason"]) == (mlflow_status, status, "because")
    assert run[".ended"] == str(cell.t)
    assert "because" in run["mlflow.note.content"]


def test_a_skipped_cell_that_never_started_shows_as_skipped(make: MakeCell, store: Store) -> None:
    cell = make().belongs_to().end("skipped", "needs judges/mnist/digits/s0, which failed")
    for _ in range(2):
        store.sync(cell)
    (run,) = store.tags(cell=cell.cell.hash)
    assert (run[".status"], run["retable.status"]) == ("KILLED", "skipped")


def test_a_dead_cell_is_killed_at_its_last_word_and_a_torn_line_completed_later(make: MakeCell, store: Store) -> None:
    whole = b'{"t":1790000009999,"event":"metrics","step":30,"values":{"l_d":0.25}}'
    cell = make().start().train([0, 10, 20]).tear(whole[:40])
    store.sync(cell)
    run = store.run(cell)
    assert (run[".status"], run["retable.status"], run[".ended"]) == ("KILLED", "killed", str(cell.t))
    assert store.steps(cell) == [0, 10, 20]
    cell.tear(whole[40:])
    store.sync(cell)
    assert store.steps(cell) == [0, 10, 20, 30]


def test_a_resumed_cell_is_one_run_with_every_step_once_below_the_invocation_that_took_it_up(
    make: MakeCell, store: Store
) -> None:
    cell = make().belongs_to(id="aa").start().train(range(0, 300, 10), samples=[100, 200])
    store.sync(cell)
    # Logging intervals may differ in later attempts, and MLflow refuses to change a parameter.
    settings = cell.cell.run.model_copy(update={"samples_every": 99})
    changes = {"environment": {"device": "NVIDIA H200"}, "cell": cell.cell.model_copy(update={"run": settings})}
    cell.belongs_to(id="bb", started=T0 + 1).start(**changes).train(range(200, 600, 10), samples=[200, 400])
    assert store.sync(cell.score_digits().end()).failed == {}
    run = store.run(cell)
    (parent,) = store.tags(invocation="bb", kind="invocation")
    found = [run[key] for key in (".status", "retable.attempt", "retable.device", "mlflow.parentRunId")]
    assert found == ["FINISHED", "2", "NVIDIA H200", parent[".id"]]
    assert len(store.tags(kind="invocation")) == 2
    assert store.steps(cell) == list(range(0, 600, 10))
    system = store.steps(cell, "system/gpu_memory_mb")
    assert system == list(range(len(system)))
    assert len(store.artifacts("samples+step+*.png")) == 3
    assert store.scores(cell) == cell.journal_scores
    assert store.query("SELECT value FROM params WHERE key = 'run.samples_every'") == [("200",)]


def test_lines_with_values_that_are_not_finite_or_torn_are_left_out_and_counted(make: MakeCell, store: Store) -> None:
    cell = make().start().train([0])
    for values in (b'"l_d":NaN', b'"l_d":Infinity', b'"l_d":-1e999', b'"l_d":"high"', b'"l_d":1' + b"0" * 400):
        cell.tear(b'{"t":1790000009999,"event":"metrics","step":1,"values":{' + values + b"}}\n")
    cell.tear('{"t":1,"event":"note","text":"é'.encode()[:-1] + b"\n[1, 2]\n17\n")
    cell.train([10]).end("nonfinite", "l_d is NaN at step 1")
    assert store.sync(cell).failed == {}
    assert store.steps(cell) == [0, 10]
    assert not store.query("SELECT key FROM metrics WHERE is_nan OR abs(value) > 1e300")
    assert store.run(cell)["retable.unreadable_lines"] == "8"


def test_hostile_names_and_oversized_values_do_not_stop_a_sync(make: MakeCell, store: Store) -> None:
    hostile = {"'; DROP TABLE runs; --": "x" * 9000, "../../up": "é" * 7000, "": "", "a\nb": "\0", "k" * 400: 1}
    cell = make(cell=make_cell(**hostile), journal="it's `odd`\n").start(data={"": "", "n" * 900: "d" * 900})
    cell.write(Metrics, step=1, values={"l/../d": 1.0, "": 2.0, "loss %": 3.0, "score/fake": 4.0})
    cell.tear(b'{"t":1,"event":"samples","step":1,"file":"../../../etc/passwd"}\n')
    cell.write(Note, text="n" * 9000).end("failed", "r" * 9000)
    for _ in range(2):
        assert store.sync(cell).failed == {}
    assert store.query("SELECT name FROM runs") == [("dtn · digits · s0",)]
    assert len(store.query("SELECT DISTINCT key FROM metrics WHERE key NOT LIKE 'system/%'")) == 4
    assert not store.query("SELECT key FROM metrics WHERE key LIKE 'score/%'")
    assert not [path for path in store.artifacts() if "passwd" in path]


def test_a_cell_of_another_version_is_one_clear_line(make: MakeCell, store: Store) -> None:
    cell, other = make(), make(cell=make_cell(seed=1)).start().end()
    (cell.directory / "cell.json").write_text('{"method": "dtn/dtn"}')
    cell.tear(b'{"t":1790000009999,"event":"start","journal":"x","attempt":1,"cell":{"method":"dtn/dtn"}}\n')
    report = store.sync(cell, other)
    assert "neither journal nor cell.json can be read by this version of Retable" in report.failed[cell.directory]
    assert report.cells == 1


def test_artifacts_hold_what_the_cell_left(make: MakeCell, store: Store) -> None:
    cell = finished_cell(make)
    (cell.directory / "samples" / "step-000500.png").unlink()
    store.sync(cell)
    for name in ("result.json", "cell.json", "log.txt", "weights.safetensors", "images/test.png"):
        (stored,) = store.artifacts(Path(name).name)
        assert (store.root / stored).read_bytes() == (cell.directory / name).read_bytes(), name
    assert len(store.artifacts("samples+step+100+*")) == 2
    assert not store.artifacts("samples+step+500+*")


def test_sample_grids_are_named_as_mlflows_own_and_previewed_at_the_top_where_the_ui_shows_them(
    make: MakeCell, store: Store
) -> None:
    def shapes(paths: set[str]) -> set[str]:
        return {re.sub(r"\+\d+(?=\+)", "+N", re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", path)) for path in paths}

    cell = finished_cell(make)
    store.sync(cell)
    run, ours, picture = store.run(cell), set(store.artifacts("samples+*")), Image.new("RGB", (8, 8))
    MlflowClient(store.uri).log_image(run[".id"], picture, key="samples", step=7, timestamp=T0, synchronous=True)
    assert shapes(set(store.artifacts("samples+*")) - ours) == shapes(ours)
    assert len(shapes(ours)) == 2
    assert run["mlflow.loggedImages"] == "True"
    with Image.open(store.root / store.artifacts("samples+step+100+*.webp")[0]) as preview:
        assert preview.width == preview.height
        assert preview.getbbox() == (0, 0, preview.width, preview.width * 3 // 8)
    with Image.open(store.root / store.artifacts("samples+step+100+*.png")[0]) as full:
        assert full.size == (512, 192)


def test_result_and_done_come_before_the_run_is_closed(make: MakeCell, store: Store) -> None:
    """The end event is written first: a tracker that looks right then must not upload half of the files."""
    cell, session = make().start().train([0]), Session(store.uri)
    session.cell(cell.directory, None, over=False)
    cell.end(done=False)
    session.cell(cell.directory, None, over=False)
    assert store.run(cell)[".status"] == "RUNNING"
    cell.mark_done()
    session.cell(cell.directory, None, over=False)
    assert store.run(cell)[".status"] == "FINISHED"
    assert json.loads((store.root / store.artifacts("result.json")[0]).read_text())["status"] == "ok"
