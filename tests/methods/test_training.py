from __future__ import annotations

import pytest
import torch
from torch import nn

from retable.benchmarks.plan.registry import get_method, get_settings
from retable.methods.schedules import linear_decay, one_cycle, set_learning_rates
from retable.methods.training import Frozen, grey, held, random_affine
from tests.methods.helpers import TinyInfo, faces, images


def test_one_cycle_rises_to_one_and_falls_to_almost_nothing():
    factors = [one_cycle(step, 100) for step in range(100)]
    assert 0.9 < max(factors) <= 1
    assert min(factors) > 0
    peak = factors.index(max(factors))
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert factors[-1] < 0.02


def test_linear_decay_is_flat_and_then_straight():
    assert [linear_decay(step, 8, 0.5) for step in range(8)] == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]


ATTRIBUTES = TinyInfo(64, {"moods": 3}, {"moods": ("calm", "glad"), "targets": ("glad",), "pairs": ("glad",)})


@pytest.mark.parametrize(
    ("row", "info"),
    [
        ("dtn/dtn", TinyInfo()),
        ("cartoon/basic", faces(256)),
        *((f"stargan/{row}", ATTRIBUTES) for row in ("stargan", "diat", "cyclegan")),
    ],
)
def test_the_rates_of_a_row_follow_from_the_step_alone_and_really_reach_zero(row: str, info: TinyInfo) -> None:
    with torch.device("meta"):
        settings = get_settings(row, {"steps": 1000, "decay_from": 0.5, "lr": 0.1, "lr_d": 0.2})
        method = get_method(row)(settings, info)
    method.opt = {name: torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0) for name in ("g", "d")}
    for step, factor in ((750, 0.5), (0, 1), (499, 1), (999, 0.002)):
        method.schedule(step)
        rates = [method.opt[name].param_groups[0]["lr"] for name in ("g", "d")]
        assert rates == pytest.approx([0.1 * factor, 0.2 * factor])


def test_a_decay_that_starts_at_the_end_never_starts():
    assert {linear_decay(step, 8, 1.0) for step in range(8)} == {1.0}


def test_every_optimiser_gets_its_own_rate_in_all_of_its_groups():
    one, other = (
        torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))]} for _ in range(2)], lr=1.0) for _ in range(2)
    )
    set_learning_rates({"g": one, "e": other}, 0.25, g=2.0, d=3.0)
    assert [group["lr"] for group in one.param_groups] == [0.5, 0.5]
    assert [group["lr"] for group in other.param_groups] == [1.0, 1.0]


def test_no_movement_asked_for_leaves_the_images_untouched():
    x = images(4, 1)
    assert torch.equal(random_affine(x, 0, 0, 0), x)


def test_a_shift_moves_by_at_most_the_stated_pixels_and_repeats_the_border():
    x = torch.full((64, 1, 32, 32), -1.0)
    x[:, :, 16, 16] = 1.0
    moved = random_affine(x, shift=3, rotate=0, scale=0)
    weight = moved[:, 0] + 1
    rows = (weight.sum(2) * torch.arange(32.0)).sum(1) / weight.sum((1, 2))
    columns = (weight.sum(1) * torch.arange(32.0)).sum(1) / weight.sum((1, 2))
    for centre in (rows, columns):
        assert (centre - 16).abs().max() <= 3.01
        assert (centre - 16).abs().max() > 1.5
    assert moved.min() >= -1.0001


@pytest.mark.parametrize("name", ["rotate", "scale"])
def test_each_image_gets_its_own_map(name):
    x = images(1, 3).expand(4, -1, -1, -1)
    moved = random_affine(x, **({"shift": 0, "rotate": 0, "scale": 0} | {name: {"rotate": 20, "scale": 0.3}[name]}))
    assert moved.shape == x.shape
    assert not torch.allclose(moved[0], moved[1])


def test_a_frozen_network_never_trains_but_lets_gradients_through():
    frozen = Frozen(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))
    frozen.train()
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    x = torch.randn(4, 3, requires_grad=True)
    frozen(x).square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in frozen.parameters())
    assert all(torch.equal(before[name], value) for name, value in frozen.state_dict().items())
    assert not any(module.training for module in frozen.modules())


def test_held_weights_get_no_gradient_and_are_let_go_afterwards_even_on_an_error():
    network = nn.Linear(2, 1)
    seen = []

    def inside() -> None:
        with held(network):
            seen.extend(parameter.requires_grad for parameter in network.parameters())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        inside()
    assert seen == [False, False]
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_grey_weighs_the_colours_by_luma_and_keeps_white_and_black():
    x = torch.stack([torch.ones(3, 2, 2), -torch.ones(3, 2, 2)])
    assert torch.allclose(grey(x), x[:, :1], atol=1e-6)
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    assert grey(red).item() == pytest.approx(0.299)
