"""Sets of rendered faces: drawn once by all processors, kept in the cache, always the same.

Cartoon i and portrait i of a split and group show the same person; the snapshots and the sittings of a split show
other people. A picture is a pure function of its set's arguments, its index and its shot: neither the number of
processes nor the number of pictures changes any of them.

All four functions take:

- ``folder``: the faces' cache folder;
- ``split``: any name; different names give different people;
- ``count``: number of people, at least 1;
- ``size``: pixels of a side, at least 16;
- ``seed``: seed of the whole set;
- ``progress``: told the number of pictures done after every shard;

and raise :class:`~retable.datasets.errors.DataError` where an argument is out of its range or the cache cannot be
written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from retable.datasets import cache
from retable.datasets.errors import DataError
from retable.datasets.sources import Count, ImageSet
from retable.datasets.standins.faces import renderer
from retable.datasets.standins.faces.labelled_people import HAIR
from retable.datasets.standins.faces.people import EXPRESSIONS, GROUPS
from retable.datasets.standins.faces.worker_pool import WorkerPool

VERSION = 4
"""Of the renderer: part of every cache key. Raise it whenever a picture would come out differently."""
LABELLED_VERSION = 2
"""The same for what only snapshots and sittings depend on."""
SHARD = 50
"""People in one file of the cache."""
_WORTH = 100
"""Fewer people than this are rendered in less time than worker processes take to start."""
_SMALLEST = 16

Spec = Mapping[str, str | int]
"""What a picture depends on beside its number, see :func:`~retable.datasets.standins.faces.renderer.render`."""


def cartoons(
    folder: Path,
    split: str,
    group: str,
    count: int,
    size: int,
    seed: int = 0,
    progress: Count | None = None,
    *,
    card: bool = False,
) -> ImageSet:
    """The cartoons of the first ``count`` people of a split and group.

    ``group`` is one of :data:`~retable.datasets.standins.faces.people.GROUPS`. They stand on white, or each before a
    ``card`` of its own with a gradient and a grain.
    """
    spec: Spec = {"domain": "cartoon", "group": _group(group), "split": split, "size": size, "shots": 1, "seed": seed}
    return _rendered(folder, {**spec, "background": "card"} if card else spec, group, count, progress)


def portraits(
    folder: Path,
    split: str,
    group: str,
    count: int,
    size: int,
    shots: int = 1,
    seed: int = 0,
    progress: Count | None = None,
    *,
    cut_out: bool = False,
) -> ImageSet:
    """Photographs of the first ``count`` people of a split and group.

    Each of a person's ``shots`` has another camera, light, background and pose. There are ``count * shots`` images:
    those of person i are ``i * shots`` to ``i * shots + shots - 1``. ``group`` is one of
    :data:`~retable.datasets.standins.faces.people.GROUPS`. Of a person that is ``cut_out`` the background is white.
    """
    spec: Spec = {
        "domain": "portrait",
        "group": _group(group),
        "split": split,
        "size": size,
        "shots": shots,
        "seed": seed,
    }
    return _rendered(folder, {**spec, "background": "white"} if cut_out else spec, group, count, progress)


def snapshots(
    folder: Path,
    split: str,
    count: int,
    size: int,
    hair_shift: int = 0,
    seed: int = 0,
    progress: Count | None = None,
) -> ImageSet:
    """Photographs of people of known hair, gender and age.

    Image i shows person i of :func:`~retable.datasets.standins.faces.labelled_people.person_of`, with the labels of
    :func:`~retable.datasets.standins.faces.labelled_people.labels_of`. A ``hair_shift`` gives the same photographs of
    the same people with the hair colour number (their own + shift) % 3.
    """
    # Shifts that give the same pictures share them.
    shift = hair_shift % len(HAIR)
    spec: Spec = {"domain": "snapshot", "split": split, "size": size, "shots": 1, "seed": seed, "hair_shift": shift}
    return _rendered(folder, {**spec, "looks": LABELLED_VERSION}, f"hair{shift}", count, progress)


def sittings(
    folder: Path, split: str, expression: str, count: int, size: int, seed: int = 0, progress: Count | None = None
) -> ImageSet:
    """Studio portraits of people with one of :data:`~retable.datasets.standins.faces.people.EXPRESSIONS`.

    Image i shows the same person in the same photograph for every expression; only the face moves. Nobody is in the
    snapshots.
    """
    if expression not in EXPRESSIONS:
        raise DataError(f"there is no expression {expression!r}; use one of {', '.join(EXPRESSIONS)}")
    spec: Spec = {"domain": "sitting", "split": split, "size": size, "shots": 1, "seed": seed, "expression": expression}
    return _rendered(folder, {**spec, "looks": LABELLED_VERSION}, expression, count, progress)


class _SharedPool:
    """The worker pool of a ``with`` block, once there is one."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._pool: WorkerPool | None = None

    def pool(self, people: int) -> WorkerPool | None:
        """The pool; started now if there are enough people for that to pay."""
        processes = os.cpu_count() or 1
        if self._pool is None and processes > 1 and people >= _WORTH:
            self._pool = self._stack.enter_context(WorkerPool(processes))
        return self._pool


_shared: ContextVar[_SharedPool | None] = ContextVar("shared worker pool", default=None)


@contextmanager
def shared_worker_pool() -> Iterator[_SharedPool]:
    """Within this block one pool of processes renders all sets: starting one takes a second.

    Blocks may be nested; the outermost one's pool is used.
    """
    outer = _shared.get()
    if outer is not None:
        yield outer
        return
    with ExitStack() as stack:
        shared = _SharedPool(stack)
        token = _shared.set(shared)
        try:
            yield shared
        finally:
            _shared.reset(token)


def _group(group: str) -> str:
    if group not in GROUPS:
        raise DataError(f"there is no group {group!r} of faces; use one of {', '.join(GROUPS)}")
    return group


def _rendered(folder: Path, spec: Spec, kind: str, count: int, progress: Count | None) -> ImageSet:
    """The pictures of a specification; ``kind`` says in file names and errors which of its domain they are."""
    domain, split = (str(spec[name]) for name in ("domain", "split"))
    size, shots = (int(spec[name]) for name in ("size", "shots"))
    for name, value, least in (("count", count, 1), ("size", size, _SMALLEST), ("shots", shots, 1)):
        if value < least:
            raise DataError(f"{domain}s of {kind} in the split {split!r}: {name} is {value}, must be {least} or more")
    # Another version of either draws other pictures.
    libraries = {name: version(name) for name in ("python-avatars", "resvg-py")}

    def shard(first: int, last: int) -> dict[str, Tensor]:
        pool = shared.pool(count - first)
        pictures = (renderer if pool is None else pool).render(spec, first, last)
        return {"images": torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()}

    images = []
    with shared_worker_pool() as shared:
        for first in range(0, count, SHARD):
            last = min(first + SHARD, count)
            key = {"renderer": VERSION, **libraries, **spec, "first": first, "last": last}
            entry = cache.cached(folder, f"{domain}-{kind}-{split}", key, partial(shard, first, last))
            images.append(entry.tensors["images"])
            if progress is not None:
                progress(last * shots)
    return ImageSet.of(torch.cat(images))
