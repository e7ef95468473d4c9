"""Albums of cartoons and of portraits: rendered once by all processors, kept in shards, always the same.

Cartoon i and portrait i of a split and group show the same person. A picture is a pure function of (seed, split,
group, index, shot), so neither the number of processes nor the number of pictures asked for changes any of them.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from datasets import cache
from datasets.errors import DataError
from datasets.faces import studio
from datasets.faces.people import GROUPS

VERSION = 1
"""Of the renderer: part of every cache key. Raise it whenever a picture would come out differently."""
SHARD = 50
"""People in one file of the cache."""
_WORTH = 100
"""Fewer people than this are rendered before worker processes would have started."""
_SMALLEST = 16


@dataclass(frozen=True)
class Album:
    """Pictures of one group and domain."""

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
        group: one of :data:`~datasets.faces.people.GROUPS`.
        count: number of people, at least 1.
        size: pixels of a side, at least 16.
        seed: seed of the whole set.
        progress: told the number of pictures done after every shard.

    Raises:
        DataError: an argument is out of its range, or the cache cannot be written.
    """
    render = partial(studio.cartoons, group, split, size=size, seed=seed)
    return _album(folder, "cartoon", split, group, count, size, 1, seed, render, progress)


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
        group: one of :data:`~datasets.faces.people.GROUPS`.
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
    render = partial(studio.portraits, group, split, size=size, seed=seed, shots=shots)
    return _album(folder, "portrait", split, group, count, size, shots, seed, render, progress)


def _album(
    folder: Path,
    domain: str,
    split: str,
    group: str,
    count: int,
    size: int,
    shots: int,
    seed: int,
    render: Callable[[int, int], npt.NDArray[np.uint8]],
    progress: Callable[[int], None] | None,
) -> Album:
    if group not in GROUPS:
        raise DataError(f"there is no group {group!r} of faces; use one of {', '.join(GROUPS)}")
    for name, value, least in (("count", count, 1), ("size", size, _SMALLEST), ("shots", shots, 1)):
        if value < least:
            raise DataError(f"{domain}s of {group} in the split {split!r}: {name} is {value}, must be {least} or more")
    images = []
    with ExitStack() as stack:
        crew = _Crew(stack, render)
        for first in range(0, count, SHARD):
            last = min(first + SHARD, count)
            key = {"renderer": VERSION, "domain": domain, "split": split, "group": group, "size": size}
            key |= {"first": first, "last": last, "shots": shots, "seed": seed}
            make = partial(crew.shard, first, last, count)
            images.append(cache.cached(folder, f"{domain}-{group}-{split}", key, make).tensors["images"])
            if progress is not None:
                progress(last * shots)
    together = torch.cat(images)
    return Album(together, cache.content_digest({"images": together}))


class _Crew:
    """Those who render: worker processes once there is enough to do, until then this one."""

    def __init__(self, stack: ExitStack, render: Callable[[int, int], npt.NDArray[np.uint8]]) -> None:
        self._stack = stack
        self._render = render
        self._pool: ProcessPoolExecutor | None = None

    def shard(self, first: int, last: int, count: int) -> dict[str, Tensor]:
        """The pictures of the people ``first`` to ``last - 1`` of ``count``: ``images`` uint8 ``[N, 3, S, S]``."""
        processes = os.cpu_count() or 1
        if self._pool is None and processes > 1 and count - first >= _WORTH:
            # Not forked: a fork of a process whose torch has threads may hang.
            context = multiprocessing.get_context("spawn")
            self._pool = self._stack.enter_context(ProcessPoolExecutor(processes, mp_context=context))
        if self._pool is None:
            pictures = self._render(first, last)
        else:
            bounds = np.linspace(first, last, min(processes, last - first) + 1).round().astype(int).tolist()
            pictures = np.concatenate(list(self._pool.map(self._render, bounds[:-1], bounds[1:])))
        return {"images": torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()}
