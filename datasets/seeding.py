"""Seeds and random generators that depend on a key and on nothing else: the same on every machine, in every process.

Nothing here imports torch before it is needed: the processes that draw faces do without it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def _digest(key: tuple[str | int, ...]) -> bytes:
    return hashlib.sha256(json.dumps(key).encode()).digest()


def derived_seed(*key: str | int) -> int:
    """A seed in [0, 2**63) that depends on every part of the key."""
    return int.from_bytes(_digest(key)[:8], "big") >> 1


def numpy_generator(*key: str | int) -> np.random.Generator:
    """NumPy's random numbers for a key."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(key), "big")))


def torch_generator(*key: str | int) -> torch.Generator:
    """Torch's random numbers for a key, on the CPU."""
    import torch

    return torch.Generator().manual_seed(derived_seed(*key))
