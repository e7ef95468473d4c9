"""Features of whole sets of images, computed once: a small memory for this process and a folder that outlives it.
Reference: NVlabs/stylegan3 `metric_utils`, whose cache is likewise keyed by everything that changes the result.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.errors import UserError
from benchmarks.metrics.extractors import Extractor

_RECENT: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
_KEPT = 4
VERSION = 1
"""Goes into the key: raise it when the way from images to features changes, so that old files are not found."""


def cached_features(images: Tensor, extractor: Extractor, folder: Path | None = None) -> NDArray[np.float32]:
    """``extractor.features(images)``, computed only once for the same images, weights, resize and kind of device.

    Args:
        images: float32 ``[N, 1 or 3, H, W]`` in [-1, 1].
        extractor: who looks at them.
        folder: where to keep the result as ``features-KEY.npy`` over processes; ``None`` keeps it in memory only.

    Returns:
        float32 ``[N, d]``; do not write into it.
    """
    key = features_key(images, extractor)
    if key in _RECENT:
        _RECENT.move_to_end(key)
        return _RECENT[key]
    path = folder / f"features-{key}.npy" if folder is not None else None
    found = _read(path, len(images), extractor.dimension) if path is not None else None
    if found is None:
        found = extractor.features(images)
        if path is not None:
            _write(path, found)
    found.flags.writeable = False
    _RECENT[key] = found
    while len(_RECENT) > _KEPT:
        _RECENT.popitem(last=False)
    return found


def features_key(images: Tensor, extractor: Extractor) -> str:
    """32 hex digits over the images' content and shape and everything else that changes their features."""
    kind = torch.device(extractor.device).type
    head = (
        f"{VERSION}|{extractor.name}|{extractor.digest}|{extractor.resize}|{kind}|{images.dtype}|{list(images.shape)}|"
    )
    content = hashlib.sha256(head.encode())
    content.update(images.detach().cpu().contiguous().numpy().data)
    return content.hexdigest()[:32]


def _read(path: Path, rows: int, columns: int) -> NDArray[np.float32] | None:
    """The kept features, or ``None`` where there are none or the file is damaged: it is then written anew."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = isinstance(found, np.ndarray) and found.dtype == np.float32 and found.shape == (rows, columns)
    return found if whole and bool(np.isfinite(found).all()) else None


def _write(path: Path, features: NDArray[np.float32]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".features-", suffix=".tmp")
    except OSError as error:
        raise UserError(f"features cannot be kept in {path.parent} ({error.strerror}); choose another cache") from None
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, features, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
