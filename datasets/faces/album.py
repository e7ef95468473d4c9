"""Albums of cartoons and of photographs: rendered once by all processors, kept in shards, always the same.

Cartoon i and portrait i of a split and group show the same person; the snapshots and the sittings of a split show
others. A picture is a pure function of what its album is asked for, its index and its shot, so neither the number of
processes nor the number of pictures asked for changes any of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from retable.datasets import cache
from retable.datasets.errors import DataError
from retable.datasets.faces import studio
from retable.datasets.faces.crew import Crew
from retable.datasets.faces.looks import HAIR
from retable.datasets.faces.people import EXPRESSIONS, GROUPS

VERSION = 4
"""Of the renderer: part of every cache key. Raise it whenever a picture would come out differently."""
LOOKS_VERSION = 2
"""The same for what only snapshots and sittings depend on."""
SHARD = 50
"""People in one file of the cache."""
_WORTH = 100
"""Fewer people than this are rendered before worker processes would have started."""
_SMALLEST = 16


@dataclass(frozen=True)
class Album:
    """Pictures of one kind."""

    images: Tensor
    """uint8 ``[N, 3, size, size]``."""
    digest: str
    """SHA-256 of the images, 64 hex digits."""


def cartoons(
    folder: Path,
    split: str,
    group: str,
    count: int,
    size: int,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Album:
    """The cartoons of the first ``count`` people of a split and group, from the cache or rendered now.

    Args:
        folder: the faces' cache folder.
        split: any name; different names give different people.
        group: one of :data:`~retable.datasets.faces.people.GROUPS`.
        count: number of people, at least 1.
        size: pixels of a side, at least 16.
        seed: seed of the whole set.
        progress: told the number of pictures done after every shard.

    Raises:
        DataError: an argument is out of its range, or the cache cannot be written.
    """
    order: dict[str, str | int] = {
        "domain": "cartoon",
        "group": group,
        "split": split,
        "size": size,
        "shots": 1,
        "seed": seed,
    }
    return _album(folder, order, _group(group), count, progress)


def portraits(
    folder: Path,
    split: str,
    group: str,
    count: int,
    size: int,
    shots: int = 1,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Album:
    """Photographs of the first ``count`` people of a split and group, from the cache or rendered now.

    Args:
        folder: the faces' cache folder.
        split: any name; different names give different people.
        group: one of :data:`~retable.datasets.faces.people.GROUPS`.
        count: number of people, at least 1.
        size: pixels of a side, at least 16.
        shots: photographs of every person, each with another camera, light, background and pose.
        seed: seed of the whole set.
        progress: told the number of pictures done after every shard.

    Returns:
        ``count * shots`` images: those of person i are ``i * shots`` to ``i * shots + shots - 1``.

    Raises:
        DataError: an argument is out of its range, or the cache cannot be written.
    """
    order: dict[str, str | int] = {
        "domain": "portrait",
        "group": group,
        "split": split,
        "size": size,
        "shots": shots,
        "seed": seed,
    }
    return _album(folder, order, _group(group), count, progress)


def snapshots(
    folder: Path,
    split: str,
    count: int,
    size: int,
    hair_shift: int = 0,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Album:
    """Photographs of people of known hair, gender and age, from the cache or rendered now.

    Image i shows :func:`retable.datasets.faces.looks.person_of` person i, who looks like
    :func:`retable.datasets.faces.looks.look`.

    Args:
        folder: the faces' cache folder.
        split: any name; different names give different people.
        count: number of people, at least 1.
        size: pixels of a side, at least 16.
        hair_shift: the same photographs of the same people with the hair colour of the number (their own + this) % 3;
            any whole number.
        seed: seed of the whole set.
        progress: told the number of pictures done after every shard.

    Raises:
        DataError: an argument is out of its range, or the cache cannot be written.
    """
    # Shifts that give the same pictures share them.
    shift = hair_shift % len(HAIR)
    order: dict[str, str | int] = {
        "domain": "snapshot",
        "split": split,
        "size": size,
        "shots": 1,
        "seed": seed,
        "hair_shift": shift,
        "looks": LOOKS_VERSION,
    }
    return _album(folder, order, f"hair{shift}", count, progress)


def sittings(
    folder: Path,
    split: str,
    expression: str,
    count: int,
    size: int,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Album:
    """Studio portraits of people with one expression, from the cache or rendered now.

    Image i shows the same person in the same photograph for every expression; only the face moves.

    Args:
        folder: the faces' cache folder.
        split: any name; different names give different people, none of whom is in the snapshots.
        expression: one of :data:`~retable.datasets.faces.people.EXPRESSIONS`.
        count: number of people, at least 1.
        size: pixels of a side, at least 16.
        seed: seed of the whole set.
        progress: told the number of pictures done after every shard.

    Raises:
        DataError: an argument is out of its range, or the cache cannot be written.
    """
    if expression not in EXPRESSIONS:
        raise DataError(f"there is no expression {expression!r}; use one of {', '.join(EXPRESSIONS)}")
    order: dict[str, str | int] = {
        "domain": "sitting",
        "split": split,
        "size": size,
        "shots": 1,
        "seed": seed,
        "expression": expression,
        "looks": LOOKS_VERSION,
    }
    return _album(folder, order, expression, count, progress)


class _Hired:
    """The crew of a block, once there is one."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._crew: Crew | None = None

    def crew(self, people: int) -> Crew | None:
        """The crew, started now if so many people are worth it."""
        processes = os.cpu_count() or 1
        if self._crew is None and processes > 1 and people >= _WORTH:
            self._crew = self._stack.enter_context(Crew(processes))
        return self._crew


