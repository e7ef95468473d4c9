"""Random numbers that are a pure function of (seed, split, index): image i is the same whatever is drawn around it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from retable.datasets.seeding import derived_seed

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The output function of SplitMix64 (Steele, Lea and Flood, 2014, Fig. 15), on uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class Draws:
    """A stream of random numbers for every index; each call moves all streams on by the same amount."""

    def __init__(self, indices: Tensor, seed: int, *key: str) -> None:
        """Start the streams.

        Args:
            indices: int64 ``[B]``, which images.
            seed: seed of the whole set.
            key: further parts of the seed, e.g. the split's name.
        """
        start = np.uint64(derived_seed("draws", seed, *key))
        self._keys = _mix(_mix(indices.numpy().astype(np.uint64) * _GOLDEN + start))
        self._used = 0

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform in [low, high): float32 ``[B, *shape]``."""
        count = int(np.prod(shape)) if shape else 1
        counters = np.arange(self._used + 1, self._used + count + 1, dtype=np.uint64) * _GOLDEN
        self._used += count
        bits = _mix(self._keys[:, None] + counters)
        unit = ((bits >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24)
        return torch.from_numpy(unit * np.float32(high - low) + np.float32(low)).view(-1, *shape)

    def normal(self, *shape: int, std: float = 1.0, limit: float = 3.0) -> Tensor:
        """Normal, clipped at ``limit`` standard deviations: float32 ``[B, *shape]``."""
        z: Tensor = torch.special.ndtri(self.uniform(*shape).clamp(1e-6, 1 - 1e-6))
        return z.clamp(-limit, limit) * std

    def chance(self, p: float, *shape: int) -> Tensor:
        """1.0 with probability ``p``, else 0.0: float32 ``[B, *shape]``."""
        return (self.uniform(*shape) < p).float()

    def integers(self, high: int, *shape: int) -> Tensor:
        """Uniform in ``range(high)``: int64 ``[B, *shape]``."""
        return (self.uniform(*shape) * high).long().clamp(max=high - 1)
