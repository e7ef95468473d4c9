"""Small inputs and what the harness does, without the harness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from retable.benchmarks.plan.registry import get_method, get_settings
from retable.methods.method import Info, Method

SMALL = {"steps": 8, "latent": 16, "layers": 2, "width": 8, "base": 256}
"""StyleGAN2, and what is built on it, small."""


@dataclass(frozen=True)
class TinyInfo:
    """What a method is told of its task; without arguments, of the digits."""

    image_size: int = 32
    channels: Mapping[str, int] = field(default_factory=lambda: {"s": 3, "t": 1})
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"digit": tuple("0123456789")})


def faces(image_size: int = 32, channels: int = 3) -> TinyInfo:
    """The task of the cartoon paper."""
    return TinyInfo(image_size, {"photo": channels, "cartoon": channels}, {"group": ("woman", "man", "kids", "old")})


def made(row: str, info: Info, seed: int = 0, **settings: Any) -> Any:
    """The method of a row with optimisers, as the harness would set it up; ``settings`` win over the row's own."""
    torch.manual_seed(seed)
    method = get_method(row)(get_settings(row, settings), info)
    method.opt = method.optimizers()
    return method


def made_small(row: str, size: int = 32, seed: int = 0, **settings: Any) -> Any:
    """A small method of MixDL's tables, one that is StyleGAN2 or built on it."""
    return made(f"mixdl/{row}", TinyInfo(size, {"image": 3}, {}), seed, **{**SMALL, **settings})


def images(n: int, channels: int = 3, seed: int = 0, size: int = 32) -> Tensor:
    """Smooth random blobs in [-1, 1]: enough structure to be learnt, different for every image."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, channels, 5, 5, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").tanh()


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
    evaluated(method)
    return history


def evaluated(method: Method) -> Any:
    """The method with its networks in evaluation mode, as the harness asks it for images."""
    for network in method.networks().values():
        network.eval()
    return method


def parameters(*networks: nn.Module) -> int:
    """How many parameters networks have together."""
    return sum(parameter.numel() for network in networks for parameter in network.parameters())


def weights(of: Method | nn.Module) -> dict[str, Tensor]:
    """Every weight and buffer by name, copied."""
    networks = of.networks() if isinstance(of, Method) else {"": of}
    return {
        f"{name}.{key}".lstrip("."): value.clone()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }


def moved(of: Method | nn.Module, before: Mapping[str, Tensor]) -> set[str]:
    """Names of the weights and buffers that are no longer as they were."""
    return {name for name, value in weights(of).items() if not torch.equal(value, before[name])}


def moved_by(method: Method, act: Callable[[], Any]) -> set[str]:
    """Names of the networks that ``act`` moves. It leaves no gradient in any other, and all ask for one as before."""
    for optimizer in method.opt.values():
        optimizer.zero_grad(set_to_none=True)
    asking = [p.requires_grad for network in method.networks().values() for p in network.parameters()]
    before = weights(method)
    act()
    names = {name.split(".")[0] for name in moved(method, before)}
    touched = {
        name
        for name, network in method.networks().items()
        if any(parameter.grad is not None for parameter in network.parameters())
    }
    assert touched <= names
    assert asking == [p.requires_grad for network in method.networks().values() for p in network.parameters()]
    return names
