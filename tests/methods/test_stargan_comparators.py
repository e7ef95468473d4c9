"""DIAT, CycleGAN and IcGAN: sizes as published, losses as written, who may move, and how wishes are granted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss, mse_loss

from retable.benchmarks.run.training import set_up
from retable.methods.stargan.cyclegan import PooledCritics
from retable.methods.stargan.diat import l_identity, l_tv
from retable.methods.stargan.icgan import IcGAN, wrong_labels
from retable.methods.stargan.icgan_networks import halvings
from retable.methods.stargan.networks import Critic
from retable.methods.stargan.per_target import one_after_the_other
from tests.methods import helpers
from tests.methods.helpers import TinyInfo, evaluated, images, moved, moved_by, weights

SMALL = {"steps": 10, "batch_size": 4, "width": 4, "lr": 1e-2, "lr_d": 1e-2}
MODELS = {**SMALL, "blocks": 1, "width_d": 4, "layers_d": 3, "enlarge": 1.0}
ENCODERS = {**SMALL, "z": 6, "width_e": 4, "hidden_z": 8, "hidden_y": 8}
CLASSES = {
    "faces": ("black", "blond", "brown", "male", "young"),
    "expressions": ("neutral", "happy", "angry"),
    "hair": ("black", "blond", "brown"),
    "gender": ("female", "male"),
    "age": ("old", "young"),
    "targets": ("black", "male", "female"),
    "pairs": ("black", "male"),
}


def made(row: str, size: int = 32, **settings: Any) -> Any:
    """A small method with optimisers."""
    info = TinyInfo(size, {"faces": 3, "expressions": 3}, CLASSES)
    return helpers.made(f"stargan/{row}", info, **{**(ENCODERS if row == "icgan" else MODELS), **settings})


def batch_for(row: str, which: int = 0, n: int = 4) -> dict[str, Tensor]:
    if row == "icgan":
        bits = torch.tensor([[1, 0, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 1, 1], [1, 0, 0, 0, 0]])
        return {
            "faces.image": images(4, seed=1),
            "faces.label": bits,
            "expressions.image": images(4, seed=2),
            "expressions.label": torch.tensor([0, 1, 2, 1]),
        }
    names = ("a", "b") if row == "cyclegan" else ("source", "target")
    return {**{name: images(n, seed=seed) for seed, name in enumerate(names)}, "which": torch.full((n,), which)}


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"), [(32, (3, 4)), (40, (3, 5)), (48, (3, 6)), (64, (4, 4)), (96, (4, 6)), (128, (5, 4))]
)
def test_icgans_networks_halve_as_often_as_leaves_four_pixels(size: int, expected: tuple[int, int]) -> None:
    assert halvings(size) == expected


@pytest.mark.parametrize(("size", "layers", "patches"), [(128, 6, 2), (256, 7, 2), (64, 5, 2), (32, 4, 2), (48, 4, 3)])
def test_a_discriminator_is_as_deep_as_leaves_two_by_two_patches(size: int, layers: int, patches: int) -> None:
    seen = Critic(3, 2, None, size, 0)(torch.zeros(1, 3, size, size), features=True)
    assert len(seen) == layers
    assert seen[-1].shape[2:] == (patches, patches)


@pytest.mark.parametrize("row", ["stargan", "diat", "cyclegan"])
def test_a_row_is_as_deep_as_its_images_ask_for(row: str) -> None:
    method = helpers.made(f"stargan/{row}", TinyInfo(64, {"faces": 3, "expressions": 3}, CLASSES), width=4, width_d=4)
    critic = method.d if row == "stargan" else method.d.networks[0]
    assert len(critic.main) == 5


@pytest.mark.parametrize("size", [32, 40, 48])
def test_every_row_is_built_for_the_sizes_of_the_profiles(size: int) -> None:
    x = images(2, size=size)
    labels = {"faces.to": torch.tensor([[1, 0, 0, 1, 1]] * 2), "expressions.to": torch.full((2,), -1)}
    for row in ("diat", "cyclegan", "icgan"):
        assert evaluated(made(row, size)).translate({"image": x, **labels}).shape == x.shape


def test_sizes_that_do_not_fit_are_refused_with_the_way_out() -> None:
    for row, size in (("icgan", 36), ("icgan", 24), ("diat", 42)):
        with pytest.raises(ValueError, match=rf"not {size}; .*task.size"):
            made(row, size)
    with pytest.raises(ValueError, match="layers_d"):
        made("diat", layers_d=6)


# --- training -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "which", "expected"), [("diat", 2, {"2"}), ("cyclegan", 1, {"2", "3"}), ("cyclegan", 0, {"0", "1"})]
)
def test_only_the_models_whose_turn_it_is_move_whoever_moved_before(row: str, which: int, expected: set[str]) -> None:
    method = made(row)
    for other in range(2):  # every model but DIAT's last now has momentum that could carry it on
        method.training_step(batch_for(row, other), other)
    for network in (method.g, method.d):
        before = weights(network.networks)
        method.training_step(batch_for(row, which), 2)
        assert {name.split(".")[0] for name in moved(network.networks, before)} == expected


@pytest.mark.parametrize("row", ["diat", "cyclegan", "icgan"])
def test_a_step_works_on_networks_that_the_harness_has_wrapped(row: str) -> None:
    settings = {"early": 1} if row == "icgan" else {}
    plain, wrapped = made(row, **settings), made(row, **settings)
    set_up(wrapped, Fabric(accelerator="cpu", devices=1))
    values = []
    for method in (plain, wrapped):
        torch.manual_seed(3)
        values.append([method.training_step(batch_for(row), step) for step in (0, 9)])
    for one, other in zip(*values, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_diats_losses_are_their_formulas() -> None:
    method, rows = made("diat", pixel=2.0, smooth=3.0, identity=5.0), batch_for("diat", which=1)
    source, fake = rows["source"], method.g(1, rows["source"]).detach()
    patches, features = method.judged(1, fake)
    wanted = method.judged(1, source)[1]
    terms = method.terms(1, source, fake)
    torch.testing.assert_close(terms["adv"], binary_cross_entropy_with_logits(patches, torch.ones_like(patches)))
    expected = torch.zeros(())
    for one, other in zip(features[1:], wanted[1:], strict=True):
        _, c, h, w = one.shape
        expected = expected + ((one - other) ** 2).sum((1, 2, 3)).mean() / (2 * c * h * w)
    torch.testing.assert_close(terms["identity"], expected)
    torch.testing.assert_close(terms["pixel"], l1_loss(fake, source))
    down, right = (fake[:, :, 1:] - fake[:, :, :-1]) ** 2, (fake[..., 1:] - fake[..., :-1]) ** 2
    torch.testing.assert_close(terms["tv"], down.mean() + right.mean())
    values = method.training_step(rows, 0)
    weighted = values["l_adv"] + 5 * values["l_identity"] + 3 * values["l_tv"] + 2 * values["l_pixel"]
    torch.testing.assert_close(values["l_t"], weighted)


def test_diat_without_weight_computes_neither_smoothness_nor_pixels_and_identity_ignores_early_layers() -> None:
    method, x = made("diat", smooth=0.0), images(2)
    assert set(method.terms(0, x, x)) == {"adv", "identity"}
    assert method.terms(0, x, x)["identity"] == 0
    near, far = [torch.zeros(1, 2, 2, 2)] * 3, [torch.ones(1, 2, 2, 2)] * 3
    assert l_identity(near, [far[0], *near[1:]]) == 0
    assert l_identity(near, far) == 1
    assert l_tv(torch.full((1, 1, 4, 4), 0.3)) == 0


def test_diats_identity_term_teaches_the_generator_and_not_d() -> None:
    method, x = made("diat"), images(2)
    method.terms(0, x, method.g(0, x))["identity"].backward()
    assert all(p.grad is None for p in method.d.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in method.g.parameters())


def test_cyclegans_losses_are_their_formulas() -> None:
    method, rows = made("cyclegan"), batch_for("cyclegan", which=1)
    a, b, g, d = rows["a"], rows["b"], method.g, method.d
    with torch.no_grad():
        fake_b, kept_b = method.drawn(2, a, b)
        fake_a, kept_a = method.drawn(3, b, a)
        torch.testing.assert_close(fake_b, g(2, a))
        torch.testing.assert_close(kept_a, g(3, a))
        terms = method.terms(2, (a, b), (fake_a, fake_b), (kept_a, kept_b))
        seen_b, seen_a = d(2, fake_b)[0], d(3, fake_a)[0]
        adv = mse_loss(seen_b, torch.ones_like(seen_b)) + mse_loss(seen_a, torch.ones_like(seen_a))
        torch.testing.assert_close(terms["adv"], adv)
        torch.testing.assert_close(terms["cycle"], l1_loss(g(3, g(2, a)), a) + l1_loss(g(2, g(3, b)), b))
        torch.testing.assert_close(terms["identity"], l1_loss(g(2, b), b) + l1_loss(g(3, a), a))
        real = d(2, b)[0]
        expected = (mse_loss(real, torch.ones_like(real)) + mse_loss(seen_b, torch.zeros_like(seen_b))) / 2
        torch.testing.assert_close(method.l_d(2, b, fake_b), expected)  # an empty history gives what it takes
    values = method.training_step(rows, 0)
    torch.testing.assert_close(
        values["l_g"], values["l_adv"] + 10 * values["l_cycle"] + 10 * 0.5 * values["l_identity"]
    )


def test_cyclegan_without_an_identity_term_draws_nothing_for_it() -> None:
    method = made("cyclegan", identity=0.0)
    assert len(method.drawn(0, images(2), images(2, seed=1))[1]) == 0
    assert "l_identity" not in method.training_step(batch_for("cyclegan"), 0)


def test_the_history_first_fills_then_hands_out_old_fakes_half_of_the_time() -> None:
    torch.manual_seed(0)
    pool = PooledCritics([Critic(3, 2, 2, 4, 0) for _ in range(2)], 5, (3, 4, 4))

    def coloured(first: int, n: int) -> Tensor:
        return torch.arange(first, first + n).float().view(-1, 1, 1, 1).expand(-1, 3, 4, 4)

    torch.testing.assert_close(pool.exchanged(0, coloured(0, 5)), coloured(0, 5))
    assert pool.filled.tolist() == [5, 0]
    out = pool.exchanged(0, coloured(5, 400))
    new = coloured(5, 400)
    kept = (out == new).flatten(1).all(1)
    assert 150 < int(kept.sum()) < 250
    seen = torch.cat([out, pool.pool[0]])[:, 0, 0, 0].tolist()
    assert sorted(seen) == list(range(405)), "no image is lost and none is handed out twice"
    assert pool.pool[1].abs().sum() == 0


@pytest.mark.parametrize("pool", [0, 2])
def test_a_history_of_any_size_can_be_trained_with(pool: int) -> None:
    method = made("cyclegan", pool=pool)
    values = [method.training_step(batch_for("cyclegan"), step) for step in range(2)]
    assert all(torch.isfinite(value) for one in values for value in one.values())


# --- which models a request needs ------------------------------------------------------------------------------------


def test_models_are_applied_in_order_together_and_images_without_one_stay_untouched() -> None:
    calls = []

    def apply(which: int, x: Tensor) -> Tensor:
        calls.append((which, len(x)))
        return 10 * x + which

    x = torch.ones(4, 1, 1, 1)
    models = torch.tensor([[2, 3], [-1, 3], [-1, -1], [2, -1]])
    out = one_after_the_other(x, models, apply)
    assert out.flatten().tolist() == [123.0, 13.0, 1.0, 12.0]
    assert calls == [(2, 2), (3, 2)]
    assert x.sum() == 4, "the images that were given are not written to"


@pytest.mark.parametrize(("row", "models"), [("diat", (0, 2)), ("cyclegan", (0, 3))])
def test_a_change_is_made_by_the_generator_that_is_trained_for_it(row: str, models: tuple[int, int]) -> None:
    method, x = made(row), images(3)
    labels = {
        "faces.from": torch.tensor([[0, 1, 0, 1, 1], [1, 0, 0, 0, 1], [-1, -1, -1, -1, -1]]),
        "faces.to": torch.tensor([[1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 0, 0, -1, -1]]),
        "expressions.to": torch.full((3,), -1),
    }
    out = method.translate({"image": x, **labels})
    black, female = models
    with torch.no_grad():
        torch.testing.assert_close(out[0], method.g(female, method.g(black, x[:1]))[0])
        assert torch.equal(out[1], x[1])
        torch.testing.assert_close(out[2], method.g(black, x[2:])[0])


# --- IcGAN ----------------------------------------------------------------------------------------------------------


def test_wrong_labels_are_wrong_in_every_row_and_labels_of_their_kind() -> None:
    torch.manual_seed(0)
    for label, size in (
        (torch.randint(0, 2, (64, 5)), 5),
        (torch.zeros(64, 5, dtype=torch.int64), 5),  # every other image has the same labels
        (torch.randint(0, 3, (64,)), 3),
        (torch.zeros(64, dtype=torch.int64), 2),
    ):
        other = wrong_labels(label, size)
        assert other.shape == label.shape
        assert (other != label).view(64, -1).any(1).all()
        assert 0 <= other.min() <= other.max() < (2 if label.ndim == 2 else size)


def test_labels_of_sets_that_an_image_does_not_have_are_zero_for_g_and_not_asked_of_e_y() -> None:
    method, rows = made("icgan"), batch_for("icgan")
    faces, expressions = (method.vector(name, rows[f"{name}.label"]) for name in ("faces", "expressions"))
    assert faces[:, :5].tolist() == rows["faces.label"].tolist()
    assert faces[:, 5:].sum() == expressions[:, :5].sum() == 0
    assert expressions[:, 5:].argmax(1).tolist() == [0, 1, 2, 1]
    x, y = torch.cat([rows["faces.image"], rows["expressions.image"]]), torch.cat([faces, expressions])
    z, fake = torch.randn(8, 6), images(8)
    seen, found = method.e_y(x), method.e_z(fake)
    values = method.update_encoders(x, y, z, fake, rows)
    own = torch.cat([(seen - y)[:4, :5].flatten(), (seen - y)[4:, 5:].flatten()])
    torch.testing.assert_close(values["l_y"], (own**2).mean().detach())
    torch.testing.assert_close(values["l_z"], mse_loss(found, z).detach())


def test_icgans_adversarial_losses_are_their_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    method, rows = made("icgan"), batch_for("icgan")
    asked = []
    answers = iter([torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.1]), torch.tensor([-1.0, 3.0])])
    last = torch.tensor([0.2, -0.7])

    class Told(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            asked.append((x, y))
            return next(answers, last) * self.weight

    method.d = Told()
    x, y = torch.cat([rows["faces.image"], rows["expressions.image"]]), torch.eye(8)
    fake = method.g(torch.randn(8, 6), y)
    # what D says is told here, so no network could learn from it
    monkeypatch.setattr(method, "update", lambda *_: None)
    values = method.update_gan(x, y, fake, rows)
    bce, one, zero = binary_cross_entropy_with_logits, torch.ones(2), torch.zeros(2)
    right, wrong, drawn = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.1]), torch.tensor([-1.0, 3.0])
    torch.testing.assert_close(values["l_d"], bce(right, one) + bce(wrong, zero) / 2 + bce(drawn, zero) / 2)
    torch.testing.assert_close(values["l_g"], bce(last, one))
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = asked
    assert all(torch.equal(one, other) for one, other in ((x1, x), (x2, x), (y1, y), (y3, y), (y4, y)))
    assert torch.equal(x3, fake)
    assert not x3.requires_grad
    assert x4 is fake
    assert y2[:4, 5:].sum() == y2[4:, :5].sum() == 0, "wrong labels are of the image's own set"


def test_first_the_gan_learns_and_then_both_encoders() -> None:
    method, rows = made("icgan", gan_share=0.5), batch_for("icgan")
    assert moved_by(method, lambda: method.training_step(rows, 4)) == {"g", "d"}
    assert moved_by(method, lambda: method.training_step(rows, 5)) == {"e_z", "e_y"}


def test_with_early_the_encoders_learn_beside_the_gan_in_every_so_manieth_step() -> None:
    method, rows = made("icgan", gan_share=0.5, early=2), batch_for("icgan")
    assert moved_by(method, lambda: method.training_step(rows, 2)) == {"g", "d", "e_z", "e_y"}
    assert moved_by(method, lambda: method.training_step(rows, 3)) == {"g", "d"}


def test_every_phase_has_its_own_decay() -> None:
    method = made("icgan", steps=100, gan_share=0.5, decay_from=0.5, lr=1e-2, lr_e=1e-2)
    rates = {}
    for step in (0, 45, 50, 95):
        method.schedule(step)
        rates[step] = [method.opt[name].param_groups[0]["lr"] for name in ("g", "e")]
    assert rates[0] == [1e-2, 1e-2]
    assert rates[45] == pytest.approx([2e-3, 1e-2])
    assert rates[50][1] == 1e-2
    assert rates[95][1] == pytest.approx(2e-3)


def test_what_is_not_asked_for_is_what_e_y_says() -> None:
    seen = torch.tensor([[0.9, 0.2, 0.6, 0.4], [0.1, 0.3, 0.2, 1.3]])
    bits = torch.tensor([[-1, 1, 0, -1], [-1, -1, -1, -1]])
    assert IcGAN.completed(bits, seen).tolist() == [[1, 1, 0, 0], [0, 0, 0, 1]]
    assert IcGAN.completed(torch.tensor([-1, 2]), seen).tolist() == [[1, 0, 0, 0], [0, 0, 1, 0]]
    assert IcGAN.completed(None, seen).tolist() == [[1, 0, 1, 0], [0, 0, 0, 1]]


def test_icgan_draws_the_codes_of_an_image_with_the_labels_that_are_asked_for() -> None:
    method, x = evaluated(made("icgan")), images(2)
    to = {"faces.to": torch.tensor([[0, 1, 0, 1, 1], [-1] * 5]), "expressions.to": torch.tensor([-1, 2])}
    with torch.no_grad():
        seen = method.e_y(x)
        y = torch.zeros(2, 8)
        y[0, :5] = torch.tensor([0.0, 1, 0, 1, 1])
        y[1, :5] = (seen[1, :5] > 0.5).float()
        y[0, 5 + int(seen[0, 5:].argmax())] = 1
        y[1, 5 + 2] = 1
        torch.testing.assert_close(method.translate({"image": x, **to}), method.g(method.e_z(x), y))
