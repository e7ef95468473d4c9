"""CDC: what it takes over, what never moves, whose turn it is, and how distances are kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from retable.methods.mixdl.cdc import others
from tests.methods.helpers import evaluated, images, made_small, moved, moved_by, weights


def trained(**settings: Any) -> Any:
    """A source whose average is not what it was at the start, nor what was averaged."""
    source = made_small("source", seed=1, ema=0.5, lr=1e-2, **settings)
    for step in range(2):
        source.training_step({"image": images(4, 3, step)}, step)
    return source


def started(source: Any = None, **settings: Any) -> Any:
    method = made_small("cdc", **settings)
    method.start_from("source", source or trained(**{k: v for k, v in settings.items() if k == "noise"}))
    method.opt = method.optimizers()
    return method


# --- the source -------------------------------------------------------------------------------------------------


def test_it_starts_from_the_sources_average_and_discriminator() -> None:
    source = trained()
    method = started(source=source)
    for ours in (method.f, method.f_ema, method.f_source.network):
        assert not moved(ours, weights(source.f_ema))
    for ours in (method.g, method.g_ema, method.g_source.network):
        assert not moved(ours, weights(source.g_ema))
    assert not moved(method.d, weights(source.d))
    assert moved(method.g, weights(source.g)), "the average was meant"
    z = torch.randn(2, 512)
    assert torch.equal(evaluated(method).sample({"z": z}), evaluated(source).sample({"z": z}))


def test_it_keeps_networks_of_its_own() -> None:
    source = trained()
    method, before = started(source=source, lr=1e-2), weights(source)
    for step in range(3):
        method.training_step({"image": images(4)}, step)
    assert not moved(source, before)


@pytest.mark.parametrize(
    "other", [{"latent": 8}, {"layers": 3}, {"width": 4}, {"base": 128}, {"noise": False}, {"size": 64}]
)
def test_a_source_of_other_sizes_is_refused_and_says_what_to_set(other: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="latent, layers, width, base and noise must be the source's"):
        made_small("cdc").start_from("source", made_small("source", **other))


# --- what moves -------------------------------------------------------------------------------------------------


def test_each_loss_moves_its_own_networks_alone() -> None:
    method, real = started(), images(4)
    for whole in (True, False):
        for update, moves in (
            (method.update_d, {"d"} if whole else {"d", "heads"}),
            (method.update_r1, {"d"} if whole else {"d", "heads"}),
            (method.update_g, {"f", "g"}),
            (method.update_path, {"f", "g", "path"}),
        ):
            method._whole = whole
            assert moved_by(method, lambda update=update: update(real)) == moves, (update.__name__, whole)


def test_a_step_on_patches_trains_one_head_and_not_the_score() -> None:
    method, heads = started(r1=0.0, path=0.0), set()
    method._whole = False
    for _ in range(30):
        before = weights(method)
        method.update_d(images(4))
        trained_now = {key.split(".")[2] for key in moved(method, before) if key.startswith("heads.")}
        assert len(trained_now) == 1
        heads |= trained_now
    assert heads == set("0123")
    method._whole = True
    before = weights(method)
    method.update_d(images(4))
    assert "d.score.weight" in moved(method, before)


# --- anchors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 2, 4])
def test_whole_images_are_judged_near_the_anchors_every_so_many_steps(every: int) -> None:
    method = started(anchor_every=every, anchors=3, r1=0.0, path=0.0)
    drawn: list[tuple[int, Tensor]] = []
    plain = method.draw

    def draw(z: Tensor) -> Any:
        drawn.append((step, z))
        return plain(z)

    method.draw = draw
    for step in range(8):
        method.training_step({"image": images(4, 3)}, step)
    assert len(drawn) == 16, "once for d and once for g"
    for step, z in drawn:
        nearest = torch.cdist(z, method.anchors.z).amin(1)
        # A spread of 0.1 in 16 dimensions is 0.4 away, an unrelated latent more than 2.
        assert (nearest < 1).all() if step % every == 0 else (nearest > 1).any()


def test_latents_near_the_anchors_have_the_spread_and_reach_every_anchor() -> None:
    method = made_small("cdc", anchors=5, anchor_spread=0.2)
    method._whole = True
    z = method.latents(torch.zeros(2000, 1))
    distances = torch.cdist(z, method.anchors.z)
    nearest = distances.argmin(1)
    assert nearest.bincount(minlength=5).min() > 300
    assert float((z - method.anchors.z[nearest]).std()) == pytest.approx(0.2, rel=0.05)
    method._whole = False
    assert float(method.latents(torch.zeros(2000, 1)).std()) == pytest.approx(1, rel=0.05)


def test_no_second_latent_takes_part_in_what_is_judged_near_the_anchors() -> None:
    method = started(style_mixing=1.0, noise=False)
    z = torch.randn(4, 16)
    method._whole = True
    torch.testing.assert_close(method.draw(z)[0], method.g(method.f(z))[0])
    method._whole = False
    assert not torch.allclose(method.draw(z)[0], method.g(method.f(z))[0])


def test_the_path_length_is_taken_anywhere_and_not_near_the_anchors() -> None:
    method, seen = started(anchors=1, anchor_spread=0.0, style_mixing=0.0), []
    method._whole = True
    method.f.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    method.update_path(images(8, 3))
    (z,) = seen
    assert torch.cdist(z, method.anchors.z).amin() > 1
    assert method._whole, "the step goes on as it was"


# --- distances --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5])
def test_others_leaves_the_diagonal_out_and_keeps_the_order(n: int) -> None:
    x = torch.randn(n, n)
    expected = [[float(x[i, j]) for j in range(n) if j != i] for i in range(n)]
    assert others(x).tolist() == expected


@pytest.mark.parametrize("n", [4, 6])
def test_the_distances_loss_is_the_released_codes_divergence_written_out(n: int) -> None:
    method, real = started(noise=False), images(n, 3)
    with torch.no_grad():
        for parameter in method.g.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    torch.manual_seed(7)
    found = method.distances(real)
    torch.manual_seed(7)
    z = torch.randn(n, 16)
    layers = torch.randint(1, 7, (n,)).tolist()
    assert len(set(layers)) > 1
    features = method.g_source(method.f_source(z))[1], method.g(method.f(z))[1]
    rows = []
    for i in range(n):
        before, after = (x[layers[i]] for x in features)
        s, t = (
            torch.stack([torch.cosine_similarity(x[i].flatten(), x[j].flatten(), dim=0) for j in range(n) if j != i])
            for x in (before, after)
        )
        rows.append(functional.kl_div(t.log_softmax(0), s.softmax(0), reduction="sum"))
    expected = torch.stack(rows).mean() / 3
    assert float(expected.detach()) > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-8)


def test_distances_are_kept_at_the_start_and_their_gradient_reaches_f_and_g_alone() -> None:
    method, real = started(noise=False), images(4, 3)
    for _ in range(5):
        assert float(method.distances(real).detach()) == pytest.approx(0, abs=1e-7)
    with torch.no_grad():
        for parameter in method.g.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    loss = sum(method.distances(real) for _ in range(5))
    assert isinstance(loss, Tensor)
    loss.backward()  # type: ignore[no-untyped-call]
    reached = {
        name for name, network in method.networks().items() if any(p.grad is not None for p in network.parameters())
    }
    assert reached == {"f", "g"}


def test_the_weight_scales_the_distances_loss() -> None:
    found = []
    for weight in (0.0, 1.0, 50.0):
        method = started(lambda_dist=weight, noise=False)
        with torch.no_grad():
            method.g.constant.add_(torch.randn_like(method.g.constant))
        torch.manual_seed(3)
        found.append(float(method.update_g(images(4, 3))["l_dist"]))
    assert found[0] == 0
    assert 0 < 50 * found[1] == pytest.approx(found[2], rel=1e-4)


def test_every_step_reports_its_terms() -> None:
    method = started()
    for step in range(4):
        due = {"l_r1", "l_path"} if step == 0 else set()
        assert (
            set(method.training_step({"image": images(4)}, step)) == {"l_d", "d_real", "d_fake", "l_g", "l_dist"} | due
        )
