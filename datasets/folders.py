"""Folders of the user's, as any reader of a data set meets them: what is there, and what was perhaps meant."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from retable.datasets.errors import DataError, closest


@dataclass(frozen=True)
class Findings:
    """What a folder holds, for :func:`retable.datasets.inventory.check`."""

    found: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]


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


def _entries(folder: Path, kind: Kind) -> list[Path]:
    return sorted(filter(kind, folder.iterdir()))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def hint(root: Path) -> str:
    """Where an error about a folder sends the user for the rest of what is wrong."""
    return f"`retable data check {root}` lists everything"


def some(names: Iterable[str], most: int = 5) -> str:
    """The first few names, and how many more there are: ``a, b, c and 12 more``."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
