"""Seeds that derive from a cell's axes.

Rows of one table share their data order and their initial weights wherever their seed is equal: comparisons are paired.
"""

from __future__ import annotations

import hashlib
import random

import numpy as np
import torch


def derive_seed(*axes: object) -> int:
    """A seed in [0, 2**31) from a purpose and the axes that it depends on."""
    text = "/".join(str(axis) for axis in axes)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def seed_everything(seed: int) -> None:
    """Seed torch (CPU and CUDA), NumPy's legacy global state and Python's ``random``."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
