"""StyleGAN2's networks, losses and regularisers are those of rosinality/stylegan2-pytorch, on which MixDL builds.

``stylegan2.safetensors``: G for images of 32 pixels with a latent of 8 and a mapping of two layers, and D, with 6
channels at every resolution, started by the code's own rules; biases and the strengths of noise are moved by a tenth of
a normal number, and noise is the constant one of the checkpoint. Both losses are of eight latents and eight images, so
that D compares images in two groups; R1 (weight 10, every 16 steps) is on the eight, the path length (weight 2, every 4
steps) on the first four, with a running mean of 0.5 and a given random image.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.equality.official import Official
from tests.methods.helpers import made_small

LAYER = {"noise.weight": "strength", "activate.bias": "bias"}


def in_f(name: str) -> str:
    """``style.1.weight`` -> ``main.0.weight``: the first layer there is the normalisation."""
    _, number, what = name.split(".")
    return f"main.{int(number) - 1}.{what}"


def in_g(name: str) -> str:
    """The first layers stand apart from the others there, and so does the noise."""
    first, _, rest = name.partition(".")
    if first == "input":
        return "constant"
    if first == "noises":
        return f"convs.{rest.removeprefix('noise_')}.noise"
    if first in ("conv1", "to_rgb1"):
        number, what = 0, rest
    else:
        index, _, what = rest.partition(".")
        number = int(index) + 1
    return f"{'convs' if 'conv' in first else 'to_rgb'}.{number}.{LAYER.get(what, what)}"


BLOCK = {"conv1.0": "first", "conv1.1": "first", "conv2.1": "second", "conv2.2": "second", "skip.1": "skip"}
ENDS = {
    "convs.0.0": "enter",
    "convs.0.1": "enter",
    "final_conv.0": "last",
    "final_conv.1": "last",
    "final_linear.0": "hidden",
    "final_linear.1": "score",
}


def in_d(name: str) -> str:
    start, _, what = name.rpartition(".")
    if start in ENDS:
        return f"{ENDS[start]}.{what}"
    _, number, part = start.split(".", 2)
    return f"blocks.{int(number) - 1}.{BLOCK[part]}.{what}"


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def official(request: pytest.FixtureRequest) -> Official:
    return Official("stylegan2", request.param)


@pytest.fixture
def method(official: Official, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ours with the official weights: neither network is moved, and latents are the stored ones."""
    made = made_small("stylegan2", latent=8, layers=2, width=6, base=6 * 32, style_mixing=0.0, lr=0.0, path_shrink=2)
    for prefix, network, renamed in (("f", made.f, in_f), ("g", made.g, in_g), ("d", made.d, in_d)):
        official.load(network, prefix, renamed)
    made.path.to(official.dtype)
    made.g.eval()
    monkeypatch.setattr(made, "latents", lambda real: official["z"][: len(real)])
    return made


def check_gradients(official: Official, tag: str, method: Any, *names: str) -> None:
    """In 32 bits too few digits are left of some."""
    if official.dtype == torch.float64:
        for name in names:
            network, renamed = {"f": (method.f, in_f), "g": (method.g, in_g), "d": (method.d, in_d)}[name]
            official.check_gradients(network, f"{tag}{name}", renamed)


def test_generator_and_discriminator_give_what_the_official_ones_give(official: Official, method: Any) -> None:
    with torch.no_grad():
        official.check(method.g(method.f(official["z"][:2]))[0], "g(f(z))")
        official.check(method.d(official["x"]).score, "d(x)")


def test_both_losses_and_their_gradients_are_the_official_ones(official: Official, method: Any) -> None:
    losses: dict[str, Tensor] = {}
    # In two batches, as there.
    seen = method.update_d(official["x"])
    official.check(seen["l_d"], "loss d")
    check_gradients(official, "", method, "d")
    losses = method.update_g(official["x"])
    official.check(losses["l_g"], "loss g")
    check_gradients(official, "", method, "f", "g")


def test_r1_and_path_length_and_their_gradients_are_the_official_ones(
    official: Official, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    official.check(method.update_r1(official["x"]), "r1")
    check_gradients(official, "r1 ", method, "d")
    method.path.mean.fill_(0.5)
    monkeypatch.setattr(torch, "randn_like", lambda image: official["y"])
    official.check(method.update_path(official["x"]), "path")
    official.check(method.path.mean, "path mean")
    check_gradients(official, "path ", method, "f", "g")


def test_a_network_with_another_weight_is_told_apart(official: Official, method: Any) -> None:
    bias: nn.Parameter = method.d.blocks[0].first.bias
    with torch.no_grad():
        bias[0] += 1e-2
        with pytest.raises(AssertionError, match="is off by"):
            official.check(method.d(official["x"]).score, "d(x)")
