"""StyleGAN2: layers against plain formulas, parameter counts, regularisers by hand, and what moves when."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD

from retable.methods.mixdl.stylegan2_layers import (
    EqualConv,
    EqualLinear,
    Modulated,
    Styled,
    ToRGB,
    activate,
    low_pass,
    upfirdn,
)
from retable.methods.mixdl.stylegan2_networks import Discriminator, Heads, Seen, Synthesis, channels_at
from retable.methods.mixdl.stylegan2_networks import Mapping as F
from tests.methods.helpers import evaluated, images, made_small, moved, moved_by, weights


def made(**settings: Any) -> Any:
    return made_small("stylegan2", **settings)


def plain_upfirdn(x: Tensor, kernel: Tensor, up: int, down: int, before: int, after: int) -> Tensor:
    """Zeros between, zeros around, and the sum of the convolution written out."""
    n, c, height, width = x.shape
    wide = torch.zeros(n, c, height * up + before + after, width * up + before + after, dtype=x.dtype)
    wide[:, :, before : before + height * up : up, before : before + width * up : up] = x
    k = len(kernel)
    rows, columns = ((side - k) // down + 1 for side in wide.shape[2:])
    out = torch.zeros(n, c, rows, columns, dtype=x.dtype)
    for row in range(rows):
        for column in range(columns):
            for a in range(k):
                for b in range(k):
                    seen = wide[:, :, row * down + k - 1 - a, column * down + k - 1 - b]
                    out[:, :, row, column] += kernel[a, b] * seen
    return out


# --- layers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("up", "down", "pad"),
    [(1, 1, (0, 0)), (1, 1, (2, 1)), (2, 1, (2, 1)), (1, 2, (1, 1)), (2, 2, (1, 2)), (3, 2, (0, 3)), (2, 3, (3, 0))],
)
def test_upfirdn_is_the_sum_written_out(up: int, down: int, pad: tuple[int, int]) -> None:
    x, kernel = torch.randn(2, 3, 5, 4), torch.randn(4, 4)  # no symmetry that would hide a flip
    torch.testing.assert_close(
        upfirdn(x, kernel, up, down, pad), plain_upfirdn(x, kernel, up, down, *pad), atol=1e-5, rtol=1e-5
    )


def test_the_low_pass_filter_is_the_papers_and_has_the_sum_asked_for() -> None:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    torch.testing.assert_close(low_pass(), taps[:, None] * taps[None])
    assert float(low_pass(4.0).sum()) == pytest.approx(4)


def test_an_image_that_is_all_one_colour_stays_so_when_its_size_is_doubled() -> None:
    to_rgb = ToRGB(2, 3, 4)
    nothing = to_rgb(torch.zeros(1, 2, 16, 16), torch.zeros(1, 4), torch.full((1, 3, 8, 8), 0.7))
    torch.testing.assert_close(nothing[:, :, 2:-2, 2:-2], torch.full((1, 3, 12, 12), 0.7))


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("up", [False, True])
def test_a_modulated_convolution_has_weights_of_its_own_for_every_image(up: bool, demodulate: bool) -> None:
    conv = Modulated(3, 5, 3, 4, up=up, demodulate=demodulate)
    x, w = torch.randn(3, 3, 6, 6), torch.randn(3, 4)
    found = conv(x, w)
    for i in range(3):
        style = w[i] @ conv.modulation.weight.T * (1 / 4**0.5) + 1
        own = style[None, :, None, None] * conv.weight / (3 * 9) ** 0.5  # Eq. 1
        if demodulate:
            own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()  # Eq. 3
        if up:
            spread = torch.zeros(5, 13, 13)
            for row in range(6):
                for column in range(6):
                    patch = torch.einsum("i,oikl->okl", x[i, :, row, column], own)
                    spread[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += patch
            expected = plain_upfirdn(spread[None], low_pass(4.0), 1, 1, 1, 1)[0]
        else:
            expected = functional.conv2d(x[i][None], own, padding=1)[0]
        torch.testing.assert_close(found[i], expected, atol=1e-4, rtol=1e-4)


def test_demodulation_keeps_the_variance_at_one_whatever_the_style() -> None:
    conv = Modulated(64, 64, 3, 8)
    out = conv(torch.randn(2, 64, 24, 24), torch.stack([torch.zeros(8), 20 * torch.ones(8)]))
    deviations = out[:, :, 1:-1, 1:-1].std((1, 2, 3))
    torch.testing.assert_close(deviations, torch.ones(2), atol=0.05, rtol=0)


@pytest.mark.parametrize(("side", "pad"), [(3, 2), (1, 1)])
def test_halving_is_blurring_then_every_second_pixel_of_the_convolution(side: int, pad: int) -> None:
    conv = EqualConv(3, 4, side, down=True)
    nn.init.normal_(conv.bias)
    x = torch.randn(2, 3, 8, 8)
    blurred = plain_upfirdn(x, low_pass(), 1, 1, pad, pad)
    everywhere = functional.conv2d(blurred, conv.weight / (3 * side**2) ** 0.5) + conv.bias[:, None, None]
    expected = functional.leaky_relu(everywhere[:, :, ::2, ::2], 0.2) * 2**0.5
    found = conv(x)
    assert found.shape == (2, 4, 4, 4)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_convolution_that_does_not_halve_is_an_ordinary_one_and_a_skip_has_no_bias() -> None:
    conv, x = EqualConv(3, 4, 3), torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(conv(x), activate(functional.conv2d(x, conv.weight / 27**0.5, padding=1)))
    assert EqualConv(3, 4, 1, active=False).bias is None


def test_a_linear_layer_that_learns_slowly_starts_as_any_other_and_moves_less() -> None:
    moved = []
    for rate in (1.0, 0.01):
        torch.manual_seed(0)
        layer = EqualLinear(256, 64, bias=1.0, rate=rate)
        x = torch.randn(50, 256)
        before = layer(x).detach()
        assert float(before.std()) == pytest.approx(1, rel=0.1)
        assert float(before.mean()) == pytest.approx(1, abs=0.1)
        with torch.no_grad():
            layer.weight += 0.1  # what a step of Adam does, whatever the gradient's size
        moved.append(float((layer(x).detach() - before).abs().mean()))
    assert moved[1] == pytest.approx(0.01 * moved[0], rel=0.01)


def test_noise_is_drawn_anew_in_training_and_stays_the_same_for_samples() -> None:
    layer = Styled(3, 4, 5, 8)
    x, w = torch.randn(1, 3, 8, 8).expand(2, -1, -1, -1), torch.randn(1, 5).expand(2, -1)
    torch.testing.assert_close(*layer(x, w))  # its strength is zero at the start
    nn.init.ones_(layer.strength)
    one, other = layer(x, w), layer(x, w)
    assert not torch.allclose(one, other)
    assert not torch.allclose(*one), "the images of a batch shared their noise"
    layer.eval()
    assert torch.equal(layer(x, w), layer(x, w))
    torch.testing.assert_close(*layer(x, w))
    pinned = activate(layer.conv(x, w) + layer.noise + layer.bias[:, None, None])
    torch.testing.assert_close(layer(x, w), pinned)


def test_a_layer_without_noise_has_no_strength_and_is_a_function_of_its_style() -> None:
    layer = Styled(3, 4, 5, 8, noisy=False)
    x, w = torch.randn(2, 3, 8, 8), torch.randn(2, 5)
    assert "strength" not in dict(layer.named_parameters())
    assert torch.equal(layer(x, w), layer(x, w))


# --- networks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "styles"), [(32, 8), (64, 10), (256, 14), (1024, 18)])
def test_every_size_has_its_styles_features_and_patches(size: int, styles: int) -> None:
    with torch.device("meta"):
        g, d = Synthesis(size, 3, 16, 8, 1024), Discriminator(size, 3, 8, 1024)
        image, features = g(torch.randn(2, 16))
        seen = d(image)
        heads = Heads(d.map_channels)
        logits = [heads(seen.maps, which) for which in range(4)]
    assert g.styles == styles == len(features) + 1
    assert image.shape == (2, 3, size, size)
    sides = [4, *(side for k in range(3, size.bit_length()) for side in (2**k, 2**k))]
    assert [tuple(each.shape[1:]) for each in features] == [(min(8, 1024 // s), s, s) for s in sides]
    assert (seen.score.shape, seen.hidden.shape) == ((2,), (2, 8))
    patch = max(16, size // 8)
    assert [each.shape[2] for each in seen.maps] == [patch, patch, patch // 2, patch // 2]
    assert [tuple(each.shape) for each in logits] == [(2, 1, each.shape[2], each.shape[3]) for each in seen.maps]


@pytest.mark.parametrize("size", [0, 16, 48, 100])
def test_a_size_that_it_cannot_draw_is_refused_by_name(size: int) -> None:
    with pytest.raises(ValueError, match=rf"not {size}; change task.size"):
        Synthesis(size, 3, 16, 8, 256)
    with pytest.raises(ValueError, match=rf"not {size}; change task.size"):
        Discriminator(size, 3, 8, 256)


def test_layers_are_as_wide_as_the_published_ones() -> None:
    assert [channels_at(2**k, 512, 32_768) for k in range(2, 11)] == [512, 512, 512, 512, 512, 256, 128, 64, 32]
    assert channels_at(64, 512, 16) == 1


def test_the_mapping_sees_a_latents_direction_alone() -> None:
    f, z = F(16, 3, 0.01), torch.randn(4, 16)
    torch.testing.assert_close(f(5 * z), f(z), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(f(z), f(-z))


def test_a_style_reaches_its_layer_and_those_after_it() -> None:
    g = Synthesis(32, 3, 16, 8, 256, noisy=False)
    one, other = torch.randn(1, 8, 16), torch.randn(1, 16)
    _, before = g(one)
    for place in range(7):
        changed = one.clone()
        changed[:, place] = other
        _, after = g(changed)
        same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        assert same == [index < place for index in range(7)]
    changed = one.clone()
    changed[:, 7] = other
    image, after = g(changed)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not torch.equal(image, g(one)[0]), "the last toRGB has a style of its own"


def test_equal_styles_at_every_layer_may_be_given_once() -> None:
    g, w = Synthesis(32, 3, 16, 8, 256, noisy=False), torch.randn(2, 16)
    assert torch.equal(g(w)[0], g(w[:, None].expand(-1, 8, -1))[0])


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("parts", [2, 3])
def test_batches_that_are_judged_together_do_not_see_each_other(n: int, parts: int) -> None:
    d = Discriminator(32, 3, 8, 256)
    lots = [images(n, 3, seed) for seed in range(parts)]
    together = d(torch.cat(lots), parts)
    alone = [d(lot) for lot in lots]
    torch.testing.assert_close(together.score, torch.cat([seen.score for seen in alone]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.hidden, torch.cat([seen.hidden for seen in alone]), atol=1e-5, rtol=1e-4)


def test_the_deviation_is_the_mean_over_a_group_which_takes_every_other_image_of_eight() -> None:
    d, found = Discriminator(32, 3, 8, 256), []
    d.last.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    alike = images(1, 3, 9).expand(4, -1, -1, -1)
    d(torch.stack([images(4, 3), alike], 1).flatten(0, 1))
    x, shown = found[0][:, :-1], found[0][:, -1]
    deviation = torch.stack([x[::2, c].std(0, unbiased=False) for c in range(8)]).mean()
    torch.testing.assert_close(shown[::2], deviation.expand(4, 4, 4), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(shown[1::2], torch.full((4, 4, 4), 1e-4), atol=1e-5, rtol=0)  # all alike: sqrt(1e-8)


def test_a_patch_sees_its_surroundings_and_the_score_everything() -> None:
    d = Discriminator(128, 3, 4, 256)
    heads = Heads(d.map_channels)
    x = images(1, 3).repeat(1, 1, 4, 4)
    other = x.clone()
    other[:, :, :, 96:] = 0
    for which in range(4):
        one, two = heads(d(x).maps, which), heads(d(other).maps, which)
        assert torch.equal(one[..., 0], two[..., 0])
        assert not torch.allclose(one[..., -1], two[..., -1])
    assert not torch.allclose(d(x).score, d(other).score)


# --- regularisers -----------------------------------------------------------------------------------------------


class Quadratic(nn.Module):
    """d(x) = a/2 * sum of squares: its gradient is a x."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor, parts: int = 1) -> Seen:
        return Seen(self.a / 2 * x.square().sum((1, 2, 3)), x.flatten(1), [])


