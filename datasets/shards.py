"""Images too many for memory: decoded in shards, kept in the cache, and mapped instead of loaded.

At 128 x 128 pixels CelebA's training images are 9 GB. A shard is an ordinary entry of :mod:`retable.datasets.cache`,
made and verified like any other one; afterwards only its place in the file is remembered, and the images that a step
asks for are copied out of the mapped file.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from retable.datasets import cache
from retable.datasets.errors import DataError
from retable.datasets.files import file_digest

SHARD_BYTES = 2**27
"""Largest shard: what is held in memory while one is made or verified."""


SETTLED_NS = 2_000_000_000
"""How long ago a file must have changed for its state to identify it: FAT counts in steps of two seconds."""


class Shards:
    """Images in mapped files, indexed like a tensor of all of them."""

    def __init__(self, parts: Sequence[npt.NDArray[np.uint8]], digest: str) -> None:
        """Join arrays.

        Args:
            parts: at least one array ``[k, ...]``, all of one shape but for the last one's length.
            digest: of all of them.
        """
        self._parts = parts
        self._rows = np.arange(sum(len(part) for part in parts))
        self.digest = digest
        """SHA-256 of the shards' digests, 64 hex digits."""

    @property
    def shape(self) -> torch.Size:
        """``[N, ...]``, as of a tensor."""
        return torch.Size((len(self), *self._parts[0].shape[1:]))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """Copies of some images.

        Args:
            index: int64 ``[k]``, counted from the end where negative, a slice, or a boolean mask ``[N]``.

        Returns:
            uint8 ``[k, ...]``.

        Raises:
            IndexError: there is no such image.
        """
        wanted = self._rows[index if isinstance(index, slice) else index.numpy()]
        out = np.empty((len(wanted), *self._parts[0].shape[1:]), dtype=np.uint8)
        shards = wanted // len(self._parts[0])
        for number in np.unique(shards):
            here = shards == number
            out[here] = self._parts[number][wanted[here] - number * len(self._parts[0])]
        return torch.from_numpy(out)


def sharded(
    folder: Path,
    name: str,
    key: Mapping[str, Any],
    files: Sequence[Path],
    read: Callable[[Path], Tensor],
    image_bytes: int,
    progress: Callable[[int], None] | None = None,
) -> Shards:
    """Every file as an image, decoded now or taken from the cache; only the shards of changed files are made again.

    Args:
        folder: the cache's folder.
        name: readable start of the shards' file names.
        key: what the images depend on besides the files' bytes.
        files: at least one.
        read: decodes one to uint8, all of one shape.
        image_bytes: bytes of one image.
        progress: told the number of images done after every shard.

    Raises:
        DataError: a file cannot be read, or the cache not written.
    """
    per = max(1, SHARD_BYTES // image_bytes)
    parts, digests = [], []
    for first in range(0, len(files), per):
        some = files[first : first + per]
        entry = cache.cached(folder, name, {**key, "files": files_digest(folder, some)}, partial(decode, some, read))
        parts.append(_mapped(entry.path))
        digests.append(entry.digest)
        if progress is not None:
            progress(first + len(some))
    return Shards(parts, hashlib.sha256("".join(digests).encode()).hexdigest())


def files_digest(folder: Path, files: Iterable[Path]) -> str:
    """SHA-256 of the files' digests in this order, 64 hex digits.

    Files are read once. Later they are known by where they lie on the disk, by their size and by when they last
    changed, and that includes changes that put the old time back.

    Args:
        folder: the cache's folder, where this is remembered.
        files: of the user.

    Raises:
        DataError: a file cannot be read.
    """
    paths = list(files)
    states = [_state(path) for path in paths]

    def read() -> dict[str, Tensor]:
        digest = hashlib.sha256("".join(map(file_digest, paths)).encode()).digest()
        return {"digest": torch.frombuffer(bytearray(digest), dtype=torch.uint8)}

    # A file that changed just now could change again within one tick of the disk's clock.
    if any(time.time_ns() - max(changed) < SETTLED_NS for *changed, _, _, _ in states):
        return _hex(read())
    return _hex(cache.cached(folder, "digest", {"states": _digest_of(states)}, read).tensors)


def _state(path: Path) -> tuple[int, int, int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    return found.st_ctime_ns, found.st_mtime_ns, found.st_size, found.st_dev, found.st_ino


def _digest_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _hex(tensors: Mapping[str, Tensor]) -> str:
    return bytes(tensors["digest"].tolist()).hex()


def decode(files: Sequence[Path], read: Callable[[Path], Tensor]) -> dict[str, Tensor]:
    """Every file as an image, in the form in which the cache keeps them."""
    return {"images": torch.stack([read(path) for path in files])}


def _mapped(path: Path) -> npt.NDArray[np.uint8]:
    """The images of an entry where they lie: safetensors is a length, a JSON header and the bytes."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))["images"]
    start = 8 + length + header["data_offsets"][0]
    return np.memmap(path, np.uint8, "r", start, tuple(header["shape"]))
