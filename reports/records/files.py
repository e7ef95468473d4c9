"""Files that other processes read while they are written: each is replaced in one step.

What is read may come from anyone. It must be a regular file of sensible size that lies where it seems to lie: a pipe
would never end, a link may lead to what nobody meant to publish.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

MOST_BYTES = 64 * 2**20
"""Records are smaller by far: the largest, the index of a suite, has a few kilobytes per cell."""


def write_atomically(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Replace ``path`` in one step: temporary name in the same folder, fsync, rename, fsync of the folder.

    What killed writers left in the folder goes.

    Args:
        path: in a folder that exists.
        content: text is written as UTF-8.
        durable: whether it must survive a power cut once this returns.

    Raises:
        OSError: it cannot be written; names ``path``, which is what it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _sweep(path.parent)
        with temporary.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Names of files that are not UTF-8 may be part of a text.
            file.write(content.encode(errors="replace") if isinstance(content, str) else content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            temporary.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        error.filename = str(path)  # writing to an open file names none
        raise


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk: a file that was renamed may else have its old name after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove temporary files whose writer is gone: it would hold a lock on them. An empty one may not have it yet."""
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError), path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_size:
                path.unlink()


def write_json(path: Path, data: Any) -> None:
    """Atomically write indented JSON. NaN and infinities are refused, since other readers choke on them."""
    write_atomically(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def is_inside(path: Path, folder: Path) -> bool:
    """Whether the path stays in the folder when all links are followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def open_file(path: Path, most: int | None = MOST_BYTES, *, follow: bool = False) -> BinaryIO:
    """Open a regular file to read its bytes.

    Args:
        path: of the file.
        most: bytes that it may have; ``None`` for any number.
        follow: also where it is a link out of its folder, as a path that the user typed may be.

    Raises:
        OSError: there is no such file, or it is not to be read.
    """
    if not (follow or is_inside(path, path.parent)):
        raise OSError(errno.EINVAL, "it is a link out of its folder", str(path))
    # Without waiting: opening a pipe would last until somebody writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        why = "it is a folder" if stat.S_ISDIR(state.st_mode) else "it is no regular file"
    elif most is not None and state.st_size > most:
        why = f"it has {state.st_size:,} bytes, more than {most:,}"
    else:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, why, str(path))


def read_file(path: Path, most: int = MOST_BYTES, *, follow: bool = False) -> bytes:
    """The content of a regular file; arguments and errors as for :func:`open_file`."""
    with open_file(path, most, follow=follow) as file:
        return file.read()


def write_sealed(path: Path, data: dict[str, Any]) -> None:
    """:func:`write_json` with a digest of ``data`` beside it, for :func:`read_sealed`."""
    write_json(path, {"this": _digest(data), **data})


def read_sealed(path: Path) -> dict[str, Any] | None:
    """What :func:`write_sealed` wrote, or ``None`` where it is missing or damaged.

    A file without a digest, which an earlier version wrote, is believed.
    """
    data = read_json(path)
    return data if data is not None and data.pop("this", None) in (None, _digest(data)) else None


def _digest(data: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in ``path``, or ``None`` where there is none that can be read."""
    try:
        data = json.loads(read_file(path))
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def own_file(folder: Path, name: str | Path) -> Path | None:
    """A regular file in a folder that may come from anybody; ``None`` where there is none.

    Nothing outside the folder is one of its files: neither ``..`` nor links are followed. Pipes and devices, which
    could be read for ever, are no files either.
    """
    try:
        inside = folder.resolve()
        path = inside / name
        own = path.resolve() == path and path.is_relative_to(inside) and path.is_file()
    except (OSError, ValueError, RuntimeError):  # a name that no file can have, or links in a circle
        return None
    return folder / name if own else None


def own_files(folder: Path, below: str) -> list[Path]:
    """Every regular file below a part of such a folder, sorted."""
    inside = folder.resolve()
    top = (inside / below).resolve()
    if top != inside / below or not top.is_relative_to(inside):
        return []
    found = (path.relative_to(inside) for path in top.rglob("*"))
    return sorted(file for name in found if (file := own_file(folder, name)))
