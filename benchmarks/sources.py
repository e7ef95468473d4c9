"""Which source files make a cell's numbers, and one digest of them all.

A cell's hash covers its settings and not the code, so two results of one hash may differ where the code does. The
commit would not tell: most changes of a working tree are not committed, and most commits change no number. What counts
is the closure of a few modules under import: the training and scoring of every cell, the cell's own method, task and
metrics, and those of the cells that it needs. A change anywhere else leaves the digest alone.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path

COMMON = ("retable.benchmarks.run.training", "retable.benchmarks.run.scoring")
"""Modules behind every cell's numbers."""
LEFT_OUT = ("retable.reports", "retable.benchmarks.plan", "retable.methods.rows")
"""Modules, with all below them, that only record numbers, or choose settings, which are in the cell's content. Those
that are named by :func:`code_digest`'s caller count all the same."""


def code_digest(modules: Iterable[str]) -> str:
    """First 16 hex digits of the SHA-256 of the source files behind some modules.

    Args:
        modules: dotted names, e.g. of the module of a cell's method. Everything they import, directly or not, counts
            as long as it is ours or in a package that ``modules`` name; :data:`COMMON` always does.

    Returns:
        The digest; it covers the modules' names and not where they lie. A module that is gone counts as empty.
    """
    packages = {name.partition(".")[0] for name in modules} | {"retable"}
    waiting, closure = [*COMMON, *modules], {}
    while waiting:
        name = waiting.pop()
        if name not in closure:
            closure[name], imported = _module(name)
            waiting += [
                other
                for other in imported
                if other.partition(".")[0] in packages and not any(_below(other, out) for out in LEFT_OUT)
            ]
    digest = hashlib.sha256()
    for name, content in sorted(closure.items()):
        if content:
            digest.update(f"{name}\0{content}\0".encode())
    return digest.hexdigest()[:16]


def _below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _module(name: str) -> tuple[str, tuple[str, ...]]:
    """The digest of a module's source and all names that it imports; nothing for what is no module on disk."""
    path = _path(name)
    if path is None:
        return "", ()
    state = path.stat()
    digest, imported = _parsed(path, state.st_size, state.st_mtime_ns)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return digest, tuple(importlib.util.resolve_name(other, package) for other in imported)


def _path(name: str) -> Path | None:
    """The module's source file, found without importing anything."""
    top, *rest = name.split(".")
    for folder in _top_folders(top):
        place = folder.joinpath(*rest)
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                return path
    return None


@functools.cache
def _top_folders(package: str) -> tuple[Path, ...]:
    spec = importlib.util.find_spec(package)
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return tuple(Path(place) for place in spec.submodule_search_locations)
    return (Path(spec.origin).with_suffix(""),) if spec.origin else ()


@functools.cache
def _parsed(path: Path, size: int, modified_ns: int) -> tuple[str, tuple[str, ...]]:
    content = path.read_bytes()
    imported: list[str] = []
    try:
        tree: ast.AST = ast.parse(content)
    except (SyntaxError, ValueError):
        tree = ast.Module([], [])  # it would not run either; its bytes count
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # Either may be the module: `from package import module` or `from module import name`.
            start = "." * node.level + (node.module or "")
            dot = "." if node.module else ""
            imported += [start, *(f"{start}{dot}{alias.name}" for alias in node.names)]
    return hashlib.sha256(content).hexdigest(), tuple(imported)
