"""Where a task's images come from: a stand-in or the user's own data, part by part.

Every task has two sources, ``StandIn`` and ``Real``, in its own ``sources.py``, with a table of who sees which part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from torch import Tensor

from retable.datasets import cache
from retable.datasets.errors import DataError
from retable.datasets.shards import Shards
from retable.datasets.task import TaskSettings

Progress = Callable[[str, int, int], None]
"""Told what is read or rendered, how much of it is done, and how much there is (0 if unknown)."""

Count = Callable[[int], None]
"""Told how much of one piece of work is done."""

Share = Literal["train", "test", "judge", "judge-test"]
"""The parts of a data set that comes without a split of its own; no two share an image."""


@dataclass(frozen=True)
class ImageSet:
    """Images without labels."""

    images: Tensor
    """uint8 ``[N, 3, H, W]``."""
    digest: str
    """SHA-256 of the content, 64 hex digits."""

    @classmethod
    def of(cls, images: Tensor) -> ImageSet:
        """These images, with the digest of their content."""
        return cls(images, cache.content_digest({"images": images}))


@dataclass(frozen=True)
class LabelledImages:
    """Images with labels."""

    images: Tensor | Shards
    """uint8 ``[N, 3, H, W]``: a tensor, or mapped files where there are too many for memory."""
    labels: Tensor
    """int64 ``[N]`` classes, or ``[N, L]`` bits."""
    digest: str
    """SHA-256 of images and labels, 64 hex digits."""

    @classmethod
    def of(cls, images: Tensor, labels: Tensor) -> LabelledImages:
        """These images and labels, with the digest of their content."""
        return cls(images, labels, cache.content_digest({"images": images, "labels": labels}))

    def where(self, chosen: Tensor) -> LabelledImages:
        """The rows that the boolean mask ``chosen [N]`` picks, in memory; the digest stays that of all rows."""
        return LabelledImages(self.images[chosen], self.labels[chosen], self.digest)

    def __len__(self) -> int:
        return len(self.images)


Part = TypeVar("Part")
Found = TypeVar("Found", ImageSet, LabelledImages)


class Source(ABC, Generic[Part, Found]):
    """One of a task's two sources. It keeps what it has loaded."""

    settings: TaskSettings

    def __init__(self, settings: TaskSettings, cache: Path, seed: int = 0) -> None:
        """Remember the arguments of the task; do no work."""
        self.settings, self.cache, self.seed = settings, cache, seed
        self.loaded: dict[Part, Found] = {}

    @abstractmethod
    def verify(self) -> None:
        """Check that the data are there before much is read.

        Raises:
            DataError: what is missing, by name.
        """

    @abstractmethod
    def load(self, part: Part, progress: Progress | None = None) -> Found:
        """Read or render a part, or take it from the cache.

        Raises:
            DataError: the data are missing or damaged.
        """

    def get(self, part: Part, progress: Progress | None = None) -> Found:
        """A part, loaded when first asked for."""
        if part not in self.loaded:
            self.loaded[part] = self.load(part, progress)
        return self.loaded[part]


class Drawn(Source[Part, Found]):
    """A stand-in that draws everything: nothing can be missing."""

    def verify(self) -> None:
        """Refuse a folder, which would not be read.

        Raises:
            DataError: there is one.
        """
        if self.settings.data_dir is not None:
            raise DataError(
                f"data_dir={self.settings.data_dir} would not be read, because source is standin; add "
                "task.source=real for the same rows, or give the folder by --data-dir"
            )


def data_root(settings: TaskSettings, task: str, content: str) -> Path:
    """The folder that the real source reads.

    Raises:
        DataError: the settings name none; the message says what ``content`` the folder of this ``task`` holds.
    """
    if settings.data_dir is None:
        raise DataError(
            f"the task {task} with source real needs data_dir, the folder that holds {content}; or use source standin"
        )
    return Path(settings.data_dir).expanduser()


def counter(progress: Progress | None, what: str, total: int, before: int = 0) -> Count:
    """A callback for one stretch of work: told how much of it is done, it tells ``progress``.

    Args:
        progress: told ``what``, ``before`` plus what is done, and ``total``; ``None``: the callback does nothing.
        what: what is worked on.
        total: how much there is in all stretches together.
        before: how much was done before this stretch.
    """

    def tell(done: int) -> None:
        if progress is not None:
            progress(what, before + done, total)

    return tell
