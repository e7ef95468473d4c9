"""Steps timed in turns, and what a step reaches of what a product of matrices reaches on the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch
from torch.utils.flop_counter import FlopCounterMode

Step = Callable[[], object]


def in_turns(steps: Mapping[str, Step], rounds: int) -> dict[str, float]:
    """Seconds per step, the best of so many rounds: other work on the machine only adds. The first round warms up."""
    best = dict.fromkeys(steps, float("inf"))
    for turn in range(rounds + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            best[name] = min(best[name], time.perf_counter() - start if turn else float("inf"))
    return best


def share_of_a_product(step: Step, seconds: float, side: int = 2048) -> float:
    """Operations per second of a step, over those of a product of two float32 matrices, in 0..1."""
    with FlopCounterMode(display=False) as counted:
        step()
    a = torch.randn(side, side)
    product = in_turns({"product": lambda: a @ a}, 3)["product"]
    return float(counted.get_total_flops() / seconds / (2 * side**3 / product))
