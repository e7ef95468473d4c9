"""MLflow's SQLite file is made and migrated beside its place and then renamed, so a process that dies leaves no half.

MLflow makes its tables in some seventy steps, which SQLite cannot take back: a file that stopped on the way is refused
for ever after.
"""

from __future__ import annotations

import glob
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from retable.benchmarks.errors import UserError

FILLED = {"alembic_version", "workspaces"}
"""The tables that MLflow itself fills, beside the experiment ``Default``."""
MAKE_ANEW = "move it away, and `retable sync` makes a new one from the cells' folders"


def prepare(file: Path, open_at: Callable[[Path], object]) -> None:
    """Make or migrate a database where it is needed. One process at a time may do so.

    A database whose making stopped half-way before anything was tracked is put aside as ``NAME.half-made``. Of one that
    is migrated the old state stays as ``NAME.before-migration``.

    Args:
        file: where the database is to be.
        open_at: opens a file as MLflow does, which makes and migrates its tables.

    Raises:
        UserError: it is damaged, or cannot be migrated; it is left as it is.
    """
    for stopped in file.parent.glob(f".{glob.escape(file.name)}.*.new*"):
        stopped.unlink()
    if not (file.exists() and file.stat().st_size):
        for left in (f"{file}-journal", f"{file}-wal", f"{file}-shm"):
            Path(left).unlink(missing_ok=True)  # SQLite would apply it to the new file
        _make(file, open_at)
        return
    try:
        if _version(file) == _newest_version():
            return
        # MLflow keeps an engine per address: each attempt needs a name of its own.
        new = _beside(file)
        _copy(file, new)
        used = _is_used(file)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):  # locked, or no space left
            raise
        raise UserError(f"{file}: it is damaged ({error}); {MAKE_ANEW}") from error
    if Path(f"{file}-wal").exists() or Path(f"{file}-journal").exists():
        raise UserError(f"{file}: its tables need a migration, but another program has it open; end that one first")
    try:
        open_at(new)
    except Exception as error:
        if used and (why := sqlite_error(error)):
            words = f"its tables cannot be migrated ({why}), and it was left as it is; if that stays so, {MAKE_ANEW}"
            raise UserError(f"{file}: {words}") from error
        if used:
            raise  # MLflow's own words: it is too old, or too new
        file.replace(f"{file}.half-made")
        _make(file, open_at)
    else:
        _copy(file, Path(f"{file}.before-migration"))
        new.replace(file)


def sqlite_error(error: BaseException | None) -> sqlite3.Error | None:
    """What SQLite said behind an error of SQLAlchemy or MLflow, if it did."""
    while error is not None and not isinstance(error, sqlite3.Error):
        error = error.__cause__ or error.__context__
    return error


def is_damage(error: sqlite3.Error | None) -> bool:
    """Whether SQLite means the file's content; a lock or a full disk goes by."""
    return type(error) is sqlite3.DatabaseError


def _make(file: Path, open_at: Callable[[Path], object]) -> None:
    new = _beside(file)
    open_at(new)
    new.replace(file)


def _beside(file: Path) -> Path:
    return file.with_name(f".{file.name}.{uuid.uuid4().hex[:8]}.new")


def _version(file: Path) -> str:
    """The version of the tables; empty where their making did not get that far."""
    with closing(sqlite3.connect(file)) as connection:
        known = "alembic_version" in _tables(connection)
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    return str(row[0]) if row else ""


def _newest_version() -> str:
    import mlflow
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations")).get_current_head())


def _is_used(file: Path) -> bool:
    """Whether there is anything in it that a fresh database has not."""
    with closing(sqlite3.connect(file)) as connection:
        for name in set(_tables(connection)) - FILLED:
            wanted = "WHERE name != 'Default'" if name == "experiments" else ""
            if connection.execute(f'SELECT 1 FROM "{name}" {wanted} LIMIT 1').fetchone():  # noqa: S608
                return True
    return False


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def _copy(file: Path, to: Path) -> None:
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
