"""Globs over addresses and methods' names, as ``--only``, ``--set`` and profiles take them."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(name: str, globs: str) -> bool:
    """Whether a name matches one of the globs: commas separate them, so brackets cannot hold any."""
    return any(fnmatchcase(name, glob) for glob in _each(globs))


def idle(globs: str, names: Iterable[str]) -> str | None:
    """The first of the globs that matches none of the names, for an error message; ``None`` where each matches some."""
    every = list(names)
    idle_ones = (glob for glob in _each(globs) if not any(fnmatchcase(name, glob) for name in every))
    return next(idle_ones, None if _each(globs) else globs)


def _each(globs: str) -> list[str]:
    return [glob.strip() for glob in globs.split(",") if glob.strip()]
