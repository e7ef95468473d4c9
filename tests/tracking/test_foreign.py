"""A folder of runs from anybody: nothing outside it is read, written or uploaded, and nothing in it stops a sync."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retable.benchmarks.tracking.artifacts import LOG_END, artifacts_of
from retable.benchmarks.tracking.sync import sync
from retable.reports.records.files import own_file, own_files
from retable.reports.records.invocation import Invocation
from tests.tracking.conftest import Store
from tests.tracking.factory import T0, MakeCell, draw_grid, make_cell, record

KEY = "PRIVATE-KEY"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with somebody's secrets, which are a picture and a JSON object as well."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "key.txt").write_text(KEY)
    (folder / "key.json").write_text(json.dumps({"profile": KEY}))
    draw_grid(folder / "key.png", 7)
    return folder


def contents(store: Store) -> bytes:
    artifacts = b"".join((store.root / name).read_bytes() for name in store.artifacts())
    return artifacts + "".join(store.artifacts()).encode() + str(store.tags()).encode()


@pytest.mark.parametrize("where", ["", "..", "../home", "/report/../../home", "/report/link", "absolute"])
def test_only_a_report_of_these_runs_is_uploaded_with_their_invocation(
    make: MakeCell, store: Store, root: Path, outside: Path, where: str
) -> None:
    reports = root / "report"
    reports.mkdir()
    (reports / "link").symlink_to(outside)
    (reports / "index.html").write_text("fine")
    (reports / "leak.html").symlink_to(outside / "key.txt")
    (reports / "figures").symlink_to(outside)
    named = str(outside) if where == "absolute" else f"{root}{where}" if where.startswith("/") else where
    record(root, "a1", [make().belongs_to(id="a1").start().end()], report=named)
    record(root, "a2", [], report=str(reports))
    sync([root], store.uri)
    assert [Path(name).name for name in store.artifacts() if "/report/" in name] == ["index.html"]
    assert KEY.encode() not in contents(store)


def test_a_report_that_a_cell_names_is_not_uploaded(make: MakeCell, store: Store, outside: Path) -> None:
    cell = make().belongs_to().start().end()
    known = json.loads((cell.directory / "invocation.json").read_text())
    (cell.directory / "invocation.json").write_text(json.dumps({**known, "report": str(outside), "status": "ok"}))
    store.sync(cell)
    assert KEY.encode() not in contents(store)


def test_links_in_a_cells_folder_are_not_followed(make: MakeCell, store: Store, outside: Path) -> None:
    cell = make().belongs_to().start().end()
    other = make(cell=make_cell(seed=1))
    for name, target in (
        ("log.txt", "key.txt"),
        ("weights.safetensors", "key.txt"),
        ("samples", "."),
        ("cell.json", "key.json"),
    ):
        path = cell.directory / name
        path.unlink(missing_ok=True)
        path.symlink_to(outside / target)
    (cell.directory / "images" / "key.png").symlink_to(outside / "key.png")
    for file in ("samples/key.png", "../../../home/key.png", str(outside / "key.png"), "x\0y", "n" * 5000):
        event = {"t": T0, "event": "samples", "step": len(file), "file": file}
        cell.tear(json.dumps(event).encode() + b"\n")
    cell.end()
    (other.directory / "images").symlink_to(outside)
    (other.directory / "cell.json").unlink()
    (other.directory / "cell.json").symlink_to(outside / "key.json")
    other.start().end("failed", "x")
    assert store.sync(cell, other).failed == {}
    assert KEY.encode() not in contents(store)
    assert not [name for name in store.artifacts() if "key" in name or "samples+step" in name]
    assert len(store.artifacts("result.json")) == 2


def test_a_linked_cell_is_named_and_left_out_unless_it_is_asked_for(make: MakeCell, store: Store, root: Path) -> None:
    good, linked = make().start().end(), make(cell=make_cell(seed=1)).start().end()
    away = linked.directory.rename(root / "away")
    linked.directory.symlink_to(away)
    os.mkfifo(make(cell=make_cell(seed=2)).path)
    report = sync([root / "cells"], store.uri)
    assert report.cells == 1
    assert sorted(report.failed)[0] == linked.directory
    assert len(report.failed) == 2
    assert store.run(good)[".status"] == "FINISHED"
    assert sync([linked.directory], store.uri).failed == {}
    assert store.run(linked)[".status"] == "FINISHED"


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../x"},
        {"id": "a\n"},
        {"id": "a" * 300},
        {"suite": "s" * 9000},
        {"started": 10**400},
        {"started": -1},
        {"ended": 10**30},
        {"host": "h" * 9000},
        {"pid": 10**30},
        {"planned": {"../../x": ""}},
        {"watched": ["../../x"]},
        {"watched": [".."]},
        {"report": 5},
    ],
)
def test_a_record_whose_names_could_lead_elsewhere_is_none(root: Path, change: dict[str, Any]) -> None:
    good = {"id": "a1", "suite": "quick", "started": T0}
    file = root / "invocations" / "a1.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(good))
    assert Invocation.read(file) is not None
    file.write_text(json.dumps({**good, **change}))
    assert Invocation.read(file) is None


def test_what_mlflow_does_not_take_of_one_invocation_does_not_stop_the_others(
    make: MakeCell, store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id_ in ("a1", "a2"):
        record(root, id_, [make(cell=make_cell(seed=int(id_[1]))).start().end()], report=str(root / "report"))
    (root / "report").mkdir()
    (root / "report" / "index.html").write_text("x")

    def refuse(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("mlflow.store.artifact.local_artifact_repo.LocalArtifactRepository.log_artifact", refuse)
    report = sync([root], store.uri)
    assert {path.name for path in report.failed} >= {"a1.json", "a2.json"}
    assert "no space left" in str(report)


def test_of_a_log_without_limit_the_beginning_and_the_end_are_uploaded(make: MakeCell, store: Store) -> None:
    cell = make().start().end()
    with (cell.directory / "log.txt").open("wb") as file:
        file.write(b"first words")
        file.truncate(2**30)
        file.seek(2**30 - 10)
        file.write(b"last words")
    store.sync(cell)
    (name,) = store.artifacts("log.txt")
    stored = (store.root / name).read_bytes()
    assert len(stored) < 2 * LOG_END + 500
    assert stored.startswith(b"first words")
    assert stored.endswith(b"last words")
    assert f"{2**30 - 2 * LOG_END:,} bytes are left out here".encode() in stored


def test_only_regular_files_below_a_folder_are_its_own(tmp_path: Path, outside: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "file").write_text("x")
    (folder / "inner").symlink_to(folder / "below")
    (folder / "outer").symlink_to(outside)
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    names: dict[str | Path, bool] = {
        "below/file": True,
        "./below/file": True,
        "below": False,
        "pipe": False,
        "loop": False,
    }
    names |= {"inner/file": False, "outer/key.txt": False, "../home/key.txt": False, outside / "key.txt": False}
    names |= {"": False, ".": False, "absent": False, "\0": False, "n" * 5000: False, "below/../below/file": False}
    assert {name: own_file(folder, name) is not None for name in names} == names
    assert own_files(folder, ".") == [folder / "below" / "file"]
    assert own_files(folder, "outer") == own_files(folder, "../home") == own_files(folder, str(outside)) == []


ADDRESSES = [
    *("file:///home/victim/x/r1/artifacts", "/home/victim/a", "mlflow-artifacts:/1/r1/artifacts"),
    *("file:///elsewhere/mlartifacts/../../home/x", "s3://theirs/r1"),
]


@pytest.mark.parametrize("where", ADDRESSES)
def test_artifacts_of_a_database_in_a_folder_of_runs_stay_beside_it(where: str, tmp_path: Path) -> None:
    client = SimpleNamespace(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    run = SimpleNamespace(info=SimpleNamespace(artifact_uri=where, run_id="r1"))
    to = artifacts_of(client, run)  # type: ignore[arg-type]
    assert Path(to.artifact_dir).resolve().is_relative_to(tmp_path.resolve() / "mlartifacts")
