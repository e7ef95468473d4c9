"""Globs over addresses and methods' names, as ``--only``, ``--set`` and profiles take them."""

from __future__ import annotations

from fnmatch import fnmatchcase


def matches(name: str, globs: str) -> bool:
    """Whether a name matches one of the globs, which commas separate: ``mixdl/mixdl*, mixdl/uniform``."""
    return any(fnmatchcase(name, glob.strip()) for glob in globs.split(","))
