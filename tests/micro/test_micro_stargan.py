"""One training step of StarGAN at the paper's size against the plain loop. Run alone: ``tox -e micro``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from retable.methods.stargan.stargan import StarGAN, StarGANSettings
from tests.methods.plain_stargan import PlainLoop

NO_SLOWER = 1.0
"""Times the plain loop's time, at most."""


@dataclass(frozen=True)
class Faces:
    image_size: int
    channels: dict[str, int] = field(default_factory=lambda: {"expressions": 3})
    classes: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"expressions": tuple("abcdefgh")})


@pytest.mark.slow
def test_a_step_at_128_pixels_is_not_slower_than_the_plain_loop(benchmark: Any) -> None:
    # The whole size only where time is measured.
    size, width, rounds = (32, 8, 1) if benchmark.disabled else (128, 64, 3)
    sizes = {"width": width, "width_d": width}
    batch = {"expressions.image": torch.rand(4, 3, size, size) * 2 - 1, "expressions.label": torch.arange(4)}

    def made() -> StarGAN:
        method = StarGAN(StarGANSettings.model_validate({"batch_size": 4, **sizes}), Faces(size))
        method.opt = method.optimizers()
        return method

    ours, mixed, theirs = made(), made(), made()
    plain = PlainLoop(theirs.g, theirs.d, 8, lr=1e-4)  # type: ignore[arg-type]

    def in_bf16(step: int) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            mixed.training_step(batch, step)

    steps: dict[str, Callable[[int], Any]] = {
        "plain": lambda step: plain.step(batch["expressions.image"], batch["expressions.label"], step),
        "ours": lambda step: ours.training_step(batch, step),
        "bf16": in_bf16,
    }
    spent = dict.fromkeys(steps, 0.0)
    for turn in range(rounds + 1):  # interleaved; the first round warms up
        for name, step in steps.items():
            start = time.perf_counter()
            for number in range(5):  # four steps of D alone, one with G
                step(number)
            spent[name] += (time.perf_counter() - start) if turn else 0.0
    benchmark.pedantic(steps["ours"], (0,), rounds=1)
    each = {name: seconds / (5 * rounds) for name, seconds in spent.items()}
    ratios = {f"{name}_to_plain": each[name] / each["plain"] for name in ("ours", "bf16")}
    benchmark.extra_info.update({f"{name}_s": seconds for name, seconds in each.items()} | ratios)
    if not benchmark.disabled:
        assert ratios["ours_to_plain"] <= NO_SLOWER
