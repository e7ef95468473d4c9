"""Named, versioned things that look at images: a number means nothing without the extractor behind it.
Reference: clean-fid (Parmar et al. 2022, arXiv 2104.11222) for `inception`; timm's `tf_efficientnet_lite0` for `lite0`.

`lite0` works at 96 x 96: our images are 32 to 64 pixels, so a larger input would hold no more information, and at 96 px
the network still names photographs right (a cat is 'Egyptian cat'). Measured on one CPU thread for 2,000 images, in
batches of 16: 3 s at 64 px, 5.5 s at 96 px, 9 s at 128 px.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.metrics import inception, lite0
from retable.benchmarks.metrics.images import check_images, quantise, resize_bicubic, resize_pil, to_rgb
from retable.benchmarks.metrics.sfid import CHANNELS, spatial
from retable.benchmarks.metrics.weights import file_digest

LITE0_SIDE = 96
BATCH = {"cpu": 16, "cuda": 256}
"""Images at a time when the caller does not say; 16 keeps lite0's maps in a CPU's cache (1.5x faster than 64)."""


class _Module(Protocol):
    """What a file with a network offers."""

    def weights_file(self) -> Path: ...
    def load(self, path: Path) -> nn.Module: ...


def lite0_input(images: Tensor) -> Tensor:
    """Checked images in [-1, 1] -> float32 ``[N, 3, 96, 96]`` in [-1, 1] (its mean and deviation are both 0.5)."""
    return to_rgb(resize_bicubic(quantise(images) / 127.5 - 1, LITE0_SIDE).clamp(-1, 1))


def inception_input(images: Tensor) -> Tensor:
    """Checked images in [-1, 1] -> float32 ``[N, 3, 299, 299]`` in 0..255."""
    return to_rgb(resize_pil(quantise(images), inception.SIDE))


@dataclass(frozen=True)
class _Kind:
    module: _Module
    prepare: Callable[[Tensor], Tensor]
    resize: str
    dimension: int
    map: str
    map_side: int


EXTRACTORS: dict[str, _Kind] = {
    "lite0": _Kind(lite0, lite0_input, f"bicubic-{LITE0_SIDE}", lite0.HEAD, "blocks.10", LITE0_SIDE // 16),
    "inception": _Kind(
        inception,
        inception_input,
        f"pil-bicubic-{inception.SIDE}",
        inception.DIMENSION,
        "Mixed_6e",
        inception.MAP_SIDE,
    ),
}


@dataclass(frozen=True)
class Extractor:
    """Turns images into pooled and spatial features; made by :func:`get_extractor`."""

    name: str
    digest: str
    """SHA-256 of the weights' file, 64 hex digits."""
    resize: str
    """How images are brought to the network's size, e.g. ``bicubic-96``."""
    dimension: int
    """Number of pooled features of an image."""
    network: nn.Module
    """Images -> pooled features ``[N, dimension]`` and a feature map ``[N, C, H, W]``."""
    device: str

    @property
    def spatial(self) -> int:
        """Number of spatial features of an image (:mod:`retable.benchmarks.metrics.sfid`)."""
        return CHANNELS * EXTRACTORS[self.name].map_side ** 2

    @property
    def spatial_map(self) -> str:
        """Which channels of which feature map the spatial features are, e.g. ``Mixed_6e[:7]x17x17``."""
        kind = EXTRACTORS[self.name]
        return f"{kind.map}[:{CHANNELS}]x{kind.map_side}x{kind.map_side}"

    def features(self, images: Tensor, batch_size: int | None = None) -> NDArray[np.float32]:
        """Pooled features of every image, float32 ``[N, dimension]``; see :meth:`look`."""
        return self.look(images, batch_size)[0]

    def look(self, images: Tensor, batch_size: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Pooled and spatial features, in one pass; an image's features do not depend on its batch (to 1e-4).

        Args:
            images: float32 ``[N, 1 or 3, H, W]`` in [-1, 1]. They are quantised to 8 bits first, as if read from a PNG.
            batch_size: images at a time; the default suits the device.

        Returns:
            float32 ``[N, dimension]`` and ``[N, spatial]``.

        Raises:
            UserError: the images are not what they should be.
        """
        images = check_images(images)
        size = batch_size or BATCH.get(torch.device(self.device).type, 16)
        prepare = EXTRACTORS[self.name].prepare
        pooled = np.empty((len(images), self.dimension), dtype=np.float32)
        where = np.empty((len(images), self.spatial), dtype=np.float32)
        with full_precision(self.device):
            for start in range(0, len(images), size):
                batch = prepare(images[start : start + size].to(self.device)).to(self.device)
                batch = batch.contiguous(memory_format=torch.channels_last)
                features, found = self.network(batch)
                pooled[start : start + size] = features.float().cpu().numpy()
                where[start : start + size] = spatial(found).float().cpu().numpy()
        return pooled, where


@contextmanager
def full_precision(device: str) -> Iterator[None]:
    """No gradients, no autocast, no TF32: what a network sees must not depend on how the method was trained."""
    with torch.inference_mode(), single_precision(device):
        yield


@contextmanager
def single_precision(device: str) -> Iterator[None]:
    """No autocast and no TF32, but tensors as they ever are."""
    convolutions: Any = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = convolutions.fp32_precision
    convolutions.fp32_precision = "ieee"
    try:
        with torch.autocast(torch.device(device).type, enabled=False):
            yield
    finally:
        convolutions.fp32_precision = before


def get_extractor(name: str, device: str = "cpu") -> Extractor:
    """The extractor of that name, its weights read once per process and device.

    Raises:
        UserError: no such extractor, or its weights are missing or damaged; the message says what to do.
    """
    return _load(name, _kind(name).module.weights_file(), device)


def available(name: str) -> str | None:
    """``None`` when extractor or LPIPS trunk ``name`` can be used here, else the reason why not and the way out."""
    from retable.benchmarks.metrics import trunks

    try:
        if name in EXTRACTORS:
            EXTRACTORS[name].module.weights_file()
        elif name in trunks.TRUNKS:
            trunks.weights_file(name)
        else:
            return unknown(name, {*EXTRACTORS, *trunks.TRUNKS})
    except UserError as error:
        return str(error)
    return None


def unknown(name: str, known: set[str]) -> str:
    """The sentence for a name that is not one of ``known``."""
    return f"unknown extractor {name!r}{did_you_mean(name, known)}; known are {', '.join(sorted(known))}"


def _kind(name: str) -> _Kind:
    if name not in EXTRACTORS:
        raise UserError(unknown(name, set(EXTRACTORS)))
    return EXTRACTORS[name]


@lru_cache(maxsize=4)
def _load(name: str, path: Path, device: str) -> Extractor:
    kind = _kind(name)
    network = kind.module.load(path).to(device).to(memory_format=torch.channels_last)
    return Extractor(name, file_digest(path), kind.resize, kind.dimension, network, device)