def test_r1_is_the_mean_squared_gradient_and_its_update_is_weighted_for_its_turns() -> None:
    method = made(r1=3.0, r1_every=5)
    d = Quadratic()
    method.d = d
    method.opt["d"] = SGD(d.parameters(), lr=1e-6)
    x = images(4, 3).double()
    d.double()
    found = method.update_r1(x)
    power = float(x.square().sum((1, 2, 3)).mean())
    assert float(found) == pytest.approx(0.25 * power, rel=1e-9)
    # The derivative of 3 / 2 * 5 * a^2 * power.
    assert float(d.a.detach()) == pytest.approx(0.5 - 1e-6 * 3 / 2 * 5 * 2 * 0.5 * power, rel=1e-9)


class Linear(nn.Module):
    """g(w) = sum over layers of A_k w_k, as an image."""

    def __init__(self, styles: int, latent: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(styles, latent, 3 * 8 * 8))
        self.seen: list[tuple[int, ...]] = []

    def forward(self, w: Tensor) -> tuple[Tensor, list[Tensor]]:
        self.seen.append(tuple(w.shape))
        return torch.einsum("nkl,klp->np", w, self.a).view(len(w), 3, 8, 8), []


def test_the_path_length_is_that_of_the_jacobian_times_noise_and_its_mean_moves_first() -> None:
    method = made(path=2.0, path_every=4, path_shrink=2, style_mixing=0.0)
    g = Linear(method.styles, 16)
    method.g = g
    method.opt["g"] = SGD(g.parameters(), lr=1e-3)
    before = g.a.detach().clone()
    method.path.mean.fill_(5.0)
    torch.manual_seed(4)
    found = method.update_path(images(4, 3))
    assert g.seen == [(2, method.styles, 16)]

    torch.manual_seed(4)
    torch.randn(2, 16)
    torch.rand(())
    y = torch.randn(2, 3, 8, 8).flatten(1) / 8
    a = before.clone().requires_grad_(True)
    each = []
    for i in range(2):
        layers = torch.stack([(a[k] @ y[i]).square().sum() for k in range(method.styles)])
        each.append(layers.mean().sqrt())
    mean = 0.99 * 5.0 + 0.01 * float(sum(each).detach()) / 2
    l_path = sum((length - mean) ** 2 for length in each) / 2
    assert isinstance(l_path, Tensor)
    assert float(found) == pytest.approx(float(l_path.detach()), rel=1e-4)
    assert float(method.path.mean) == pytest.approx(mean, rel=1e-5)
    (gradient,) = torch.autograd.grad(2.0 * 4 * l_path, a)
    torch.testing.assert_close(g.a.detach(), before - 1e-3 * gradient, atol=1e-5, rtol=1e-4)


