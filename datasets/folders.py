"""Folders of the user's, as any reader of a data set meets them: what is there, and what was perhaps meant."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from retable.datasets.errors import DataError


@dataclass(frozen=True)
class Findings:
    """What a folder holds, for :func:`retable.datasets.inventory.check`."""

    found: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]


def refuse_folder_of_standin(data_dir: str | None) -> None:
    """For a stand-in that draws everything: a folder beside it would be read by nobody, and was meant.

    Raises:
        DataError: there is one.
    """
    if data_dir is not None:
        raise DataError(
            f"data_dir={data_dir} would not be read, because source is standin; add task.source=real for the same "
            "rows, or give the folder by --data-dir"
        )


def lookup(folder: Path, name: str) -> Path | None:
    """The file or folder of this name, exactly or in other capitals, or ``None``."""
    if (folder / name).exists():
        return folder / name
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == name.lower()), None)


def meant(folder: Path, name: str, names: Iterable[str] = (), cutoff: float = 0.8) -> Path | None:
    """:func:`lookup`, or what is almost called so (by ``difflib``'s ratio) and is none of ``names``, or ``None``."""
    found = lookup(folder, name)
    if found is not None:
        return found
    others = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.name not in names}
    close = get_close_matches(name.lower(), others, n=1, cutoff=cutoff)
    return others[close[0]] if close else None


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


def some(names: Iterable[str], most: int = 5) -> str:
    """The first few names, and how many more there are: ``a, b, c and 12 more``."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
