"""Tensors made once and kept: a cache keyed by everything that went into making them.

An entry is one ``.safetensors`` file named by the hash of its key. It is written to a temporary name, fsynced and
moved into place, so a reader never sees half of one; its digest is checked on every read, so damage is found, said and
mended.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from retable.datasets.errors import DataError
from retable.datasets.files import written_whole

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """What the cache returns."""

    tensors: Mapping[str, Tensor]
    digest: str
    """SHA-256 of the content (names, types, shapes, values), 64 hex digits."""
    path: Path


def canonical(key: Mapping[str, Any]) -> str:
    """The one spelling of a key: JSON with sorted keys and no spaces, so equal keys hash equally."""
    return json.dumps(key, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors by name: 64 hex digits that depend on names, types, shapes and values, not on their order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(canonical({"name": name, "type": str(tensor.dtype), "shape": list(tensor.shape)}).encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def entry_path(folder: Path, name: str, key: Mapping[str, Any]) -> Path:
    """Where the entry of this key is kept: ``folder/name-<16 hex digits>.safetensors``."""
    return folder / f"{name}-{hashlib.sha256(canonical(key).encode()).hexdigest()[:16]}.safetensors"


def cached(folder: Path, name: str, key: Mapping[str, Any], make: Callable[[], Mapping[str, Tensor]]) -> Entry:
    """The tensors of this key: from the cache, or made now and kept.

    Safe from several processes: one makes, the others wait for it. A damaged entry is made again, with a warning.

    Args:
        folder: the cache's folder, made if missing.
        name: readable start of the file name.
        key: everything the content depends on, JSON values only; include a version of the code that makes it.
        make: called without arguments when there is no sound entry; returns CPU tensors by name.

    Raises:
        DataError: the folder cannot be written.
    """
    path = entry_path(folder, name, key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if path.exists():
                entry = _read(path, key)
                if entry is not None:
                    return entry
                _log.warning("cache entry %s is damaged; making it again", path)
            tensors = {k: v.contiguous() for k, v in make().items()}
            digest = content_digest(tensors)
            with written_whole(path) as file:
                file.write(save(tensors, {"key": canonical(key), "digest": digest}))
            return Entry(tensors, digest, path)
    except OSError as error:
        raise DataError(
            f"cannot use the data cache {folder}: {error.strerror or error}; make it writable or choose another folder"
        ) from error


def _read(path: Path, key: Mapping[str, Any]) -> Entry | None:
    """The entry, or ``None`` if it is not what was written."""
    data = path.read_bytes()
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        tensors = load(data)
        if header["key"] != canonical(key) or header["digest"] != content_digest(tensors):
            return None
    except (SafetensorError, ValueError, KeyError, TypeError):
        return None
    return Entry(tensors, header["digest"], path)
