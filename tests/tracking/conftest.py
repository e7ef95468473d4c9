from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from retable.benchmarks.tracking.connect import QUIET, open_client
from retable.benchmarks.tracking.sync import SyncReport, sync
from tests.tracking.factory import FakeCell, MakeCell

SET_BY_US = [f"MLFLOW_{name}" for name in ("TRACKING_URI", "HTTP_REQUEST_MAX_RETRIES", "HTTP_REQUEST_TIMEOUT")]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a client sets what MLflow reads; put everything back afterwards."""
    for name in SET_BY_US:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all its tables: making one takes seconds, copying one does not."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        for name in SET_BY_US:
            patch.setenv(name, "")
        open_client(f"sqlite:///{file}")
    return file


class Store:
    """An MLflow store in ``root``, looked at from below: rows of tables and files of artifacts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "mlflow.db"
        self.uri = f"sqlite:///{self.file}"

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(sql, values).fetchall()

    def rows(self) -> dict[str, int]:
        names = [str(row[0]) for row in self.query("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: int(str(self.query(f'SELECT count(*) FROM "{name}"')[0][0])) for name in names}  # noqa: S608

    def everything(self) -> tuple[object, ...]:
        """What a second sync must not change."""
        return self.rows(), self.artifacts(), self.query("SELECT * FROM runs ORDER BY 1"), sorted(map(str, self.tags()))

    def artifacts(self, pattern: str = "*") -> list[str]:
        files = (path for path in (self.root / "mlartifacts").rglob(pattern) if path.is_file())
        return sorted(str(path.relative_to(self.root)) for path in files)

    def tags(self, **wanted: str) -> list[dict[str, str]]:
        """Tags of every run that has the wanted ones (``retable.`` in front), with ``.id``, ``.name``, ``.status``."""
        found = []
        for run_id, name, status, ended in self.query("SELECT run_uuid, name, status, end_time FROM runs"):
            rows = self.query("SELECT key, value FROM tags WHERE run_uuid = ?", run_id)
            tags = {str(key): str(value) for key, value in rows}
            if all(tags.get(f"retable.{key}") == value for key, value in wanted.items()):
                found.append(
                    {**tags, ".id": str(run_id), ".name": str(name), ".status": str(status), ".ended": str(ended)}
                )
        return found

    def run(self, cell: FakeCell) -> dict[str, str]:
        """Tags of a cell's one run."""
        (run,) = self.tags(journal=cell.journal)
        return run

    def points(self, cell: FakeCell, name: str = "curve/l_d") -> list[tuple[object, ...]]:
        """``(step, timestamp, value)`` of a metric, by step and time."""
        sql = "SELECT step, timestamp, value FROM metrics WHERE key = ? AND run_uuid = ? ORDER BY step, timestamp"
        return self.query(sql, name, self.run(cell)[".id"])

    def steps(self, cell: FakeCell, name: str = "curve/l_d") -> list[object]:
        return [point[0] for point in self.points(cell, name)]

    def scores(self, cell: FakeCell) -> dict[object, object]:
        sql = "SELECT key, value FROM latest_metrics WHERE run_uuid = ? AND key LIKE 'score/%'"
        return dict(self.query(sql, self.run(cell)[".id"]))

    def sync(self, *cells: FakeCell) -> SyncReport:
        return sync([cell.directory for cell in cells], self.uri)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def store(root: Path, empty_database: Path) -> Iterator[Store]:
    root.mkdir()
    shutil.copy(empty_database, root / "mlflow.db")
    yield Store(root)
    # MLflow keeps one engine per address for the life of the process; an open file would outlive its folder.
    from mlflow.tracking._tracking_service import utils

    utils._tracking_store_registry._get_store_with_resolved_uri.cache_clear()


@pytest.fixture
def make(root: Path) -> MakeCell:
    return lambda *args, **kwargs: FakeCell(root, *args, **kwargs)