def test_the_path_length_is_taken_of_one_image_at_least() -> None:
    method = made(path_shrink=2)
    assert method.update_path(images(1, 3)).isfinite()


def test_regularisers_have_their_turns_and_none_at_weight_zero() -> None:
    method, off = made(r1_every=3, path_every=2), made(r1=0.0, path=0.0)
    terms = [set(method.regularise(images(2, 3), step)) for step in range(7)]
    assert [step for step in range(7) if "l_r1" in terms[step]] == [0, 3, 6]
    assert [step for step in range(7) if "l_path" in terms[step]] == [0, 2, 4, 6]
    assert off.regularise(images(2, 3), 0) == {}


def test_rates_and_moments_are_corrected_for_lazy_regularisers() -> None:
    s = {"lr": 0.002, "r1_every": 16, "path_every": 4}
    for method, share in ((made(**s), (4 / 5, 16 / 17)), (made(**s, r1=0.0, path=0.0), (1, 1))):
        for name, ratio in zip(("g", "d"), share, strict=True):
            (group,) = method.opt[name].param_groups
            assert group["lr"] == pytest.approx(0.002 * ratio)
            assert group["betas"] == (0.0, pytest.approx(0.99**ratio))


# --- training ---------------------------------------------------------------------------------------------------


def test_style_mixing_takes_the_later_layers_from_another_latent() -> None:
    method, places = made(style_mixing=1.0), set()
    z = torch.randn(3, 16)
    w = method.f(z)
    for _ in range(60):
        styles = method.styled(z)
        assert styles.shape == (3, 8, 16)
        own = [torch.equal(styles[:, k], w) for k in range(8)]
        after = own.index(False)
        assert own == [k < after for k in range(8)]
        assert all(torch.equal(styles[:, k], styles[:, 7]) for k in range(after, 8))
        places.add(after)
    assert places == set(range(1, 8))