_hired: ContextVar[_Hired | None] = ContextVar("hired", default=None)


@contextmanager
def one_crew() -> Iterator[_Hired]:
    """Within this block all albums are rendered by one crew of processes: starting one takes a second.

    Blocks may stand within each other; the outermost one's crew is used.
    """
    outer = _hired.get()
    if outer is not None:
        yield outer
        return
    with ExitStack() as stack:
        hired = _Hired(stack)
        token = _hired.set(hired)
        try:
            yield hired
        finally:
            _hired.reset(token)


def _group(group: str) -> str:
    if group not in GROUPS:
        raise DataError(f"there is no group {group!r} of faces; use one of {', '.join(GROUPS)}")
    return group


def _album(
    folder: Path,
    order: Mapping[str, str | int],
    kind: str,
    count: int,
    progress: Callable[[int], None] | None,
) -> Album:
    """The pictures of an order; ``kind`` says in file names and errors which of its domain they are."""
    domain, split = (str(order[name]) for name in ("domain", "split"))
    size, shots = (int(order[name]) for name in ("size", "shots"))
    for name, value, least in (("count", count, 1), ("size", size, _SMALLEST), ("shots", shots, 1)):
        if value < least:
            raise DataError(f"{domain}s of {kind} in the split {split!r}: {name} is {value}, must be {least} or more")
    # Another version of either draws other pictures.
    libraries = {name: version(name) for name in ("python-avatars", "resvg-py")}

    def shard(first: int, last: int) -> dict[str, Tensor]:
        crew = hired.crew(count - first)
        pictures = (studio if crew is None else crew).render(order, first, last)
        return {"images": torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()}

    images = []
    with one_crew() as hired:
        for first in range(0, count, SHARD):
            last = min(first + SHARD, count)
            key = {"renderer": VERSION, **libraries, **order, "first": first, "last": last}
            entry = cache.cached(folder, f"{domain}-{kind}-{split}", key, partial(shard, first, last))
            images.append(entry.tensors["images"])
            if progress is not None:
                progress(last * shots)
    together = torch.cat(images)
    return Album(together, cache.content_digest({"images": together}))
