"""MixDL's distance losses and patch maps are those of its released code (reyllama/mixdl).

``mixdl.safetensors``: four latents, their coefficients from Dirichlet(1), and what the released loops and networks make
of them at 6 channels and 32 pixels with constant noise: G's distance loss, weighted by 1000, at one stored layer per
anchor; D's, of eight random images of which the first four are the parts. Patches come from a D for 256 pixels that
sees two images of 16 pixels with every pixel repeated, through each of the four heads.
"""

from __future__ import annotations

import pytest
import torch

from retable.methods.mixdl.coefficients import mixture
from retable.methods.mixdl.similarity import distance_loss, similarities, similarities_at
from retable.methods.mixdl.stylegan2_layers import EqualLinear, activate
from retable.methods.mixdl.stylegan2_networks import Discriminator, Heads, Mapping, Synthesis
from tests.equality.official import Official
from tests.equality.test_stylegan2 import in_d, in_f, in_g


def in_projected_d(name: str) -> str:
    return in_d(name) if "sim_linear" not in name else name


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def official(request: pytest.FixtureRequest) -> Official:
    return Official("mixdl", request.param)


def test_the_generators_distance_loss_and_its_gradients_are_the_released_ones(official: Official) -> None:
    f, g = Mapping(8, 2, 0.01), Synthesis(32, 3, 8, 6, 6 * 32).eval()
    official.load(f, "f", in_f)
    official.load(g, "g", in_g)
    w = f(official["z"])
    _, features = g(torch.cat([mixture(official["alpha"], w), w]))
    found = similarities_at(official["layers"].tolist(), [x[:4] for x in features], [x[4:] for x in features])
    loss = 1000 * distance_loss(found, official["alpha"])
    official.check(loss, "loss g dist")
    loss.backward()
    if official.dtype == torch.float64:
        official.check_gradients(f, "f", in_f)
        official.check_gradients(g, "g", in_g)


def test_the_discriminators_distance_loss_and_its_gradients_are_the_released_ones(official: Official) -> None:
    d = Discriminator(32, 3, 6, 6 * 32)
    d.add_module("sim_linear", EqualLinear(6, 6))
    official.load(d, "d", in_projected_d)
    # The order within the batch does not matter: each of both groups has two anchors and two parts.
    hidden = d.sim_linear(d(official["parts, anchors"].roll(4, 0)).hidden)  # type: ignore[operator]
    loss = distance_loss(similarities(*hidden.chunk(2)), official["alpha"])
    official.check(loss, "loss d dist")
    loss.backward()
    if official.dtype == torch.float64:
        official.check_gradients(d, "d", in_projected_d)


def test_patches_come_from_the_released_maps(official: Official) -> None:
    d = Discriminator(256, 3, 6, 6 * 256)
    d.add_module("sim_linear", EqualLinear(6, 6))
    official.load(d, "patch", in_projected_d)
    heads = Heads(d.map_channels)
    official.load(heads, "extra", lambda name: f"heads.{name.split('.')[1]}.{name.rpartition('.')[2]}")
    image = official["small"].repeat_interleave(16, 2).repeat_interleave(16, 3)
    with torch.no_grad():
        maps = d(image).maps
        for which in range(4):
            # Ours are linear; the released heads end in the activation.
            official.check(activate(heads(maps, which)), f"patches {which}")
