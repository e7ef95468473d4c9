from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from retable.methods.dtn.f import F
from tests.methods.helpers import TinyInfo, images, made


@pytest.fixture
def info() -> TinyInfo:
    return TinyInfo()


@pytest.fixture(autouse=True)
def _one_thread_and_a_fixed_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def small_f(info: TinyInfo) -> F:
    f = F(F.Settings(steps=1, width=4), info)
    # batch-norm statistics of real use, not those of a fresh network
    f.encoder.train()
    for seed in range(3):
        f.code(images(32, 3, seed))
    f.encoder.eval()
    f.head.eval()
    return f


@pytest.fixture
def started(info: TinyInfo, small_f: F) -> Callable[..., Any]:
    """Build a small row of the table, started from ``small_f``, with its optimisers."""

    def build(row: str = "dtn", seed: int = 0, **settings: Any) -> Any:
        values: dict[str, Any] = {
            "steps": 30,
            "batch_size": 8,
            "width": 4,
            "width_d": 4,
            "lr": 2e-3,
            "lr_d": 2e-3,
        } | settings
        method = made(f"dtn/{row}", info, seed, **values)
        method.start_from("f", small_f)
        method.opt = method.optimizers()
        return method

    return build
