"""MSGAN, DistanceGAN and N-Div: the formulas against plain loops, where they pull, and the rows that use them."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from statistics import fmean, pstdev
from typing import Any

import pytest
import torch
from torch import Tensor

from retable.methods.mixdl.diversity import (
    Spread,
    absolute_distances,
    distances_kept,
    mode_seeking,
    normal_distances,
    normalised_distances,
    normalised_diversification,
)
from tests.methods.helpers import images, made_small

ROWS = [("msgan", "l_msgan", 1), ("distancegan", "l_distance", 1), ("ndiv", "l_ndiv", 10)]
"""Row, its term, and the term's own weight."""


def latents(n: int, length: int = 16, seed: int = 7) -> Tensor:
    return torch.randn(n, length, generator=torch.Generator().manual_seed(seed))


def terms() -> list[Any]:
    kept: Callable[[Tensor, Tensor], Tensor] = lambda z, x: distances_kept(z, x, *normal_distances(16), 0.6, 0.1)  # noqa: E731
    return [
        pytest.param(mode_seeking, id="msgan"),
        pytest.param(kept, id="distancegan"),
        pytest.param(normalised_diversification, id="ndiv"),
    ]


def numbers(x: Tensor) -> list[list[float]]:
    rows: list[list[float]] = x.flatten(1).tolist()
    return rows


def l1(a: list[float], b: list[float]) -> float:
    return fmean(abs(p - q) for p, q in zip(a, b, strict=True))


def l2(a: list[float], b: list[float]) -> float:
    return math.dist(a, b)


# --- formulas ---------------------------------------------------------------------------------------------------


def test_msgan_is_one_over_the_ratio_of_distances_between_partners() -> None:
    z, x = latents(5), images(5, 3)
    rows_z, rows_x = numbers(z), numbers(x)
    partners = [(i, i - 1) for i in range(5)]
    apart = fmean(l1(rows_x[i], rows_x[j]) for i, j in partners)
    between = fmean(l1(rows_z[i], rows_z[j]) for i, j in partners)
    assert float(mode_seeking(z, x)) == pytest.approx(1 / (apart / between + 1e-5), rel=1e-5)


def test_msgan_is_finite_and_largest_where_all_images_are_alike() -> None:
    z, alike = latents(4), images(1, 3).expand(4, -1, -1, -1)
    assert float(mode_seeking(z, alike)) == pytest.approx(1e5, rel=1e-5)
    assert float(mode_seeking(z, 0.1 * images(4, 3))) > float(mode_seeking(z, images(4, 3)))


def test_distancegan_compares_normalised_distances_pair_by_pair() -> None:
    z, x = latents(5), images(5, 3)
    rows_z, rows_x = numbers(z), numbers(x)
    wanted = fmean(
        abs((l1(rows_z[i], rows_z[j]) - 1.1) / 0.2 - (l1(rows_x[i], rows_x[j]) - 0.5) / 0.3)
        for i, j in combinations(range(5), 2)
    )
    assert float(distances_kept(z, x, 1.1, 0.2, 0.5, 0.3)) == pytest.approx(wanted, rel=1e-5)


def test_distancegan_is_zero_where_images_are_as_far_apart_as_their_latents() -> None:
    z = latents(6, 12)
    x = 0.4 * z.view(6, 3, 2, 2)
    mu, sigma = normal_distances(12)
    assert float(distances_kept(z, x, mu, sigma, 0.4 * mu, 0.4 * sigma)) == pytest.approx(0, abs=1e-5)
    assert float(distances_kept(z, x, mu, sigma, 0.8 * mu, 0.4 * sigma)) == pytest.approx(mu / sigma, rel=1e-4)


@pytest.mark.parametrize("length", [8, 32])
def test_the_distances_between_normal_vectors_are_known_beforehand(length: int) -> None:
    found = absolute_distances(latents(700, length))
    mean, deviation = normal_distances(length)
    assert float(found.mean()) == pytest.approx(mean, rel=0.02)
    assert float(found.std()) == pytest.approx(deviation, rel=0.05)


def test_ndiv_is_the_hinge_between_normalised_distances() -> None:
    z, x = latents(5), images(5, 3)
    rows_z, rows_x = numbers(z), numbers(x)

    def share(rows: list[list[float]], i: int, j: int) -> float:
        return l2(rows[i], rows[j]) / sum(l2(rows[i], rows[k]) for k in range(5))

    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    for alpha in (0.8, 1.0):
        wanted = sum(max(0.0, alpha * share(rows_z, i, j) - share(rows_x, i, j)) for i, j in pairs) / 20
        assert float(normalised_diversification(z, x, alpha)) == pytest.approx(wanted, rel=1e-4, abs=1e-7)
    assert wanted > 0


def test_ndiv_is_zero_where_images_keep_the_proportions_and_at_most_its_bound() -> None:
    z = latents(6, 12)
    assert float(normalised_diversification(z, 0.01 * z.view(6, 3, 2, 2), 1.0)) == pytest.approx(0, abs=1e-6)
    alike = images(1, 3).expand(6, -1, -1, -1)
    # Rounding apart, alike images are at the distance of 1e-6, which normalises to even shares.
    assert 0 <= float(normalised_diversification(z, alike)) <= 0.8 / 5 + 1e-6
    # A pair that falls together while the others stay apart is what the hinge is for.
    torn = z.view(6, 3, 2, 2).clone()
    torn[1] = torn[0]
    assert float(normalised_diversification(z, torn)) > 0.01


