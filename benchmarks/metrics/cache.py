"""Features of whole sets of images, computed once: kept in memory for this process, and in a folder for the next.
Reference: NVlabs/stylegan3 `metric_utils`, whose cache is likewise keyed by everything that changes the result.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retable.benchmarks.metrics.networks.extractors import Extractor
from retable.benchmarks.metrics.networks.trunks import Trunk
from retable.datasets.cache import cached as on_disk

_RECENT: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
_KEPT = 4
_EMBEDDED: OrderedDict[str, list[Tensor]] = OrderedDict()
EMBEDDED_BYTES = 256 * 2**20
"""Memory for embeddings: 1,000 images of `lite0`. A larger set is embedded anew every time."""
VERSION = 2
"""Part of the key. Raise it when features are computed in another way, so that old files are not found."""


def cached_features(images: Tensor, extractor: Extractor, folder: Path | None = None) -> NDArray[np.float32]:
    """``extractor.look(images)[0]``, computed only once for the same images, weights, resize and kind of device.

    Args:
        images: float32 ``[N, 1 or 3, H, W]`` in [-1, 1].
        extractor: network that looks at them.
        folder: where to keep the result over processes, with its digest; ``None`` keeps it in memory only.

    Returns:
        float32 ``[N, d]``; do not write into it.
    """
    return _looked(images, extractor, folder)[:, : extractor.dimension]


def cached_spatial(images: Tensor, extractor: Extractor, folder: Path | None = None) -> NDArray[np.float32]:
    """``extractor.look(images)[1]``, float32 ``[N, s]``, from the same pass as the pooled features."""
    return _looked(images, extractor, folder)[:, extractor.dimension :]


class Remembering(Trunk):
    """A trunk that keeps its latest embeddings in memory: several metrics look at the same few hundred images."""

    def batches(self, images: Tensor) -> Iterator[Tensor]:
        """As :meth:`Trunk.batches`; do not write into them."""
        key = cache_key("embeddings", self, images)
        if key in _EMBEDDED:
            _EMBEDDED.move_to_end(key)
            yield from _EMBEDDED[key]
            return
        kept: list[Tensor] = []
        for batch in super().batches(images):
            if len(images) * batch[0].nbytes <= EMBEDDED_BYTES:
                kept.append(batch)
            yield batch
        if kept:
            _EMBEDDED[key] = kept
            while sum(batch.nbytes for batches in _EMBEDDED.values() for batch in batches) > EMBEDDED_BYTES:
                _EMBEDDED.popitem(last=False)


def _looked(images: Tensor, extractor: Extractor, folder: Path | None) -> NDArray[np.float32]:
    """Pooled and spatial features side by side: metrics that need one often need the other next."""
    key = cache_key("features", extractor, images)
    return cached(key, folder, lambda: np.concatenate(extractor.look(images), axis=1))


def cache_key(what: str, network: Extractor | Trunk, *sets: Tensor) -> str:
    """32 hex digits over the images' content and shape and everything else that changes what the network sees."""
    kind = torch.device(network.device).type
    content = hashlib.sha256(f"{VERSION}|{what}|{network.name}|{network.digest}|{network.resize}|{kind}|".encode())
    for images in sets:
        content.update(f"{images.dtype}|{list(images.shape)}|".encode())
        content.update(images.detach().cpu().contiguous().numpy().data)
    return content.hexdigest()[:32]


def cached(key: str, folder: Path | None, compute: Callable[[], NDArray[np.floating]]) -> NDArray[np.float32]:
    """What ``compute`` returns, rounded to float32, from memory, or from ``folder`` if it is there; read-only.

    Raises:
        DataError: the folder cannot be used.
    """

    def make() -> dict[str, Tensor]:
        return {"features": torch.from_numpy(compute().astype(np.float32))}

    if key not in _RECENT:
        made = make() if folder is None else on_disk(folder, "features", {"key": key}, make).tensors
        _RECENT[key] = made["features"].numpy()
        _RECENT[key].flags.writeable = False
    _RECENT.move_to_end(key)
    while len(_RECENT) > _KEPT:
        _RECENT.popitem(last=False)
    return _RECENT[key]
