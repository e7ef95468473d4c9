"""Full precision while a network looks at images: what it sees must not depend on how the method was trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def full_precision(device: str) -> Iterator[None]:
    """No gradients, no autocast, no TF32."""
    with torch.inference_mode(), single_precision(device):
        yield


@contextmanager
def single_precision(device: str) -> Iterator[None]:
    """No autocast and no TF32; gradients stay as they are."""
    convolutions: Any = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = convolutions.fp32_precision
    convolutions.fp32_precision = "ieee"
    try:
        with torch.autocast(torch.device(device).type, enabled=False):
            yield
    finally:
        convolutions.fp32_precision = before
