"""photo2cartoon's networks and one step of Basic are those of the released code (minivision-ai/photo2cartoon).

``photo2cartoon.safetensors``: both generators with ``ngf = 4`` in the light form for images of 32 pixels, and the four
discriminators with ``ndf = 4``, of five and of four layers, started by torch's own rules, biases and soft-AdaLIN's
shares moved by about a tenth. One iteration follows on two photographs and two cartoons: D's update and, on the updated
D, the generators', with the released weights and without the Face-ID term, whose network is not part of the code.

Before each of the two, the power iterations of all spectral norms are brought to their end: the released code does two
of them where one pass over real and generated images does one, and torch's older spectral norm, which it uses, does the
halves of an iteration in the other order.
"""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from retable.methods.cartoon.discriminator import Discriminator
from retable.methods.cartoon.generator import Generator
from tests.equality.official import Official
from tests.methods import helpers
from tests.methods.helpers import faces

PLACES = {
    "ConvBlock1.1": "branches.0.entry.0",
    "HourGlass1": "branches.0.entry.3",
    "HourGlass2": "trunk.hourglass_in",
    "DownBlock1.1": "trunk.down.0.0",
    "DownBlock2.1": "trunk.down.1.0",
    **{f"EncodeBlock{n + 1}.conv_block.1": f"trunk.encode.{n}.0" for n in range(4)},
    **{f"EncodeBlock{n + 1}.conv_block.5": f"trunk.encode.{n}.3" for n in range(4)},
    "gap_fc": "branches.0.gap",
    "gmp_fc": "branches.0.gmp",
    "conv1x1": "trunk.cam",
    "FC": "trunk.style",
    **{f"DecodeBlock{n + 1}": f"trunk.decode.{n}" for n in range(4)},
    **{f"UpBlock{n + 1}.2": f"trunk.up.{n}.1" for n in range(2)},
    **{f"UpBlock{n + 1}.3": f"trunk.up.{n}.2" for n in range(2)},
    "HourGlass3": "trunk.hourglass_out",
    "HourGlass4": "branches.0.exit.0",
    "ConvBlock2.1": "branches.0.exit.1",
}
"""Beginning of a weight's official name in a generator -> ours."""
LEVELS = {f"ConvBlock{n + 1}_1": n * "inner." + "skip" for n in range(4)}
LEVELS |= {f"ConvBlock{n + 1}_2": n * "inner." + "down" for n in range(4)}
LEVELS |= {f"ConvBlock{9 - n}": n * "inner." + "up" for n in range(4)} | {"ConvBlock5": "inner.inner.inner.inner"}
"""Unit of an hourglass in the official code -> ours."""


def in_g(name: str) -> str:
    start = next(start for start in PLACES if name.startswith(f"{start}."))
    rest = name.removeprefix(start)
    rest = re.sub(r"\.HG\.0\.(\w+)", lambda found: f".body.0.{LEVELS[found[1]]}", rest).replace(".HG.", ".body.")
    rest = re.sub(r"\.ConvBlock([123])\.3\.", r".conv\1.2.", rest).replace(".ConvBlock4.2.", ".residual.2.")
    for old, new in ((".Conv1.", ".draw."), (".Conv2.", ".keep."), (".Conv3.", ".back."), (".norm.rho", ".rho")):
        rest = rest.replace(old, new)
    return PLACES[start] + rest


def in_d(name: str) -> str:
    parts = {"model": "body", "gap_fc": "gap", "gmp_fc": "gmp", "conv1x1": "attend", "conv": "last"}
    first, _, rest = name.partition(".")
    for old, new in (("weight_orig", "original"), ("weight_u", "0._u"), ("weight_v", "0._v")):
        rest = rest.replace(old, f"parametrizations.weight.{new}")
    return f"{parts[first]}.{rest}"


def settle(*networks: nn.Module) -> None:
    """Bring every spectral norm to the end of its power iteration."""
    for name, module in (each for network in networks for each in network.named_modules()):
        if name.endswith("parametrizations.weight"):
            weight = module.original.detach().flatten(1)
            u, _, v = torch.linalg.svd(weight, full_matrices=False)
            module[0]._u.copy_(u[:, 0])
            module[0]._v.copy_(v[0])


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def official(request: pytest.FixtureRequest) -> Official:
    return Official("photo2cartoon", request.param)


def test_generator_and_discriminator_give_what_the_released_ones_give(official: Official) -> None:
    g, d = Generator(32, width=4, light=True), Discriminator(3, 4, 4)
    official.load(g, "genA2B", in_g)
    official.load(d, "disLA", in_d)
    with torch.no_grad():
        image, cam = g(official["photo"], torch.zeros(2, dtype=torch.int64))
        seen = d(official["photo"])
    official.check(image, "A2B(photo)")
    official.check(cam, "cam A2B(photo)")
    official.check(seen.patches, "disLA(photo)")
    official.check(seen.cam, "cam disLA(photo)")


def test_a_step_of_basic_has_the_released_losses_and_gradients(official: Official) -> None:
    sizes = {"width": 4, "light": True, "width_d": 4, "layers_d": (5, 4), "face_id": 0}
    method = helpers.made("cartoon/basic", faces(32), **sizes, steps=10, batch_size=2)
    official.load(method.g_ab, "genA2B", in_g)
    official.load(method.g_ba, "genB2A", in_g)
    (ga, la), (gb, lb) = method.d_a.both, method.d_b.both
    discriminators = {"disGA": ga, "disLA": la, "disGB": gb, "disLB": lb}
    for name, network in discriminators.items():
        official.load(network, name, in_d)
    made = method.generate(official["photo"], official["cartoon"], torch.zeros(2, dtype=torch.int64))
    official.check(method.update_discriminators(made), "loss d")
    settle(method.d_a, method.d_b)
    losses = method.update_generators(made)
    for name in ("adv", "cycle", "identity", "cam"):
        official.check(losses[f"l_{name}"], f"loss {name}")
    if official.dtype == torch.float64:
        for name, network in discriminators.items():
            official.check_gradients(network, name, in_d)
        official.check_gradients(method.g_ab, "genA2B", in_g)
        official.check_gradients(method.g_ba, "genB2A", in_g)
