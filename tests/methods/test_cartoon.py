"""The cartoon paper's networks, its objective, and who may move what."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from retable.methods.cartoon.discriminator import Discriminator, Seen
from retable.methods.cartoon.generator import Generator
from retable.methods.cartoon.group_parts import by_group
from retable.methods.cartoon.losses import l_adv, l_cam, l_face, l_group
from retable.methods.cartoon.method import CartoonMethod, CartoonSettings
from tests.methods import helpers
from tests.methods.helpers import faces, images, moved, moved_by, weights

NETWORKS = {"width": 8, "depth": 1, "blocks": 1, "light": True}
SMALL = {**NETWORKS, "steps": 4, "width_d": 4, "layers_d": (4, 3), "lr": 1e-2, "lr_d": 1e-2, "face_id": 0}


def made(row: str, seed: int = 0, **settings: Any) -> Any:
    """A small method with optimisers, started from a small Basic where it starts from one."""
    method = helpers.made(f"cartoon/{row}", faces(16), seed, **{**SMALL, **settings})
    if method.settings.from_basic:
        method.start_from("basic", made("basic", seed=seed + 100))
    return method


def recogniser() -> Any:
    settings = {"architecture": "small", "steps": 1, "width": 4, "features": 8}
    return helpers.made("cartoon/recogniser", faces(16), **settings)


def batch(*groups: int) -> dict[str, Tensor]:
    n = len(groups)
    return {"photo": images(n, size=16), "cartoon": images(n, seed=1, size=16), "group": torch.tensor(groups)}


# --- the networks ---------------------------------------------------------------------------------------------------


def test_every_group_goes_through_its_own_branch_whatever_the_order_of_the_rows() -> None:
    torch.manual_seed(0)
    generator = Generator(16, **NETWORKS, groups=4)
    x, group = images(6, size=16), torch.tensor([3, 0, 2, 0, 1, 3])
    together, logits = generator(x, group)
    for row in range(6):
        alone, alone_logits = generator(x[row : row + 1], group[row : row + 1])
        torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(logits[row], alone_logits[0], atol=1e-5, rtol=1e-4)
    other, _ = generator(x, (group + 1) % 4)
    assert not torch.allclose(together, other, atol=1e-3)


def test_rows_come_back_in_their_order_however_nested_the_results_are() -> None:
    group, x = torch.tensor([2, 0, 2, 1]), torch.arange(4.0)
    out = by_group(group, lambda index, rows: (x[rows] + 10 * index, [Seen(*(x[rows] for _ in range(3)))]))
    assert out[0].tolist() == [20.0, 1.0, 22.0, 13.0]
    assert out[1][0].cam.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_images_too_small_for_the_networks_are_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"hourglasses of 4 levels .* not 24; change task.size or method.depth"):
        Generator(24)
    with pytest.raises(ValueError, match=r"discriminator of 7 layers needs images of at least 96 pixels, not 16"):
        made("basic", layers_d=(7, 5))


# --- the objective --------------------------------------------------------------------------------------------------


def test_the_losses_are_their_formulas() -> None:
    torch.manual_seed(0)
    seen = [Seen(torch.randn(2, 1, 3, 3), torch.randn(2, 2), torch.randn(2, 4)) for _ in range(2)]
    group = torch.tensor([0, 3])
    for row in range(2):
        adv = sum(((s.patches[row] - 1) ** 2).mean() + ((s.cam[row] - 1) ** 2).mean() for s in seen)
        torch.testing.assert_close(l_adv(seen, 1.0)[row], adv)
        hot = torch.eye(4)[group[row]]
        torch.testing.assert_close(l_group(seen, group)[row], sum(((s.groups[row] - hot) ** 2).mean() for s in seen))
    one, other = torch.randn(2, 2), torch.randn(2, 2)
    wanted = binary_cross_entropy_with_logits(one[1], torch.ones(2)) + binary_cross_entropy_with_logits(
        other[1], torch.zeros(2)
    )
    torch.testing.assert_close(l_cam(one, other)[1], wanted)
    a = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    b = torch.tensor([[0.0, 2.0], [2.0, 2.0]])
    torch.testing.assert_close(l_face(a, b), torch.tensor([1.0, 0.0]))


def test_the_total_weighs_every_term_as_the_settings_say() -> None:
    method = made("basic", cycle=7.0, cam=3.0)
    terms = {name: torch.tensor([1.0, 2.0]) for name in ("adv", "cycle", "identity", "cam")}
    torch.testing.assert_close(method.total(terms), torch.tensor([1.0, 2.0]) * (1 + 7 + 10 + 3))


def test_without_a_face_id_term_no_recogniser_is_needed_or_waited_for() -> None:
    assert CartoonMethod.needed(CartoonSettings(face_id=0)) == {}
    assert CartoonMethod.needed(CartoonSettings()) == {"recogniser": "cartoon/recogniser"}
    assert CartoonMethod.needed(CartoonSettings(face_id=0, from_basic=True)) == {"basic": "cartoon/basic"}


def test_the_face_id_term_pulls_at_the_generators_and_never_at_the_recogniser() -> None:
    method = made("basic", face_id=1.0)
    method.start_from("recogniser", recogniser())
    before, rows = weights(method.face), batch(0, 0)
    losses = method.training_step(rows, 0)
    assert 0 < losses["l_face_id"] <= 4
    assert not moved(method.face, before)
    method.terms(method.generate(rows["photo"], rows["cartoon"], rows["group"]))["face_id"].sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in method.g_ab.parameters())


def test_the_discriminators_step_leaves_no_gradient_in_the_generators() -> None:
    method, rows = made("basic"), batch(0, 0)
    drawn = method.generate(rows["photo"], rows["cartoon"], rows["group"])
    assert moved_by(method, lambda: method.update_discriminators(drawn)) == {"d_a", "d_b"}


def test_the_shares_of_the_normalisations_learn_and_stay_between_0_and_1() -> None:
    """They start at an end of their range, where a clip on the way through the network would leave them for ever."""
    method = made("basic")
    for step in range(3):
        method.training_step(batch(0, 0), step)
    for network in (method.g_ab, method.g_ba):
        shares = {name: p for name, p in network.named_parameters() if name.endswith(("rho", "w_gamma", "w_beta"))}
        assert len(shares) == 2 * 3 + 2  # two soft-AdaLINs of one block, one LIN for each of two enlargements
        for name, value in shares.items():
            assert 0 <= value.min() <= value.max() <= 1, name
            assert len(value.unique()) > 1, name
        before = weights(network)
        method.training_step(batch(0, 0), 3)
        assert any("c_gamma" in name for name in moved(network, before))


# --- selective back-propagation -------------------------------------------------------------------------------------


def shared(method: Any) -> nn.ModuleList:
    return nn.ModuleList([method.g_ab.trunk, method.g_ba.trunk])


def branch(method: Any, group: int) -> nn.ModuleList:
    return nn.ModuleList([method.g_ab.branches[group], method.g_ba.branches[group]])


def test_a_discriminator_attends_with_its_raw_weights_and_scores_with_the_normalised_ones() -> None:
    one, x = Discriminator(3, 4, 3).eval(), images(2)
    before = one(x)
    with torch.no_grad():
        one.gap.parametrizations.weight.original.mul_(2)
    after = one(x)
    torch.testing.assert_close(after.cam, before.cam)
    assert not torch.allclose(after.patches, before.patches)


@pytest.mark.parametrize(("row", "shared_moves"), [("transfer", False), ("transfer-no-sbp", True)])
def test_rare_groups_move_shared_weights_only_without_selective_back_propagation(row: str, shared_moves: bool) -> None:
    method = made(row)
    before, own = weights(shared(method)), weights(branch(method, 2))
    method.training_step(batch(1, 2, 3), 0)
    assert bool(moved(shared(method), before)) == shared_moves
    assert moved(branch(method, 2), own)


def gradients(method: Any, rows: dict[str, Tensor]) -> dict[str, Tensor]:
    out = method.generate(rows["photo"], rows["cartoon"], rows["group"])
    loss = (method.weights(out.group) * method.total(method.terms(out))).sum()
    loss.backward()
    return {name: p.grad.clone() for name, p in shared(method).named_parameters() if p.grad is not None}


def test_with_it_the_shared_gradient_is_that_of_group_0_alone_and_without_it_is_not() -> None:
    everyone, base = batch(0, 1, 2, 3), {name: value[:1] for name, value in batch(0, 1, 2, 3).items()}
    alone = gradients(made("transfer"), base)
    selective = gradients(made("transfer"), everyone)
    everything = gradients(made("transfer-no-sbp"), everyone)
    assert alone.keys() == selective.keys()
    for name, value in alone.items():
        torch.testing.assert_close(selective[name], value, atol=1e-5, rtol=1e-3)
    assert any(not torch.allclose(everything[name], value, atol=1e-4) for name, value in alone.items())


@pytest.mark.parametrize("row", ["transfer", "transfer-no-sbp"])
def test_a_group_moves_its_own_branch_and_no_other_groups(row: str) -> None:
    method = made(row)
    before = {group: weights(branch(method, group)) for group in range(4)}
    method.training_step(batch(0, 3, 0, 3), 0)
    assert [bool(moved(branch(method, group), before[group])) for group in range(4)] == [True, False, False, True]


def test_both_rows_see_the_same_losses_on_the_same_weights() -> None:
    rows = batch(2, 0, 1, 3)
    values = []
    for row in ("transfer", "transfer-no-sbp"):
        torch.manual_seed(7)
        values.append(made(row).training_step(rows, 0))
    for name, value in values[0].items():
        torch.testing.assert_close(value, values[1][name], atol=1e-4, rtol=1e-3)


def test_in_the_codes_reading_nothing_of_rare_groups_but_their_cam_loss_moves_shared_weights() -> None:
    rare = batch(1, 2, 3)
    with_cam, without_cam = made("transfer", reading="code"), made("transfer", reading="code", cam=0.0)
    for method, expected in ((with_cam, True), (without_cam, False)):
        before = weights(shared(method))
        for group in method.opt["g"].param_groups:
            group["weight_decay"] = 0.0
        method.training_step(rare, 0)
        assert bool(moved(shared(method), before)) == expected


def test_group_0_and_the_mean_of_the_rare_groups_weigh_the_same() -> None:
    method = made("transfer")
    torch.testing.assert_close(method.weights(torch.tensor([0, 1, 2, 3])), torch.tensor([1.0, 1 / 3, 1 / 3, 1 / 3]))
    torch.testing.assert_close(method.weights_d(torch.tensor([0, 1, 2, 3])), torch.full((4,), 1 / 4))


# --- starting from Basic --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["baseline2", "baseline3", "transfer", "transfer-no-sbp"])
def test_a_row_that_starts_from_basic_first_answers_as_basic_does_for_every_group(name: str) -> None:
    basic, row = made("basic", seed=5), made(name)
    row.start_from("basic", basic)
    for to in (0, 1):
        inputs = {"image": images(4, size=16), "group": torch.arange(4), "to": torch.full((4,), to)}
        torch.testing.assert_close(row.translate(inputs), basic.translate(inputs), atol=1e-5, rtol=1e-4)


def test_the_discriminators_start_from_basics_too() -> None:
    basic, row = made("basic", seed=5), made("baseline2")
    row.start_from("basic", basic)
    assert not moved(row.d_b, weights(basic.d_b))


def test_the_copies_of_baseline_3_do_not_touch_each_other_and_group_0_stays_basics() -> None:
    method = made("baseline3")
    nets = [
        nn.ModuleList([n.networks[g] for n in (method.g_ab, method.g_ba, method.d_a, method.d_b)]) for g in range(4)
    ]
    before = [weights(net) for net in nets]
    method.training_step(batch(1, 3, 1), 0)
    assert [bool(moved(net, old)) for net, old in zip(nets, before, strict=True)] == [False, True, False, True]


def test_a_row_refuses_to_start_from_something_else() -> None:
    with pytest.raises(ValueError, match=r"CartoonMethod cannot start from Recogniser as 'basic'"):
        made("baseline2").start_from("basic", recogniser())
