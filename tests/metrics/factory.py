"""Images, features and weights' files for the tests; everything follows from a seed."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from retable.benchmarks.metrics import cache
from retable.benchmarks.metrics.measure import Answer, Judge

DIGITS = {"digit": tuple("0123456789")}


def make_images(n: int, side: int = 32, channels: int = 3, seed: int = 0) -> Tensor:
    """Blobs with some noise, float32 ``[n, channels, side, side]`` in [-1, 1]: smooth like images, all different."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, channels, 4, 4, generator=generator) * 2 - 1
    smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    return (smooth + 0.1 * torch.randn(n, channels, side, side, generator=generator)).clamp(-1, 1)


def answer(n: int = 6, seed: int = 0, request: str = "test", **more: object) -> Answer:
    """Digits 2, 3, 4, 2, ... in grey."""
    labels = {"digit": torch.arange(n) % 3 + 2}
    return Answer(request, make_images(n, channels=1, seed=seed), labels, class_names=DIGITS, **more)  # type: ignore[arg-type]


def calls_everything_a_3(images: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(torch.full((len(images),), 3), 10).float()


JUDGE = Judge("target", calls_everything_a_3, "ab" * 32)


def trained_networks() -> tuple[dict[str, nn.Module], dict[str, Optimizer]]:
    """Two networks that share a layer, and their optimisers: one layer is frozen, one is held by nobody."""
    with torch.device("meta"):
        shared, still = nn.Linear(3, 4), nn.Linear(4, 1).requires_grad_(False)
        networks = {"g": nn.Sequential(shared, nn.BatchNorm1d(4)), "d": nn.Sequential(shared, still)}
    held = [{"params": list(layer.parameters())} for layer in (shared, still)]
    return networks, {"g": SGD(held, lr=0.1), "again": SGD(shared.parameters(), lr=0.1)}


def make_features(n: int, d: int, seed: int = 0, shift: float = 0.0) -> NDArray[np.float64]:
    """Correlated Gaussian features ``[n, d]``; every seed draws from the same distribution, moved by ``shift``."""
    mix = np.random.default_rng(1234).standard_normal((d, d)) / np.sqrt(d)
    return np.random.default_rng(seed).standard_normal((n, d)) @ mix + shift


def forget() -> None:
    """Empty the memory for features and embeddings, as if a new process began."""
    cache._RECENT.clear()
    cache._EMBEDDED.clear()


def save_trunk(name: str, folder: Path) -> Path:
    """Random weights of LPIPS trunk ``name`` in torchvision's format, in a file named by its digest."""
    from torchvision import models

    build = {"alex": models.alexnet, "vgg": models.vgg16, "squeeze": models.squeezenet1_1}[name]
    with torch.device("meta"):
        shapes = build(weights=None).state_dict()
    return name_by_digest(random_state({k: v for k, v in shapes.items() if k.startswith("features.")}), folder, name)


def lpips_package(name: str, weights: Path) -> Any:
    """The lpips package's own network, with the trunk weights of a file in torchvision's format."""
    import lpips

    state = torch.load(weights, weights_only=True)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision on the package's spelling of "no weights"
        net = lpips.LPIPS(net=name, pnet_rand=True, verbose=False)
    net.net.load_state_dict({key: state[f"features.{key.split('.', 1)[1]}"] for key in net.net.state_dict()})
    return net


def random_state(shapes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of these shapes that keeps activations in range: He-scaled weights, batch norms near identity."""
    generator, state = torch.Generator().manual_seed(7), {}
    for key, shape in shapes.items():
        noise = torch.randn(shape.shape, generator=generator)
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros((), dtype=torch.int64)
        elif shape.ndim > 1:
            state[key] = noise * (2 / shape[0].numel()) ** 0.5
        elif key.endswith(("running_var", "bn.weight")):
            state[key] = 1 + 0.1 * noise.clamp(-2, 2)
        else:
            state[key] = 0.1 * noise
    return state


def name_by_digest(state: dict[str, Tensor], folder: Path, name: str) -> Path:
    """Save a state dict as ``NAME-XXXXXXXX.pth`` with the first 8 digits of its SHA-256."""
    draft = folder / f"{name}.tmp"
    torch.save(state, draft)
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()
    return draft.rename(folder / f"{name}-{digest[:8]}.pth")