def test_without_style_mixing_all_layers_have_the_same_style() -> None:
    method, z = made(style_mixing=0.0), torch.randn(3, 16)
    torch.testing.assert_close(method.styled(z), method.f(z)[:, None].expand(-1, 8, -1), rtol=0, atol=0)


def test_the_losses_are_the_logistic_ones() -> None:
    method, real = made(noise=False, style_mixing=0.0, lr=0.0), images(4, 3)
    torch.manual_seed(2)
    losses = method.update_d(real)
    torch.manual_seed(2)
    fake = method.d(method.g(method.f(torch.randn(4, 16)))[0]).score
    true = method.d(real).score
    expected = (1 + fake.exp()).log().mean() + (1 + (-true).exp()).log().mean()
    torch.testing.assert_close(losses["l_d"], expected.detach())
    torch.testing.assert_close(losses["d_real"], true.mean().detach())
    torch.testing.assert_close(losses["d_fake"], fake.mean().detach())
    torch.manual_seed(2)
    torch.testing.assert_close(method.update_g(real)["l_g"], (1 + (-fake).exp()).log().mean().detach())


def test_each_loss_moves_its_own_networks_alone() -> None:
    method, real = made(), images(4)
    for update, moves in (
        (method.update_d, {"d"}),
        (method.update_r1, {"d"}),
        (method.update_g, {"f", "g"}),
        (method.update_path, {"f", "g", "path"}),
    ):
        assert moved_by(method, lambda update=update: update(real)) == moves, update.__name__