# --- gradients --------------------------------------------------------------------------------------------------


def test_ndiv_takes_the_sums_of_distances_as_constants() -> None:
    x = images(4, 3)[:, :, ::8, ::8].double().contiguous().requires_grad_(True)
    weight = torch.rand(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (found,) = torch.autograd.grad((weight * normalised_distances(x)).sum(), x)
    rows = x.detach().flatten(1)
    expected = torch.zeros_like(rows)
    for i in range(4):
        total = sum(float((rows[i] - rows[k]).norm()) for k in range(4))
        for j in range(4):
            if i != j:
                towards = (rows[i] - rows[j]) / (rows[i] - rows[j]).norm()
                expected[i] += weight[i, j] * towards / total
                expected[j] -= weight[i, j] * towards / total
    torch.testing.assert_close(found.flatten(1), expected)


@pytest.mark.parametrize("term", terms())
def test_a_step_down_its_gradient_moves_close_images_apart(term: Callable[[Tensor, Tensor], Tensor]) -> None:
    z = latents(4)
    x = images(4, 3)
    x[1] = x[0] + 0.01 * x[2]
    x.requires_grad_(True)
    (gradient,) = torch.autograd.grad(term(z, x), x)
    further = x - 0.01 * gradient / gradient.norm()
    assert (further[1] - further[0]).norm() > (x[1] - x[0]).norm()


@pytest.mark.parametrize("term", terms())
def test_images_that_are_all_alike_give_no_infinite_gradient(term: Callable[[Tensor, Tensor], Tensor]) -> None:
    x = images(1, 3).repeat(4, 1, 1, 1).requires_grad_(True)
    value = term(latents(4), x)
    (gradient,) = torch.autograd.grad(value, x)
    assert value.isfinite()
    assert gradient.isfinite().all()


# --- the rows ---------------------------------------------------------------------------------------------------


def test_the_distances_of_the_shots_are_gathered_over_batches() -> None:
    spread, batches = Spread(), [images(4, 3, seed) for seed in range(3)]
    for batch in batches:
        spread.see(batch)
    found = [l1(a, b) for batch in batches for a, b in combinations(numbers(batch), 2)]
    mean, deviation = spread()
    assert float(mean) == pytest.approx(fmean(found), rel=1e-5)
    assert float(deviation) == pytest.approx(pstdev(found), rel=1e-4)
    restored = Spread()
    restored.load_state_dict(spread.state_dict())
    assert torch.equal(torch.stack(restored()), torch.stack((mean, deviation)))


def test_an_image_that_a_batch_holds_twice_is_at_no_distance_from_itself() -> None:
    spread, (a, b, c) = Spread(), images(3, 3)
    spread.see(torch.stack([a, a, a]))
    assert not spread.sums.any(), "identical images were counted"
    spread.see(torch.stack([a, b, a, c]))
    rows = numbers(torch.stack([a, b, c]))
    apart = [l1(rows[i], rows[j]) for i, j in ((0, 1), (0, 1), (0, 2), (0, 2), (1, 2))]
    mean, deviation = spread()
    assert float(mean) == pytest.approx(fmean(apart), rel=1e-5)
    assert float(deviation) == pytest.approx(pstdev(apart), rel=1e-4)


def test_two_shots_have_a_spread_to_divide_by() -> None:
    spread = Spread()
    spread.see(images(2, 3))
    mean, deviation = spread()
    assert float(deviation) == pytest.approx(float(mean) / 100)
    assert float(Spread()()[1]) > 0


@pytest.mark.parametrize("row", [row for row, *_ in ROWS])
def test_images_are_compared_by_the_latents_that_drew_them(row: str) -> None:
    method, compared = made_small(row, noise=False, lr=0.0), []
    method.diversity = lambda z, image: [compared.append((z, image.detach())), {}][1]
    for _ in range(3):
        method.update_g(images(4, 3))
    for z, image in compared:
        torch.testing.assert_close(method.g(method.f(z))[0], image)
    assert len(compared) == 3


@pytest.mark.parametrize(("row", "name", "own"), ROWS)
def test_the_weight_scales_the_term_and_by_default_every_term_has_its_own(row: str, name: str, own: float) -> None:
    z, x = latents(4), images(4)
    x[1] = x[0] + 0.1 * x[1]
    found = []
    for settings in ({"diverse": 1.0}, {"diverse": 3.0}, {}):
        method = made_small(row, **settings)
        if method.spread is not None:
            method.spread.see(images(4, 3, 1))
        found.append(float(method.diversity(z, x)[name]))
    assert found[0] > 0
    assert found[1:] == pytest.approx([3 * found[0], own * found[0]])
    assert name in method.training_step({"image": images(4)}, 0), "the term is not part of a step"


@pytest.mark.parametrize(("row", "name", "own"), ROWS)
def test_weight_0_leaves_stylegan2_without_mixed_styles(row: str, name: str, own: float) -> None:
    steps = []
    for method in (made_small(row, diverse=0.0), made_small("stylegan2", style_mixing=0.0)):
        torch.manual_seed(1)
        steps.append(method.training_step({"image": images(4)}, 1))
    torch.testing.assert_close(steps[0], steps[1], rtol=0, atol=0)
