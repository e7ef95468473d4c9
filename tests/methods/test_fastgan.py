"""FastGAN and MixDL on it: sizes, formulas, what learns, and what a resumed training ends with."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from retable.methods.mixdl import fastgan_networks as networks
from retable.methods.mixdl.fastgan import VGG16, follow
from retable.methods.mixdl.fastgan_losses import LPIPS, decoded_targets, hinge, l_1, l_recons
from retable.methods.mixdl.fastgan_mixdl import at_random_layers
from tests.methods.helpers import TinyInfo, images, made, moved, train, weights

SMALL = {"steps": 4, "batch_size": 4, "width": 4, "width_d": 4, "latent": 8, "reconstruction": "l1"}


def small(row: str = "fastgan", size: int = 32, **settings: Any) -> Any:
    return made(f"mixdl/{row}", TinyInfo(size, {"image": 3}, {}), **{**SMALL, **settings})


def batches(count: int) -> list[dict[str, Tensor]]:
    return [{"image": images(4, 3, seed)} for seed in range(count)]


def test_what_g_draws_lies_between_minus_one_and_one() -> None:
    g, d = networks.Generator(32, 3, 8, 4), networks.Discriminator(32, 3, 4)
    image, little, _ = g(20 * torch.randn(2, 8))
    for drawn in (image, little, *d(20 * image, little, 0).pictures):
        assert 0.01 < drawn.abs().max() <= 1


def test_every_layer_with_weights_is_spectrally_normalised_and_batch_norm_is_not() -> None:
    for network in (networks.Generator(32, 3, 8, 4), networks.Discriminator(32, 3, 4, 32)):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                (norm,) = layer.parametrizations.weight
                assert type(norm).__name__ == "_SpectralNorm"
                assert isinstance(layer, nn.Linear) or layer.bias is None
            elif isinstance(layer, nn.BatchNorm2d):
                assert not hasattr(layer, "parametrizations")


@torch.no_grad()
@pytest.mark.parametrize(("size", "little_side"), [(32, 16), (64, 32), (128, 64), (256, 128), (512, 128), (1024, 128)])
def test_g_draws_a_small_image_too_and_d_scores_5_by_5_patches_of_each(size: int, little_side: int) -> None:
    g, d = networks.Generator(size, 3, 8, 1), networks.Discriminator(size, 3, 1)
    image, little, maps = g(torch.randn(1, 8))
    assert (image.shape[1:], little.shape[1:]) == ((3, size, size), (3, little_side, little_side))
    assert [tuple(each.shape[1:]) for each in maps] == [(16, 4, 4), (8, 8, 8), (4, 16, 16), (2, 32, 32)]
    seen = d(image, little, 2)
    assert (seen.scores.shape, seen.features.shape) == ((1, 50), (1, 0))
    assert [each.shape for each in seen.pictures] == [little.shape] * 3
    assert d(image, little).pictures == []


@pytest.mark.parametrize("size", [16, 48, 2048])
def test_a_size_that_it_does_not_have_is_refused_by_name(size: int) -> None:
    with pytest.raises(ValueError, match=rf"not {size}; change task.size"):
        small(size=size)


def test_a_gate_is_two_convolutions_of_pooled_maps_and_a_sigmoid_for_every_channel() -> None:
    gate = networks.Excitation(3, 5).eval()
    x, y = torch.randn(2, 3, 8, 8), torch.randn(2, 5, 32, 32)
    first, second = (layer.weight for layer in gate.gate if hasattr(layer, "weight"))
    pooled = x.reshape(2, 3, 4, 2, 4, 2).mean((3, 5))
    hidden = pooled.flatten(1) @ first.flatten(1).T
    hidden = hidden * hidden.sigmoid()
    expected = (hidden @ second[:, :, 0, 0].T).sigmoid()[:, :, None, None] * y
    torch.testing.assert_close(gate(x, y), expected)


def test_the_hinge_takes_margins_from_four_fifths_to_one_and_none_from_a_score_above() -> None:
    zero = torch.stack([hinge(torch.zeros(1)) for _ in range(200)])
    assert zero.min() >= 0.8
    assert zero.max() < 1
    assert zero.std() > 0.03
    assert hinge(torch.ones(100)) == 0
    torch.testing.assert_close(hinge(torch.full((20_000,), -2.0)), torch.tensor(2.9), atol=0.01, rtol=0)


@pytest.mark.parametrize("quarter", range(4))
def test_the_third_picture_shows_the_quarter_that_was_decoded(quarter: int) -> None:
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    which = (2 * (rows // 16) + columns // 16).float().expand(1, 3, 32, 32)
    whole, again, part = decoded_targets(which, quarter, 16)
    assert torch.equal(part, torch.full((1, 3, 16, 16), float(quarter)))
    assert torch.equal(whole, which[:, :, ::2, ::2])
    assert torch.equal(again, whole)


def test_d_decodes_the_quarter_of_its_own_maps_that_is_asked_for() -> None:
    d = networks.Discriminator(32, 3, 4).eval()
    found: list[Tensor] = []
    d.decode_quarter.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    whole: list[Tensor] = []
    d.down[0].register_forward_hook(lambda _module, _given, out: whole.append(out))
    d(images(2, 3), networks.smaller(images(2, 3), 16), 1)
    assert torch.equal(found[0], whole[0][:, :, :8, 8:])


def test_the_reconstruction_is_zero_for_perfect_pictures_and_the_sum_of_three_means_otherwise() -> None:
    targets = decoded_targets(images(4, 3), 3, 16)
    assert l_recons(None, targets, targets) == 0
    torch.testing.assert_close(l_recons(None, [each + 0.5 for each in targets], targets), torch.tensor(1.5))
    assert l_1(targets[0], targets[0] - 1).shape == (4,)


@pytest.mark.parametrize("row", ["fastgan", "fastgan-mixdl"])
def test_every_parameter_of_g_and_d_is_reached_within_two_steps(row: str) -> None:
    method = small(row)
    before = weights(method)
    train(method, batches(2))
    learnt = {f"{name}.{key}" for name in ("g", "d") for key, _ in getattr(method, name).named_parameters()}
    assert learnt <= moved(method, before)


def test_it_learns_to_show_what_it_saw() -> None:
    method, history = small(lr=4e-3), []
    for _ in range(5):
        # The same changes and the same quarter in every step.
        torch.manual_seed(5)
        history += train(method, batches(1))
    assert history[-1]["l_rec"] < 0.6 * history[0]["l_rec"]


def test_samples_come_from_the_average_and_depend_on_the_latents_that_count_alone() -> None:
    method = small()
    train(method, batches(1))
    z = torch.randn(5, 512)
    with torch.no_grad():
        drawn = method.sample({"z": z})
        other = method.sample({"z": torch.cat([z[:, :8], torch.zeros(5, 504)], 1)})
        torch.testing.assert_close(drawn, method.g_ema(z[:, :8])[0])
        assert not torch.allclose(drawn, method.g(z[:, :8])[0])
    assert torch.equal(drawn, other)


def test_the_average_moves_a_share_of_the_way_and_takes_other_buffers_as_they_are() -> None:
    torch.manual_seed(0)
    network = networks.Generator(32, 3, 8, 4)
    average = deepcopy(network).requires_grad_(False)
    network(torch.randn(4, 8))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    before = deepcopy(average.state_dict())
    follow(average, network, 0.25)
    for name, value in average.state_dict().items():
        target = network.state_dict()[name]
        moves = name.endswith(("running_mean", "running_var")) or name in dict(network.named_parameters())
        torch.testing.assert_close(value, torch.lerp(before[name], target, 0.25) if moves else target)


def test_the_average_follows_closely_at_first_and_keeps_ema_of_itself_later() -> None:
    method = small(ema=0.5)
    for network in method.networks().values():
        network.train(any(parameter.requires_grad for parameter in network.parameters()))
    for step, kept in ((0, 0.1), (1_000, 0.5)):
        before = [p.clone() for p in method.g_ema.parameters()]
        method.training_step(batches(1)[0], step)
        for old, new, target in zip(before, method.g_ema.parameters(), method.g.parameters(), strict=True):
            torch.testing.assert_close(new, kept * old + (1 - kept) * target)


def test_mixed_steps_take_turns_with_ordinary_ones() -> None:
    # Two images, the smallest batch that there is.
    first, second, third = history = train(small("fastgan-mixdl"), [{"image": images(2, 3)}] * 3)
    assert all(math.isfinite(value) for losses in history for value in losses.values())
    assert set(first) == set(third) == {"l_d_mix", "l_rec", "l_d_dist", "l_g_mix", "l_g_dist"}
    assert set(second) == {"l_d", "l_rec", "l_g"}


def test_a_weight_of_zero_leaves_its_term_out() -> None:
    method = small("fastgan-mixdl", lambda_g=0, lambda_d=0, lambda_rec=0)
    (losses,) = train(method, batches(1))
    assert set(losses) == {"l_d_mix", "l_g_mix"}
    assert method.d.project is None


def test_the_projection_is_as_wide_as_ds_last_maps() -> None:
    assert small("fastgan-mixdl").d.project.weight.shape == (32, 8 * 8 * 32)


def test_gs_similarities_are_cosines_of_flattened_maps_of_one_layer_for_each_anchor() -> None:
    maps = [torch.randn(7, 3, 4, 4), torch.randn(7, 2, 8, 8)]
    found = at_random_layers(maps, 3)
    assert found.shape == (3, 4)
    for row, values in enumerate(found):
        flat = [each.flatten(1) for each in maps]
        ways = [torch.cosine_similarity(each[row][None], each[3:]) for each in flat]
        assert any(torch.allclose(values, way, atol=1e-6) for way in ways)


def test_the_distance_loss_brings_gs_maps_nearer_to_the_mixture() -> None:
    method, history = small("fastgan-mixdl", mix_every=1, lr=1e-3, lambda_rec=0, lambda_d=0), []
    for _ in range(7):
        # The same mixtures at the same layers in every step: the mixtures differ more than the steps do.
        torch.manual_seed(5)
        history += train(method, batches(1))
    assert history[-1]["l_g_dist"] < 0.5 * history[0]["l_g_dist"]


def test_vgg16_is_not_asked_for_where_it_is_not_needed() -> None:
    for settings in ({"reconstruction": "l1"}, {"reconstruction": "lpips", "lambda_rec": 0}):
        method = small(**settings)
        assert method.files(method.settings) == {}
        with pytest.raises(ValueError, match="takes no file as 'vgg16'"):
            method.take_file("vgg16", {})


def made_up_vgg16() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    wanted = {f"features.{key.split('.', 1)[1]}": value.shape for key, value in LPIPS().trunk.state_dict().items()}
    return {key: torch.randn(shape, generator=generator) * 0.05 for key, shape in wanted.items()}


def test_lpips_asks_for_vgg16_is_the_package_and_trains_with_a_file_of_the_right_shape(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import lpips

    method, state = small(reconstruction="lpips"), made_up_vgg16()
    assert method.files(method.settings) == {"vgg16": VGG16}
    method.take_file("vgg16", {**state, "classifier.0.bias": torch.zeros(1)})
    # The package would first make up all of VGG16's 138 million weights.
    monkeypatch.setattr(lpips.pretrained_networks, "vgg16", lambda **_: deepcopy(method.distance.trunk))
    theirs = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False).eval()
    theirs.net.load_state_dict({key: state[f"features.{key.split('.', 1)[1]}"] for key in theirs.net.state_dict()})
    one, other = images(3, 3), images(3, 3, 1)
    with torch.no_grad():
        torch.testing.assert_close(method.distance(one, other), theirs(one, other).flatten(), atol=1e-5, rtol=1e-4)
    (losses,) = train(method, batches(1))
    assert losses["l_rec"] > 0
    assert not method.distance.training
    for key in ("features.28.bias", "features.0.weight"):
        with pytest.raises(RuntimeError, match=key.split(".", 1)[1]):
            method.take_file("vgg16", {k: v for k, v in state.items() if k != key})


def test_convolutions_start_from_normal_numbers_of_a_fiftieth() -> None:
    torch.manual_seed(0)
    found = torch.cat(
        [
            layer.parametrizations.weight.original.detach().flatten()
            for network in (networks.Generator(32, 3, 8, 4), networks.Discriminator(32, 3, 4))
            for layer in network.modules()
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        ]
    )
    assert float(found.std()) == pytest.approx(0.02, rel=0.03)
    assert float(found.abs().max()) > 0.06, "normal numbers have tails, uniform ones have none"
