"""What made a result: device, versions, commit, and the sources behind it.

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
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from retable.reports.records.journal import now_ms

REPOSITORY = Path(__file__).resolve().parents[1]
COMMON = ("retable.benchmarks.cell",)
"""What is behind every cell's numbers."""
MIXED = "mixed"
"""Stands for the digest where the sources changed while the cell ran."""
LEFT_OUT = ("retable.reports", "retable.benchmarks.plan", "retable.methods.rows")
"""Modules, with all below them, that only record numbers, or choose settings, which are in the cell's content. Those
that are named by :func:`code_digest`'s caller count all the same."""


def environment(accelerator: str, threads: int, modules: Sequence[str]) -> dict[str, str]:
    """Facts for the journal: device, CPU, cores, threads, versions, commit, whether the tree was clean, sources.

    Args:
        accelerator: ``cpu`` or ``cuda``.
        threads: CPU threads of the cell.
        modules: those of the cell's method, task and metrics; ``code`` is the digest of everything behind them.
    """
    import torch

    commit, dirty = git_state(REPOSITORY)
    return {
        "device": torch.cuda.get_device_name() if accelerator == "cuda" else "cpu",
        "accelerator": accelerator,
        "cpu": cpu_name(),
        "cores": str(os.cpu_count() or 0),
        "threads": str(threads),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "commit": commit,
        "dirty": dirty,
        "code": code_digest(modules),
        "modules": " ".join(modules),
        "retable": package_version(),
    }


def made_elsewhere(environment: Mapping[str, str]) -> str:
    """What made a result that is not what would make it now: ``other sources, torch 2.9 (now 2.12)``, or nothing.

    Args:
        environment: as :func:`environment` has told it; one that names no sources counts as made by others.
    """
    differ = []
    modules = [name for name in environment.get("modules", "").split() if _is_dotted(name)]
    if environment.get("code") == MIXED:
        differ.append("sources that changed meanwhile")
    elif not modules or environment.get("code") != code_digest(modules):
        differ.append("other sources")
    for name, here in (("torch", _torch_version()), ("Python", platform.python_version())):
        # It may come from somebody else's file.
        before = "".join(filter(str.isprintable, environment.get(name.lower(), "unknown")))[:40]
        # A local version, such as +cpu, names the same sources built for other devices.
        if before.partition("+")[0] != here.partition("+")[0]:
            differ.append(f"{name} {before} (now {here})")
    return ", ".join(differ)


def run_elsewhere(environment: Mapping[str, str]) -> str:
    """:func:`made_elsewhere`, or on another CPU, which rounds differently: an interrupted training cannot go on."""
    differ = [made] if (made := made_elsewhere(environment)) else []
    if (cpu := environment.get("cpu", "unknown")) != cpu_name():
        differ.append(f"{cpu} (now {cpu_name()})")
    return ", ".join(differ)


def _torch_version() -> str:
    """Torch's version without its import, which takes seconds."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return "unknown"


def package_version() -> str:
    """Our own version, or ``unknown`` when run from a bare checkout."""
    try:
        return version("retable")
    except PackageNotFoundError:
        return "unknown"


def git_state(folder: Path) -> tuple[str, str]:
    """``(commit, "true" | "false")``; ``("unknown", "unknown")`` outside a git checkout.

    An installed copy in somebody's project lies within that project's repository, which does not hold it.
    """
    try:
        _git(folder, "ls-files", "--error-unmatch", "benchmarks/environment.py")
        commit = _git(folder, "rev-parse", "HEAD")
        dirty = "true" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "false"
    except (OSError, subprocess.SubprocessError):
        return "unknown", "unknown"
    return commit, dirty


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        # A repository may name a program that git is to run.
        ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
        # A hook that runs us names its own repository in GIT_DIR and others.
        env={key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
    )
    return done.stdout.strip()


@functools.cache
def cpu_name() -> str:
    """What the processor calls itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def code_digest(modules: Iterable[str]) -> str:
    """First 16 hex digits of the SHA-256 of the source files behind some modules.

    Args:
        modules: dotted names, e.g. of the module of a cell's method. Everything they import, directly or not, counts
            as long as it is ours or in a package that ``modules`` name; :data:`COMMON` always does.

    Returns:
        The digest; it covers the modules' names and not where they lie. A module that is gone counts as empty.
    """
    digest = hashlib.sha256()
    for name, content in sorted(_closure(modules).items()):
        if content:
            digest.update(f"{name}\0{content}\0".encode())
    return digest.hexdigest()[:16]


def changed_since(moment: int, modules: Iterable[str], code: str) -> bool:
    """Whether the sources behind some modules are others than at some moment, or were written since then.

    Args:
        moment: unix milliseconds. What was changed and changed back meanwhile has been written since.
        modules: as for :func:`code_digest`.
        code: the digest at that moment.
    """
    times = [path.stat().st_mtime * 1000 for name in _closure(modules) if (path := _path(name)) is not None]
    return any(moment < time <= now_ms() for time in times) or code_digest(modules) != code


def _closure(modules: Iterable[str]) -> dict[str, str]:
    """The modules behind some modules, and the digest of each one's source."""
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
    return closure


def _is_dotted(name: str) -> bool:
    """Whether it is the name of a module, and not a path or anything else that a record may hold in its place."""
    return all(part.isidentifier() for part in name.split("."))


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