def test_every_parameter_of_f_g_and_d_is_reached_within_a_step() -> None:
    method = made()
    before = weights(method)
    method.training_step({"image": images(4)}, 0)
    learnt = {f"{name}.{key}" for name in ("f", "g", "d") for key, _ in getattr(method, name).named_parameters()}
    assert learnt <= moved(method, before)


def test_the_average_keeps_ema_of_itself() -> None:
    method = made(ema=0.75)
    before = weights(method)
    method.training_step({"image": images(4, 3)}, 1)
    after = weights(method)
    for name in ("f", "g"):
        for key, _ in getattr(method, name).named_parameters():
            expected = 0.75 * before[f"{name}_ema.{key}"] + 0.25 * after[f"{name}.{key}"]
            torch.testing.assert_close(after[f"{name}_ema.{key}"], expected)
            assert not torch.equal(after[f"{name}_ema.{key}"], before[f"{name}_ema.{key}"])


def test_samples_are_the_averages_without_new_noise_and_of_the_latents_that_count() -> None:
    method = made()
    for layer in method.g_ema.convs:
        nn.init.ones_(layer.strength)
    evaluated(method)
    z = 3 * torch.randn(3, 512)
    with torch.no_grad():
        drawn = method.sample({"z": z})
        assert torch.equal(drawn, method.sample({"z": torch.cat([z[:, :16], torch.zeros(3, 496)], 1)}))
        torch.testing.assert_close(drawn, method.g_ema(method.f_ema(z[:, :16]))[0].clamp(-1, 1))
        for parameter in (*method.f.parameters(), *method.g.parameters()):
            parameter.zero_()
        assert torch.equal(drawn, method.sample({"z": z}))
    assert drawn.dtype == torch.float32
    assert drawn.abs().max() <= 1


def test_it_learns_to_show_what_it_saw() -> None:
    method = made(lr=5e-3, r1=1.0, path=0.0, ema=0.9, noise=False, mapping_rate=0.1)
    bright = torch.ones(4, 3, 32, 32) * torch.tensor([0.8, -0.6, 0.1]).view(3, 1, 1)
    for step in range(80):
        method.training_step({"image": bright}, step)
    with torch.no_grad():
        drawn = method.sample({"z": torch.randn(16, 512)})
    assert (drawn - bright[:1]).abs().mean() < 0.25
