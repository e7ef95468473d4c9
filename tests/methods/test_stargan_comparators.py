"""DIAT, CycleGAN and IcGAN: sizes as published, losses as written, who may move, and how wishes are granted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss, mse_loss

from retable.benchmarks.run.training import set_up
from retable.methods.method import Method
from retable.methods.stargan import icgan
from retable.methods.stargan.cyclegan import CycleGAN, PooledCritics
from retable.methods.stargan.diat import DIAT, l_identity, l_tv
from retable.methods.stargan.icgan import IcGAN, wrong_labels
from retable.methods.stargan.icgan_networks import halvings
from retable.methods.stargan.networks import Critic
from retable.methods.stargan.per_target import SeparateSettings, Translator, one_after_the_other

SIZE = 32
SMALL = {"steps": 10, "batch_size": 4, "width": 4, "lr": 1e-2, "lr_d": 1e-2}
MODELS = {**SMALL, "blocks": 1, "width_d": 4, "layers_d": 3, "enlarge": 1.0}
ENCODERS = {"z": 6, "width_e": 4, "hidden_z": 8, "hidden_y": 8}

LABELS = {"faces": ("black", "blond", "brown", "male", "young"), "expressions": ("neutral", "happy", "angry")}


@dataclass(frozen=True)
class Attributes:
    image_size: int = SIZE
    channels: Mapping[str, int] = field(default_factory=lambda: {"faces": 3, "expressions": 3})
    classes: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            **LABELS,
            "hair": ("black", "blond", "brown"),
            "gender": ("female", "male"),
            "age": ("old", "young"),
            "targets": ("black", "male", "female"),
            "pairs": ("black", "male"),
        }
    )


def made(cls: type[Method], info: Attributes | None = None, seed: int = 0, **settings: object) -> Any:
    """A small method with optimisers."""
    torch.manual_seed(seed)
    values = {**SMALL, **ENCODERS} if cls is IcGAN else MODELS
    method = cls(cls.Settings.model_validate({**values, **settings}), info or Attributes())
    method.opt = method.optimizers()
    return method


def images(n: int, seed: int) -> Tensor:
    return torch.rand(n, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def batch_for(cls: type[Method], which: int = 0, n: int = 4) -> dict[str, Tensor]:
    if cls is IcGAN:
        bits = torch.tensor([[1, 0, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 1, 1], [1, 0, 0, 0, 0]])
        return {
            "faces.image": images(4, 1),
            "faces.label": bits,
            "expressions.image": images(4, 2),
            "expressions.label": torch.tensor([0, 1, 2, 1]),
        }
    names = ("a", "b") if cls is CycleGAN else ("source", "target")
    return {**{name: images(n, seed) for seed, name in enumerate(names)}, "which": torch.full((n,), which)}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def movers(network: nn.Module, before: Mapping[str, Tensor]) -> set[int]:
    """Numbers of the models of a container whose weights have changed."""
    return {
        int(name.split(".")[1])
        for name, value in network.named_parameters()
        if not torch.equal(value.detach(), before[name])
    }


# --- sizes ----------------------------------------------------------------------------------------------------------


def test_a_model_of_diat_and_cyclegan_is_as_large_as_published() -> None:
    """StarGAN's Table 3: 52.6M."""
    with torch.device("meta"):
        generator, critic = count(Translator()), count(Critic(3, 64, 6, 128, 0))
    assert (generator, critic) == (7_837_699, 44_721_088)
    assert round((generator + critic) / 1e6, 1) == 52.6


@pytest.mark.parametrize(("cls", "models"), [(DIAT, 7), (CycleGAN, 14)])
def test_the_rows_of_table_3_have_7_and_14_models_with_the_default_settings(cls: type[Method], models: int) -> None:
    seven = ("happy", "sad", "angry", "fearful", "disgusted", "surprised", "contemptuous")
    info = Attributes(128, {"expressions": 3}, {"expressions": ("neutral", *seven), "targets": seven, "pairs": seven})
    with torch.device("meta"):
        method = cls(cls.Settings.model_validate({"pool": 0} if cls is CycleGAN else {}), info)
    assert method.models() == models
    assert sum(map(count, method.networks().values())) == models * 52_558_787


def test_icgan_is_one_model_of_71_million_for_eight_labels_at_128_pixels() -> None:
    info = Attributes(128, {"expressions": 3}, {"expressions": tuple("abcdefgh")})
    with torch.device("meta"):
        method = IcGAN(IcGAN.Settings(), info)
    sizes = {name: count(network) for name, network in method.networks().items()}
    assert sizes == {"g": 12_917_635, "d": 11_180_865, "e_z": 38_328_708, "e_y": 8_555_816}
    assert sum(sizes.values()) == 70_983_024
    assert method.models() == 1
    assert "70,983,024" in (icgan.__doc__ or ""), "the page says another number than the networks have"


