"""The database is whole or not there, wherever it lies, and what somebody tracked in it is never lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking import database, default_uri
from retable.benchmarks.tracking.connect import mlflow_uri, open_client, shown, sqlite_file
from retable.benchmarks.tracking.sync import sync
from tests.tracking.conftest import Store
from tests.tracking.factory import MakeCell

STOPPED_AT = "DROP TABLE webhooks; UPDATE alembic_version SET version_num = '451aebb31d03'"
"""As a kill leaves it: some tables of later steps, and the number of an early one."""


def change(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(sql)


def test_making_a_database_that_stops_half_way_leaves_none_and_the_next_one_is_whole(root: Path) -> None:
    root.mkdir()
    file = root / "mlflow.db"

    def die(new: Path) -> None:
        change(new, "CREATE TABLE experiments (x)")
        Path(f"{new}-journal").write_bytes(b"hot")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.prepare(file, die)
    assert not file.exists()
    assert list(root.iterdir())
    Path(f"{file}-journal").write_bytes(b"of a database that somebody removed")
    database.prepare(file, lambda new: change(new, "CREATE TABLE whole (x)"))
    assert [path.name for path in root.iterdir()] == ["mlflow.db"]


@pytest.mark.parametrize("content", [b"", None])
def test_a_half_made_or_empty_database_without_runs_is_made_anew(
    make: MakeCell, store: Store, content: bytes | None
) -> None:
    if content is None:
        change(store.file, STOPPED_AT)
    else:
        store.file.write_bytes(content)
    cell = make().start().score_digits().end()
    assert store.sync(cell).failed == {}
    assert store.scores(cell) == cell.journal_scores
    assert (store.root / "mlflow.db.half-made").exists() == (content is None)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda file: change(file, STOPPED_AT), "its tables cannot be migrated .*left as it is"),
        (lambda file: file.write_bytes(bytes(file.stat().st_size)), "it is damaged"),
        (lambda file: file.write_bytes(file.read_bytes()[:5000]), "damaged"),
    ],
)
def test_a_database_that_holds_something_is_left_alone_and_the_message_says_what_to_do(
    store: Store, damage: Callable[[Path], object], words: str
) -> None:
    MlflowClient(store.uri).create_experiment("mine")
    damage(store.file)
    before = store.file.read_bytes()
    with pytest.raises(UserError, match=f"{words}.*move it away, and `retable sync` makes a new one"):
        open_client(store.uri)
    assert store.file.read_bytes() == before


def test_a_migration_happens_beside_the_database_whose_old_state_stays(store: Store, tmp_path: Path) -> None:
    MlflowClient(store.uri).create_experiment("mine")
    change(store.file, "UPDATE alembic_version SET version_num = 'of an earlier MLflow'")
    whole = tmp_path / "migrated.db"
    shutil.copy(store.file, whole)
    seen = []

    def migrate(new: Path) -> None:
        seen.append(new)
        change(new, "CREATE TABLE migrated (x)")

    database.prepare(store.file, migrate)
    assert seen != [store.file]
    assert "migrated" in store.rows()
    old = Store(store.root)
    old.file = store.root / "mlflow.db.before-migration"
    assert "migrated" not in old.rows()
    assert old.query("SELECT name FROM experiments WHERE name = 'mine'")


@pytest.mark.parametrize("folder", ["proj_feature%2Fx", "a?b=c&d", "e#f", "g[h]", "i j", "é~+%", "k@l:m"])
def test_paths_of_any_spelling_hold_the_database_and_its_artifacts(
    make: MakeCell, tmp_path: Path, empty_database: Path, folder: str
) -> None:
    root = tmp_path / folder
    root.mkdir()
    shutil.copy(empty_database, root / "mlflow.db")
    uri = default_uri(root)
    assert sqlite_file(uri) == root / "mlflow.db"
    assert shown(uri) == uri
    cell = make().start().train([0], samples=[0]).end()
    report = sync([cell.directory], uri)
    assert report.failed == {}
    store = Store(root)
    assert store.run(cell)[".status"] == "FINISHED"
    assert len(store.artifacts("result.json")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([folder, "runs"])


def test_a_tilde_in_an_address_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sqlite_file("sqlite:///~/mlflow.db") == tmp_path / "mlflow.db"
    assert mlflow_uri("sqlite:///~/mlflow.db") == f"sqlite+pysqlite:///{tmp_path}/mlflow.db"
    with pytest.raises(UserError, match="sqlite:///~nobody-here/x"):
        sqlite_file("sqlite:///~nobody-here/x")


def test_addresses_of_servers_go_to_mlflow_as_they_are_and_are_printed_without_passwords() -> None:
    addresses = {
        "http://me:p@ss:word@host:5000": "http://***@host:5000",
        "https://me:pa/ss@host/x": "https://***@host/x",
        "postgresql+psycopg2://me:secret@host/db": "postgresql+psycopg2://***@host/db",
        "postgresql://host/db?user=me&password=secret&sslmode=require": (
            "postgresql://host/db?user=me&password=***&sslmode=require"
        ),
        "databricks": "databricks",
    }
    for uri, printed in addresses.items():
        assert (mlflow_uri(uri), sqlite_file(uri), shown(uri)) == (uri, None, printed)
