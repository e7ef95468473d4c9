"""MixDL: the distance loss against loops, mixtures, whose turn it is, and what each loss moves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy.stats import entropy
from torch import Tensor
from torch.nn import functional

import retable.methods.mixdl.mixdl as module
from retable.methods.mixdl.coefficients import mixing, mixture
from retable.methods.mixdl.similarity import distance_loss, similarities, similarities_at
from tests.methods.helpers import images, made_small, moved, moved_by, weights

READINGS = pytest.mark.parametrize("reading", ["paper", "code"])


def made(row: str = "mixdl", **settings: Any) -> Any:
    return made_small(row, **settings)


def cosines(one: Tensor, other: Tensor) -> Tensor:
    return torch.cosine_similarity(one.flatten(1)[:, None], other.flatten(1)[None], dim=2)


# --- the distance loss ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "n"), [(4, 4), (3, 5), (1, 2)])
def test_the_distance_loss_is_scipys_divergence_in_both_readings(a: int, n: int) -> None:
    similarity, coefficients = torch.randn(a, n).double().tanh(), torch.rand(a, n).double()
    q, p = similarity.softmax(1), coefficients.softmax(1)
    assert float(distance_loss(similarity, coefficients, "paper")) == pytest.approx(entropy(q, p, axis=1).mean())
    released = float(distance_loss(similarity, coefficients))
    assert released == pytest.approx(entropy(p, q, axis=1).mean() / n)
    assert released == float(distance_loss(similarity, coefficients, "code"))


@READINGS
def test_it_is_zero_where_similarities_are_the_coefficients_up_to_a_constant(reading: Any) -> None:
    coefficients = torch.rand(4, 4).double().softmax(1)
    offset = torch.tensor([[0.0], [0.3], [-0.5], [1.0]], dtype=torch.float64)
    similarity = (coefficients + offset).requires_grad_(True)
    loss = distance_loss(similarity, coefficients, reading)
    (gradient,) = torch.autograd.grad(loss, similarity)
    assert float(loss.detach()) == pytest.approx(0, abs=1e-12)
    assert gradient.abs().max() < 1e-12
    assert distance_loss(similarity + torch.eye(4), coefficients, reading) > 0.01


@READINGS
def test_its_gradient_pulls_an_anchor_towards_the_images_that_it_has_more_of(reading: Any) -> None:
    coefficients = torch.tensor([[0.7, 0.1, 0.1, 0.1]])
    similarity = torch.full((1, 4), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(distance_loss(similarity, coefficients, reading), similarity)
    assert gradient[0, 0] < 0
    assert (gradient[0, 1:] > 0).all()
    assert float(gradient.sum()) == pytest.approx(0, abs=1e-7)


def test_similarities_are_cosines_pair_by_pair() -> None:
    anchors, others = torch.randn(3, 2, 4, 4), torch.randn(5, 2, 4, 4)
    torch.testing.assert_close(similarities(anchors, others), cosines(anchors, others))


@pytest.mark.parametrize("layers", [[2, 0, 1, 2], [1, 1, 1, 1], [0, 1, 2, 0]])
def test_every_anchor_may_have_a_layer_of_its_own(layers: list[int]) -> None:
    anchors, others = ([torch.randn(4, 2 + k, 3 + k, 3 + k) for k in range(3)] for _ in range(2))
    found = similarities_at(layers, anchors, others)
    torch.testing.assert_close(found, torch.stack([cosines(anchors[at], others[at])[i] for i, at in enumerate(layers)]))


def test_features_of_nothing_but_zeros_are_similar_to_nothing_and_break_nothing() -> None:
    zeros = torch.zeros(2, 3, 4, 4, requires_grad=True)
    found = similarities(zeros, torch.randn(3, 3, 4, 4))
    (gradient,) = torch.autograd.grad(found.sum(), zeros)
    assert torch.equal(found, torch.zeros(2, 3))
    assert gradient.isfinite().all()


def test_autocast_leaves_similarities_and_anchors_in_single_precision() -> None:
    anchors, others, coefficients = torch.randn(4, 500), torch.randn(4, 500), mixing("dirichlet", 1.0, 4)
    with torch.autocast("cpu", torch.bfloat16):
        found, mixed = similarities(anchors, others), mixture(coefficients, others)
    torch.testing.assert_close(found, similarities(anchors, others), rtol=0, atol=0)
    torch.testing.assert_close(mixed, coefficients @ others, rtol=0, atol=0)
    assert found.dtype == mixed.dtype == torch.float32
    half = similarities(anchors.bfloat16(), others.bfloat16())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, found, rtol=0, atol=1e-2)


# --- coefficients -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dirichlet", "gaussian", "uniform"])
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 1.0, 10.0])
def test_coefficients_are_a_mixture(kind: Any, alpha: float) -> None:
    drawn = torch.cat([mixing(kind, alpha, 4) for _ in range(50)])
    assert drawn.dtype == torch.float32
    assert drawn.min() >= 0
    torch.testing.assert_close(drawn.sum(1), torch.ones(200))
    assert drawn.std(0).min() > 0.01, "all rows are alike"


def test_they_are_drawn_from_the_distributions_of_table_6() -> None:
    def rows(kind: Any, alpha: float = 1.0) -> Tensor:
        return torch.cat([mixing(kind, alpha, 4) for _ in range(2000)])

    for alpha in (0.1, 1.0, 10.0):
        drawn = rows("dirichlet", alpha)
        torch.testing.assert_close(drawn.mean(0), torch.full((4,), 0.25), atol=0.015, rtol=0)
        # The variance of Dirichlet(alpha, ..., alpha) over four.
        assert float(drawn.var(0).mean()) == pytest.approx(0.25 * 0.75 / (4 * alpha + 1), rel=0.05)
    assert float(rows("dirichlet", 0.1).amax(1).mean()) > 0.8
    assert float(rows("dirichlet", 10).amax(1).mean()) < 0.45

    torch.manual_seed(1)
    gaussian, uniform = mixing("gaussian", 1.0, 4), mixing("uniform", 1.0, 4)
    torch.manual_seed(1)
    torch.testing.assert_close(gaussian, torch.randn(4, 4).softmax(1))
    numbers = torch.rand(4, 4)
    torch.testing.assert_close(uniform, numbers / numbers.sum(1, keepdim=True))


def test_anchors_are_the_coefficients_times_the_styles() -> None:
    method = made()
    torch.manual_seed(3)
    coefficients, w, anchors = method.mixed(images(4, 3))
    torch.manual_seed(3)
    expected = mixing("dirichlet", 1.0, 4)
    styles = method.f(torch.randn(4, 16))
    torch.testing.assert_close(coefficients, expected)
    torch.testing.assert_close(w, styles)
    rows = [sum(float(expected[i, j]) * styles[j] for j in range(4)) for i in range(4)]
    torch.testing.assert_close(anchors, torch.stack(rows))  # type: ignore[arg-type]


# --- turns ------------------------------------------------------------------------------------------------------

MIXED = {"l_d_patch", "l_d_dist", "l_g_patch", "l_g_dist"}
PLAIN = {"l_d", "d_real", "d_fake", "l_g"}


@pytest.mark.parametrize(("every", "mixed"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4]), (3, [0, 3])])
def test_one_step_of_so_many_mixes(every: int, mixed: list[int]) -> None:
    method = made(mix_every=every, r1=0.0, path=0.0)
    terms = [set(method.learn(images(4, 3), step)) for step in range(6)]
    assert terms == [MIXED if step in mixed else PLAIN for step in range(6)]


def test_r1_has_its_turns_on_both_heads() -> None:
    method = made(r1_every=4, path=0.0)
    method.update_d = method.update_g = method.mixed_d = method.mixed_g = lambda real: {}
    found = []

    def update_r1(real: Tensor) -> Tensor:
        found.append((step, bool(method._mixed)))
        return torch.zeros(())

    method.update_r1 = update_r1
    for step in range(17):
        method.learn(images(2, 3), step)
    assert found == [(0, True), (1, False), (8, True), (9, False), (16, True)]


def test_with_fewer_or_later_mixed_steps_r1_still_has_every_sixteenth_turn_of_either_kind() -> None:
    method = made(steps=400, mix_every=4, mix_from=0.6, path=0.0)
    due: dict[bool, list[int]] = {False: [], True: []}
    counted = {False: 0, True: 0}
    for step in range(400):
        method._mixed = step >= 240 and step % 4 == 0
        if method.r1_due(step):
            due[method._mixed].append(step)
            assert counted[method._mixed] % 16 == 0
        counted[method._mixed] += 1
    assert counted == {False: 360, True: 40}
    assert [step for step in due[False] if step < 240] == list(range(0, 240, 16)), "until it mixes it is StyleGAN2"
    assert (len(due[False]), due[True]) == (23, [240, 304, 368])


def test_r1_is_about_the_head_that_the_step_trains() -> None:
    method, x = made(lr=0.0), images(4, 3)
    for mixed in (True, False):
        method._mixed = mixed
        for name in ("d", "heads"):
            getattr(method, name).zero_grad(set_to_none=True)
        method.update_r1(x)
        assert mixed == any(parameter.grad is not None for parameter in method.heads.parameters())
        assert mixed == (method.d.score.weight.grad is None)
        assert method.d.enter.weight.grad is not None


@READINGS
def test_r1_of_patches_is_that_of_an_images_mean(reading: Any) -> None:
    method, x = made(reading=reading, lr=0.0), images(4, 3)
    method._mixed = True
    method._maps = 1  # the first map: 16 x 16 patches
    found = method.update_r1(x)
    x.requires_grad_(True)
    mean = method.heads(method.d(x).maps, 0).sum((1, 2, 3)) / 16**2
    (gradient,) = torch.autograd.grad(mean.sum(), x)
    torch.testing.assert_close(found, gradient.square().sum((1, 2, 3)).mean(), rtol=1e-4, atol=0)


# --- losses -----------------------------------------------------------------------------------------------------


def given(method: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor]:
    """Fix what a mixed step draws; returns the coefficients and the styles, anchors first."""
    coefficients, w = mixing("dirichlet", 1.0, 4), torch.randn(4, 16)
    monkeypatch.setattr(method, "mixed", lambda real: (coefficients, w, coefficients @ w))
    return coefficients, torch.cat([coefficients @ w, w])


@READINGS
def test_the_discriminators_loss_is_the_equations(reading: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    method, real = made(noise=False, lr=0.0, lambda_d=3.0, reading=reading), images(4, 3)
    method._maps = 1
    coefficients, w = given(method, monkeypatch)
    losses = method.mixed_d(real)
    drawn = method.g(w)[0].detach()
    seen, true = method.d(drawn), method.d(real)
    low, high = method.heads(seen.maps, 0)[:4], method.heads(true.maps, 0)
    torch.testing.assert_close(losses["l_d_patch"], (functional.softplus(low) + functional.softplus(-high)).mean())
    found = cosines(method.projection(seen.hidden[:4]), method.projection(seen.hidden[4:]))
    torch.testing.assert_close(
        losses["l_d_dist"], 3 * distance_loss(found, coefficients, reading), rtol=1e-4, atol=1e-6
    )


@READINGS
def test_the_generators_loss_is_the_equations(reading: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    method, real = made(noise=False, lr=0.0, lambda_g=7.0, reading=reading), images(4, 3)
    method._maps = 1
    coefficients, w = given(method, monkeypatch)
    layers: list[int] = []
    monkeypatch.setattr(module, "similarities_at", lambda at, *x: [layers.extend(at), similarities_at(at, *x)][1])
    losses = method.mixed_g(real)
    drawn, features = method.g(w)
    torch.testing.assert_close(
        losses["l_g_patch"], functional.softplus(-method.heads(method.d(drawn[:4]).maps, 0)).mean()
    )
    rows = [cosines(features[at][i : i + 1], features[at][4:]) for i, at in enumerate(layers)]
    expected = 7 * distance_loss(torch.cat(rows), coefficients, reading)
    torch.testing.assert_close(losses["l_g_dist"], expected, rtol=1e-4, atol=1e-6)


def test_anchors_draw_their_layers_from_all_but_the_first_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    method, layers = made(), []
    monkeypatch.setattr(module, "similarities_at", lambda at, *x: [layers.append(at), similarities_at(at, *x)][1])
    for _ in range(12):
        method.mixed_g(images(4, 3))
    assert len(method.g(torch.zeros(1, 16))[1]) == 7
    assert {at for each in layers for at in each} == set(range(1, 6))
    assert any(len(set(each)) > 1 for each in layers)


def test_a_weight_of_zero_switches_its_side_off() -> None:
    batch = {"image": images(4, 3)}
    for row, absent, painted in (("mixdl-g", "l_d_dist", [4, 8]), ("mixdl-d", "l_g_dist", [8, 4])):
        method, counts = made(row, path=0.0), []
        method.g.register_forward_pre_hook(lambda _, given, counts=counts: counts.append(len(given[0])))
        losses = method.training_step(batch, 0)
        assert set(losses) == (MIXED | {"l_r1"}) - {absent}
        assert counts == painted, "images were drawn that nothing looks at"
    assert made("mixdl-g").projection is None
    assert "projection" not in made("mixdl-g").networks()
    assert made("mixdl-d").projection is not None


def test_weights_scale_their_terms_and_nothing_else() -> None:
    one, other = made(lambda_g=1.0, lambda_d=1.0, lr=0.0), made(lambda_g=10.0, lambda_d=5.0, lr=0.0)
    found = []
    for method in (one, other):
        torch.manual_seed(1)
        found.append(method.mixed_d(images(4, 3)) | method.mixed_g(images(4, 3)))
    factors = {"l_d_patch": 1, "l_d_dist": 5, "l_g_patch": 1, "l_g_dist": 10}
    for name, factor in factors.items():
        torch.testing.assert_close(found[1][name], factor * found[0][name], rtol=1e-5, atol=1e-7)


# --- what moves -------------------------------------------------------------------------------------------------


def test_each_loss_moves_its_own_networks_alone() -> None:
    method, real = made(), images(4)
    for update, mixed, moves in (
        (method.mixed_d, True, {"d", "heads", "projection"}),
        (method.mixed_g, True, {"f", "g"}),
        (method.update_d, False, {"d"}),
        (method.update_g, False, {"f", "g"}),
        (method.update_path, True, {"f", "g", "path"}),
    ):
        method._mixed = mixed
        assert moved_by(method, lambda update=update: update(real)) == moves, update.__name__


def heads_in(names: set[str]) -> set[str]:
    return {name.split(".")[2] for name in names if name.startswith("heads.")}


def test_every_parameter_is_reached_and_a_mixed_update_trains_one_head() -> None:
    method = made()
    learnt = {
        f"{name}.{key}"
        for name in ("f", "g", "d", "heads", "projection")
        for key, _ in getattr(method, name).named_parameters()
    }
    before, heads = weights(method), set()
    for step in range(2):
        method.training_step({"image": images(4, 3, step)}, step)
    assert {name for name in learnt - moved(method, before) if not name.startswith("heads.")} == set()
    for _ in range(40):
        before = weights(method)
        method.mixed_d(images(4))
        trained = heads_in(moved(method, before))
        assert len(trained) == 1
        heads |= trained
    assert heads == heads_in(learnt)
    before = weights(method)
    method.training_step({"image": images(4)}, 1)
    assert heads_in(moved(method, before)) == set(), "an ordinary step trained a head"


# An untrained g draws much the same from all latents, which leaves d less to learn.
@pytest.mark.parametrize(("side", "steps", "share"), [("g", 40, 0.7), ("d", 80, 0.9)])
def test_training_brings_similarities_nearer_to_the_mixtures(side: str, steps: int, share: float) -> None:
    method = made(noise=False, lr=5e-3, lambda_d=1000.0, mapping_rate=1.0)

    def distance() -> float:
        torch.manual_seed(5)
        total = 0.0
        with torch.no_grad():
            for _ in range(20):
                coefficients, w, anchors = method.mixed(images(4, 3))
                drawn, features = method.g(torch.cat([anchors, w]))
                looked = features[1:] if side == "g" else [method.projection(method.d(drawn, 2).hidden)]
                total += sum(float(distance_loss(similarities(*x.chunk(2)), coefficients)) for x in looked)
        return total

    before = distance()
    for _ in range(steps):
        (method.mixed_g if side == "g" else method.mixed_d)(images(4, 3))
    assert distance() < share * before


def test_anchors_are_as_many_as_asked_for_and_no_more_than_images(monkeypatch: pytest.MonkeyPatch) -> None:
    method, seen = made(batch_size=6, anchors=3, path=0.0, r1=0.0), []
    judged = method.judged
    monkeypatch.setattr(method, "judged", lambda x, parts=1: [seen.append((len(x), parts)), judged(x, parts)][1])
    method.training_step({"image": images(6, 3)}, 0)
    assert seen == [(3, 1), (6, 1), (3, 1)]
    method.training_step({"image": images(6, 3)}, 1)
    assert seen[3:] == [(12, 2), (6, 1)]
    with pytest.raises(ValueError, match="4 anchors are judged beside as many images, but a batch has 3"):
        made(batch_size=3, anchors=4)


def test_no_step_mixes_before_its_time() -> None:
    method = made(steps=8, mix_from=0.5, path=0.0, r1=0.0)
    mixes = ["l_g_dist" in method.training_step({"image": images(4, 3)}, step) for step in range(8)]
    assert mixes == [False, False, False, False, True, False, True, False]