@pytest.mark.parametrize(
    ("size", "expected"), [(32, (3, 4)), (40, (3, 5)), (48, (3, 6)), (64, (4, 4)), (96, (4, 6)), (128, (5, 4))]
)
def test_icgans_networks_halve_as_often_as_leaves_four_pixels(size: int, expected: tuple[int, int]) -> None:
    assert halvings(size) == expected


@pytest.mark.parametrize("size", [32, 40, 48])
def test_every_row_is_built_for_the_sizes_of_the_profiles(size: int) -> None:
    info, x = Attributes(size), torch.rand(2, 3, size, size)
    labels = {"faces.to": torch.tensor([[1, 0, 0, 1, 1]] * 2), "expressions.to": torch.full((2,), -1)}
    for cls in (DIAT, CycleGAN, IcGAN):
        method = made(cls, info)
        for network in method.networks().values():
            network.eval()
        assert method.translate({"image": x, **labels}).shape == x.shape


def test_sizes_that_do_not_fit_are_refused_with_the_way_out() -> None:
    for cls, size in ((IcGAN, 36), (IcGAN, 24), (DIAT, 42)):
        with pytest.raises(ValueError, match=rf"not {size}; .*task.size"):
            made(cls, Attributes(size))
    with pytest.raises(ValueError, match="layers_d"):
        made(DIAT, layers_d=6)


def test_the_defaults_are_the_papers() -> None:
    base, cycle, inverted = SeparateSettings(steps=1), CycleGAN.Settings(), IcGAN.Settings()  # type: ignore[call-arg]
    assert (base.width, base.blocks, base.width_d, base.layers_d, base.lr, base.beta1) == (64, 6, 64, 6, 2e-4, 0.5)
    assert (cycle.cycle, cycle.identity, cycle.pool, cycle.batch_size) == (10, 0.5, 50, 1)  # type: ignore[attr-defined]
    assert (inverted.z, inverted.hidden_z, inverted.hidden_y, inverted.early) == (100, 4096, 512, 0)  # type: ignore[attr-defined]


# --- training -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cls", "which", "expected"), [(DIAT, 2, {2}), (CycleGAN, 1, {2, 3}), (CycleGAN, 0, {0, 1})])
def test_only_the_models_whose_turn_it_is_move_whoever_moved_before(
    cls: type[Method], which: int, expected: set[int]
) -> None:
    method = made(cls)
    for other in range(2):  # every model but DIAT's last now has momentum that could carry it on
        method.training_step(batch_for(cls, other), other)
    before = {name: weights(network) for name, network in method.networks().items()}
    method.training_step(batch_for(cls, which), 2)
    assert {name: movers(network, before[name]) for name, network in method.networks().items()} == {
        "g": expected,
        "d": expected,
    }


