"""Files and folders of the user's and of the cache: written whole, known by their digest, and found by almost their
name."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from retable.datasets.errors import DataError, closest


@contextmanager
def written_whole(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of ``path`` at the end of the block, unless there is an exception.

    ``path`` holds either what it held before or everything that was written, also after a crash; where it is
    ``durable``, also after a power cut. What killed writers left in the folder goes.
    """
    _sweep(path.parent)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
            temporary.replace(path)
        if durable:
            _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """A file that was renamed may else have its old name after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove temporary files whose writer is gone: it would hold a lock on them. An empty one may not have it yet."""
    for path in folder.glob(".*.tmp"):
        with suppress(OSError), path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_size:
                path.unlink()


_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


@contextmanager
def open_file(path: Path) -> Iterator[io.BufferedReader]:
    """A plain file, open for reading: whatever else has a name, a pipe or a device, could hold its reader for ever.

    Raises:
        DataError: there is none, or it cannot be opened.
    """
    try:
        _refuse_unless_plain(path, path.stat().st_mode)
        # Without O_NONBLOCK a named pipe that took its place just now would wait for a writer.
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    with os.fdopen(opened, "rb") as file:
        _refuse_unless_plain(path, os.fstat(opened).st_mode)
        yield file


def _refuse_unless_plain(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise DataError(f"{path}: is {_KINDS.get(stat.S_IFMT(mode), 'something else')}, not a file; give a plain file")


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a plain file.

    Raises:
        DataError: it cannot be read, or holds more than ``most`` bytes.
    """
    with open_file(path) as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(content) > most:
        raise DataError(f"{path}: more than {most:,} bytes, which is not what is expected here; get it anew")
    return content


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits.

    Raises:
        DataError: it cannot be read.
    """
    with open_file(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


@dataclass(frozen=True)
class Findings:
    """What a folder holds, for :func:`retable.datasets.inventory.check`."""

    found: Sequence[str]
    missing: Sequence[str]
    problems: Sequence[str]
    notes: Sequence[str] = ()
    """What can be used and should be known."""
    too_few: Sequence[str] = ()
    """What a run with the task's default settings needs beside it."""


def refuse(root: Path, *wrong: Sequence[str]) -> None:
    """Refuse a folder in which anything is missing or wrong.

    Raises:
        DataError: the first of these lines, and where the user finds the others.
    """
    for lines in wrong:
        for line in lines:
            raise DataError(f"{root}: {line}; {hint(root)}")


def expect_folder(root: Path, content: str) -> None:
    """Check that there is a folder.

    Raises:
        DataError: there is none; the message says what ``content`` it should hold.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected one that holds {content}")


@contextmanager
def hinted(root: Path) -> Iterator[None]:
    """Adds to a :class:`DataError` where the user finds everything else that is wrong with this folder."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{error}; {hint(root)}") from error


def hint(root: Path) -> str:
    """Where an error about a folder sends the user for the rest of what is wrong."""
    return f"`retable data check {root}` lists everything"


Kind = Callable[[Path], bool]


def lookup(folder: Path, name: str, kind: Kind = Path.exists) -> Path | None:
    """The file or folder of this name, exactly or in other capitals, or ``None``; ``kind`` says which count."""
    if kind(folder / name):
        return folder / name
    return next((path for path in _entries(folder, kind) if path.name.lower() == name.lower()), None)


def meant(
    folder: Path, name: str, names: Iterable[str] = (), cutoff: float = 0.8, kind: Kind = Path.exists
) -> Path | None:
    """:func:`lookup`, or what has almost this name (by ``difflib``'s ratio) and is none of ``names``, or ``None``."""
    found = lookup(folder, name, kind)
    if found is not None:
        return found
    close = closest(name, (path.name for path in _entries(folder, kind) if path.name not in names), cutoff)
    return folder / close if close else None


def not_there(name: str, other: Path | None, root: Path | None = None) -> str:
    """That there is no ``name``, and which ``other`` file or folder was meant, if any; its path below ``root``."""
    words = f"no such {'file' if '.' in name else 'folder'}"
    if other is None:
        return words
    return f"{words}, but there is {other.relative_to(root) if root else other.name}: rename it"


def _entries(folder: Path, kind: Kind) -> list[Path]:
    return sorted(filter(kind, folder.iterdir()))


def some(names: Iterable[str], most: int = 5) -> str:
    """The first few names, and how many more there are: ``a, b, c and 12 more``."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
