"""Networks that turn images into features, each with a name and a digest: a score means nothing without its extractor.
Reference: clean-fid (Parmar et al. 2022, arXiv 2104.11222) for `inception`; timm's `tf_efficientnet_lite0` for `lite0`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retable.benchmarks.errors import UserError, unknown
from retable.benchmarks.metrics.images import check_images
from retable.benchmarks.metrics.networks import inception, lite0
from retable.benchmarks.metrics.networks.precision import full_precision
from retable.benchmarks.metrics.networks.weights import file_digest

BATCH = {"cpu": 16, "cuda": 256}
"""Images at a time when the caller does not say; 16 keeps lite0's maps in a CPU's cache (1.5x faster than 64)."""
SPATIAL_CHANNELS = 7
"""Channels of the feature map that are kept as spatial features (:mod:`retable.benchmarks.metrics.sfid`)."""


class _Network(Protocol):
    """What a file with a network offers."""

    RESIZE: str
    """How images are brought to its size, for a score's protocol."""
    DIMENSION: int
    """Number of pooled features."""
    MAP: str
    """Name of the feature map, which is ``MAP_SIDE x MAP_SIDE``."""
    MAP_SIDE: int

    def weights_file(self) -> Path: ...
    def load(self, path: Path) -> nn.Module: ...
    def prepare(self, images: Tensor) -> Tensor: ...


EXTRACTORS: dict[str, _Network] = {"lite0": lite0, "inception": inception}


@dataclass(frozen=True)
class Extractor:
    """Turns images into pooled and spatial features; made by :func:`get_extractor`."""

    name: str
    digest: str
    """SHA-256 of the weights' file, 64 hex digits."""
    resize: str
    """How images are brought to the network's size, e.g. ``bicubic-96``."""
    dimension: int
    """Number of pooled features per image."""
    network: nn.Module
    """Images -> pooled features ``[N, dimension]`` and a feature map ``[N, C, H, W]``."""
    device: str

    @property
    def spatial(self) -> int:
        """Number of spatial features per image."""
        return SPATIAL_CHANNELS * EXTRACTORS[self.name].MAP_SIDE ** 2

    @property
    def spatial_map(self) -> str:
        """Which channels of which feature map the spatial features are, e.g. ``Mixed_6e[:7]x17x17``."""
        kind = EXTRACTORS[self.name]
        return f"{kind.MAP}[:{SPATIAL_CHANNELS}]x{kind.MAP_SIDE}x{kind.MAP_SIDE}"

    def features(self, images: Tensor, batch_size: int | None = None) -> NDArray[np.float32]:
        """Pooled features of every image, float32 ``[N, dimension]``; see :meth:`look`."""
        return self.look(images, batch_size)[0]

    def look(self, images: Tensor, batch_size: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Pooled and spatial features, in one pass. An image's features do not depend on its batch, up to rounding.

        Args:
            images: float32 ``[N, 1 or 3, H, W]`` in [-1, 1]. They are quantised to 8 bits first, as if read from a PNG.
            batch_size: images at a time; the default suits the device.

        Returns:
            float32 ``[N, dimension]`` and ``[N, spatial]``: the map's first seven channels, flattened.

        Raises:
            UserError: the images are not what they should be.
        """
        images = check_images(images)
        size = batch_size or BATCH.get(torch.device(self.device).type, 16)
        prepare = EXTRACTORS[self.name].prepare
        pooled = np.empty((len(images), self.dimension), dtype=np.float32)
        spatial = np.empty((len(images), self.spatial), dtype=np.float32)
        with full_precision(self.device):
            for start in range(0, len(images), size):
                batch = prepare(images[start : start + size].to(self.device)).to(self.device)
                batch = batch.contiguous(memory_format=torch.channels_last)
                features, maps = self.network(batch)
                pooled[start : start + size] = features.float().cpu().numpy()
                spatial[start : start + size] = maps[:, :SPATIAL_CHANNELS].flatten(1).float().cpu().numpy()
        return pooled, spatial


def get_extractor(name: str, device: str = "cpu") -> Extractor:
    """The extractor of that name, its weights read once per process and device.

    Raises:
        UserError: no such extractor, or its weights are missing or damaged; the message says what to do.
    """
    if name not in EXTRACTORS:
        raise UserError(unknown("extractor", name, EXTRACTORS))
    return _load(name, EXTRACTORS[name].weights_file(), device)


@lru_cache(maxsize=4)
def _load(name: str, path: Path, device: str) -> Extractor:
    kind = EXTRACTORS[name]
    network = kind.load(path).to(device).to(memory_format=torch.channels_last)
    return Extractor(name, file_digest(path), kind.RESIZE, kind.DIMENSION, network, device)