@pytest.mark.parametrize("cls", [DIAT, CycleGAN, IcGAN])
def test_a_step_works_on_networks_that_the_harness_has_wrapped(cls: type[Method]) -> None:
    settings = {"early": 1} if cls is IcGAN else {}
    plain, wrapped = made(cls, **settings), made(cls, **settings)
    set_up(wrapped, Fabric(accelerator="cpu", devices=1))
    values = []
    for method in (plain, wrapped):
        torch.manual_seed(3)
        values.append([method.training_step(batch_for(cls), step) for step in (0, 9)])
    for one, other in zip(*values, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_diats_losses_are_their_formulas() -> None:
    method, rows = made(DIAT, pixel=2.0, smooth=3.0, identity=5.0), batch_for(DIAT, which=1)
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
    method, x = made(DIAT, smooth=0.0), images(2, 0)
    assert set(method.terms(0, x, x)) == {"adv", "identity"}
    assert method.terms(0, x, x)["identity"] == 0
    near, far = [torch.zeros(1, 2, 2, 2)] * 3, [torch.ones(1, 2, 2, 2)] * 3
    assert l_identity(near, [far[0], *near[1:]]) == 0
    assert l_identity(near, far) == 1
    assert l_tv(torch.full((1, 1, 4, 4), 0.3)) == 0


def test_diats_identity_term_teaches_the_generator_and_not_d() -> None:
    method, x = made(DIAT), images(2, 0)
    method.terms(0, x, method.g(0, x))["identity"].backward()
    assert all(p.grad is None for p in method.d.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in method.g.parameters())


def test_cyclegans_losses_are_their_formulas() -> None:
    method, rows = made(CycleGAN), batch_for(CycleGAN, which=1)
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
    method = made(CycleGAN, identity=0.0)
    assert len(method.drawn(0, images(2, 0), images(2, 1))[1]) == 0
    assert "l_identity" not in method.training_step(batch_for(CycleGAN), 0)


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
    method = made(CycleGAN, pool=pool)
    values = [method.training_step(batch_for(CycleGAN), step) for step in range(2)]
    assert all(torch.isfinite(value) for one in values for value in one.values())


@pytest.mark.parametrize("cls", [DIAT, CycleGAN])
def test_the_rates_are_constant_and_then_fall_to_zero(cls: type[Method]) -> None:
    method = made(cls, steps=100, lr=1e-2, lr_d=2e-2)
    rates = []
    for step in (0, 50, 75, 99):
        method.schedule(step)
        rates.append((method.opt["g"].param_groups[0]["lr"], method.opt["d"].param_groups[0]["lr"]))
    assert rates == [pytest.approx(r) for r in ((1e-2, 2e-2), (1e-2, 2e-2), (5e-3, 1e-2), (2e-4, 4e-4))]


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


@pytest.mark.parametrize(("cls", "models"), [(DIAT, (0, 2)), (CycleGAN, (0, 3))])
def test_a_change_is_made_by_the_generator_that_is_trained_for_it(cls: type[Method], models: tuple[int, int]) -> None:
    method, x = made(cls), images(3, 5)
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
    method, rows = made(IcGAN), batch_for(IcGAN)
    faces, expressions = (method.vector(name, rows[f"{name}.label"]) for name in ("faces", "expressions"))
    assert faces[:, :5].tolist() == rows["faces.label"].tolist()
    assert faces[:, 5:].sum() == expressions[:, :5].sum() == 0
    assert expressions[:, 5:].argmax(1).tolist() == [0, 1, 2, 1]
    x, y = torch.cat([rows["faces.image"], rows["expressions.image"]]), torch.cat([faces, expressions])
    z, fake = torch.randn(8, 6), images(8, 3)
    seen, found = method.e_y(x), method.e_z(fake)
    values = method.update_encoders(x, y, z, fake, rows)
    own = torch.cat([(seen - y)[:4, :5].flatten(), (seen - y)[4:, 5:].flatten()])
    torch.testing.assert_close(values["l_y"], (own**2).mean().detach())
    torch.testing.assert_close(values["l_z"], mse_loss(found, z).detach())


def test_icgans_adversarial_losses_are_their_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    method, rows = made(IcGAN), batch_for(IcGAN)
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


def moved(method: Method, act: Callable[[], object]) -> set[str]:
    before = {name: weights(network) for name, network in method.networks().items()}
    act()
    return {
        name
        for name, network in method.networks().items()
        if any(not torch.equal(p.detach(), before[name][key]) for key, p in network.named_parameters())
    }


def test_first_the_gan_learns_and_then_both_encoders() -> None:
    method, rows = made(IcGAN, gan_share=0.5), batch_for(IcGAN)
    assert moved(method, lambda: method.training_step(rows, 4)) == {"g", "d"}
    statistics = {name: value.clone() for name, value in method.g.named_buffers()}
    assert moved(method, lambda: method.training_step(rows, 5)) == {"e_z", "e_y"}
    assert all(torch.equal(value, statistics[name]) for name, value in method.g.named_buffers())


def test_with_early_the_encoders_learn_beside_the_gan_in_every_so_manieth_step() -> None:
    method, rows = made(IcGAN, gan_share=0.5, early=2), batch_for(IcGAN)
    assert moved(method, lambda: method.training_step(rows, 2)) == {"g", "d", "e_z", "e_y"}
    assert moved(method, lambda: method.training_step(rows, 3)) == {"g", "d"}


def test_every_phase_has_its_own_decay() -> None:
    method = made(IcGAN, steps=100, gan_share=0.5, decay_from=0.5, lr=1e-2, lr_e=1e-2)
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
    method, x = made(IcGAN), images(2, 4)
    for network in method.networks().values():
        network.eval()
    to = {"faces.to": torch.tensor([[0, 1, 0, 1, 1], [-1] * 5]), "expressions.to": torch.tensor([-1, 2])}
    with torch.no_grad():
        seen = method.e_y(x)
        y = torch.zeros(2, 8)
        y[0, :5] = torch.tensor([0.0, 1, 0, 1, 1])
        y[1, :5] = (seen[1, :5] > 0.5).float()
        y[0, 5 + int(seen[0, 5:].argmax())] = 1
        y[1, 5 + 2] = 1
        torch.testing.assert_close(method.translate({"image": x, **to}), method.g(method.e_z(x), y))
