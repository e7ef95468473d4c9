"""Small inputs and what the harness does, without the harness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from retable.benchmarks.plan.registry import get_method, get_settings
from retable.methods.method import Info, Method

SMALL = {"steps": 8, "latent": 16, "layers": 2, "width": 8, "base": 256}
"""StyleGAN2, and what is built on it, small."""


@dataclass(frozen=True)
class TinyInfo:
    image_size: int = 32
    channels: Mapping[str, int] = field(default_factory=lambda: {"s": 3, "t": 1})
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"digit": tuple("0123456789")})


@dataclass(frozen=True)
class Shots:
    image_size: int = 32
    channels: Mapping[str, int] = field(default_factory=lambda: {"image": 3})
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def made(row: str, info: Info, seed: int = 0, **settings: Any) -> Any:
    """The method of a row with optimisers, as the harness would set it up; ``settings`` win over the row's own."""
    torch.manual_seed(seed)
    method = get_method(row)(get_settings(row, settings), info)
    method.opt = method.optimizers()
    return method


def made_small(row: str, size: int = 32, seed: int = 0, **settings: Any) -> Any:
    """A small method of MixDL's tables, one that is StyleGAN2 or built on it."""
    return made(f"mixdl/{row}", Shots(size), seed, **{**SMALL, **settings})


def images(n: int, channels: int, seed: int = 0) -> Tensor:
    """Smooth random blobs in [-1, 1]: enough structure to be learnt, different for every image."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, channels, 5, 5, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=32, mode="bicubic").tanh()


def transfer_batch(n: int = 8, seed: int = 0) -> dict[str, Tensor]:
    """Coloured blobs as s; grey blobs on a black ground, as handwriting is, as t."""
    return {"s": images(n, 3, seed), "t": 2 * images(n, 1, seed + 1000).sub(0.3).clamp(min=0) - 1}


def train(method: Method, batches: list[dict[str, Tensor]]) -> list[dict[str, float]]:
    """What the harness does, without the harness."""
    for network in method.networks().values():
        network.train()
    history = []
    for step, batch in enumerate(batches):
        losses = method.training_step(batch, step)
        history.append({name: float(value) for name, value in losses.items()})
    for network in method.networks().values():
        network.eval()
    return history


def weights(method: Method) -> dict[str, Tensor]:
    """Every weight and buffer by name, copied."""
    return {
        f"{name}.{key}": value.clone()
        for name, network in method.networks().items()
        for key, value in network.state_dict().items()
    }
