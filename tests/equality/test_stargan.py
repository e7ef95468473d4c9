"""StarGAN's networks and one training step are those of the released code (yunjey/stargan).

``stargan.safetensors``: G with ``conv_dim = 4``, five labels and one residual block, and D with ``conv_dim = 4`` and
three strided layers for images of 16 pixels, started by torch's own rules, the instance norms' weights moved by a tenth
of a normal number. G and D see four images with CelebA's five bits; then D's update and G's update of one iteration
follow, with Adam and the released weights (lambda_cls 1, lambda_gp 10, lambda_rec 10), G's on the updated D.
"""

from __future__ import annotations

import pytest
import torch

from retable.methods.stargan.networks import Critic, Generator
from tests.equality.official import Official
from tests.methods import helpers
from tests.methods.helpers import TinyInfo


def in_g(name: str) -> str:
    """Ours are the official names."""
    return name


def in_d(name: str) -> str:
    """``main.2.weight`` -> ``main.1.0.weight``; both heads have names of their own."""
    part, number, *rest = name.split(".")
    heads = {"conv1": "source", "conv2": "kind"}
    return f"main.{int(number) // 2}.0.{rest[0]}" if part == "main" else f"{heads[part]}.{number}"


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def official(request: pytest.FixtureRequest) -> Official:
    return Official("stargan", request.param)


def test_generator_and_discriminator_give_what_the_released_ones_give(official: Official) -> None:
    g, d = Generator(3, 5, width=4, blocks=1), Critic(3, 4, 3, 16, 5)
    official.load(g, "G", in_g)
    official.load(d, "D", in_d)
    x, bits = official["x"], official["label_org"]
    with torch.no_grad():
        official.check(g(x, bits[official["permutation"]].to(x.dtype)), "G(x, trg)")
        patches, kinds = d(x)
    official.check(patches, "D_src(x)")
    official.check(kinds, "D_cls(x)")


def test_a_training_step_has_the_released_losses_and_gradients(
    official: Official, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = TinyInfo(16, {"faces": 3}, {"faces": tuple("abcde")})
    sizes = {"width": 4, "blocks": 1, "width_d": 4, "layers_d": 3}
    method = helpers.made("stargan/stargan", info, **sizes, steps=10, critic_steps=1)
    official.load(method.g, "G", in_g)
    official.load(method.d, "D", in_d)
    monkeypatch.setattr(torch, "randperm", lambda *_, **__: official["permutation"])
    monkeypatch.setattr(torch, "rand", lambda *_, **__: official["alpha"])
    # Label vectors are made in torch's default precision.
    monkeypatch.setattr(torch.Tensor, "float", lambda tensor: tensor.to(official.dtype))
    torch.set_default_dtype(official.dtype)
    try:
        losses = method.learn("faces", official["x"], official["label_org"], True)
    finally:
        torch.set_default_dtype(torch.float32)
    official.check(losses["l_w"], "loss w")
    names = {"l_cls_real": "cls real", "l_gp": "gp", "l_adv": "adv", "l_cls_fake": "cls fake", "l_rec": "rec"}
    for ours, theirs in names.items():
        official.check(losses[ours], f"loss {theirs}")
    if official.dtype == torch.float64:
        official.check_gradients(method.d, "D", in_d)
        official.check_gradients(method.g, "G", in_g)
