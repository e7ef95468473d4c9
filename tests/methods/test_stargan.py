"""StarGAN's networks, losses and mask vector: what the paper counts, and what no label may do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from retable.methods.stargan.labels import Labels, classification
from retable.methods.stargan.losses import gradient_penalty
from retable.methods.stargan.networks import Generator, judged
from tests.methods import helpers
from tests.methods.helpers import TinyInfo, moved, moved_by, weights
from tests.methods.plain_stargan import PlainLoop

SIZE = 16
SMALL = {"steps": 10, "batch_size": 4, "width": 4, "blocks": 1, "width_d": 4, "layers_d": 2, "lr": 1e-2, "lr_d": 1e-2}
THREE = {"looks": ("tall", "young"), "moods": ("calm", "glad", "cross"), "hats": ("none", "hat")}
"""Three data sets: bits, classes, classes."""


def sets(*names: str, size: int = SIZE) -> TinyInfo:
    return TinyInfo(size, dict.fromkeys(names, 3), THREE)


def made(*names: str, size: int = SIZE, **settings: Any) -> Any:
    """A small StarGAN on the data sets of these names, by default on one."""
    return helpers.made("stargan/stargan", sets(*(names or ("moods",)), size=size), **{**SMALL, **settings})


def images(n: int = 4, seed: int = 0) -> Tensor:
    return helpers.images(n, 3, seed, SIZE)


def batch_of_three(n: int = 4) -> dict[str, Tensor]:
    batch = {f"{name}.image": images(n, seed) for seed, name in enumerate(THREE)}
    bits = torch.tensor([[0, 1], [1, 0], [1, 1], [0, 0]])[:n]
    return batch | {"looks.label": bits, "moods.label": torch.arange(n) % 3, "hats.label": torch.arange(n) % 2}


def test_an_image_is_drawn_the_same_in_training_and_in_evaluation_and_beside_any_other() -> None:
    g, x, c = Generator(3, 3, 4, 1), images(3), torch.eye(3)
    together = g.train()(x, c)
    torch.testing.assert_close(g.eval()(x, c), together)
    torch.testing.assert_close(torch.cat([g(x[i : i + 1], c[i : i + 1]) for i in range(3)]), together)


def test_too_small_an_image_is_refused_with_what_to_change() -> None:
    with pytest.raises(ValueError, match=r"at least 32 pixels, not 16; change method\.layers_d or task\.size"):
        made(layers_d=5)
    with pytest.raises(ValueError, match="divides by 4"):
        made(size=18)


def test_bits_are_judged_by_binary_cross_entropy_summed_over_the_labels() -> None:
    logits, label = torch.tensor([[0.5, -1.0], [2.0, 0.3]]), torch.tensor([[1, 0], [0, 1]])
    p = logits.sigmoid()
    by_hand = -(p[0, 0].log() + (1 - p[0, 1]).log() + (1 - p[1, 0]).log() + p[1, 1].log()) / 2
    torch.testing.assert_close(classification(logits, label), by_hand)


def test_classes_are_judged_by_cross_entropy() -> None:
    logits, label = torch.tensor([[0.5, -1.0, 0.1], [2.0, 0.3, 0.0]]), torch.tensor([2, 0])
    p = logits.softmax(1)
    torch.testing.assert_close(classification(logits, label), -(p[0, 2].log() + p[1, 0].log()) / 2)


class Linear(nn.Module):
    """A critic whose gradient is known: ``factor`` in every pixel, on one patch."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (self.factor * x).sum((1, 2, 3))[:, None, None, None], x.new_zeros(len(x), 0)


def test_the_gradient_penalty_is_the_squared_distance_of_the_gradients_norm_from_one() -> None:
    pixels = 3 * SIZE * SIZE
    for factor in (0.0, pixels**-0.5, 0.2):
        penalty = gradient_penalty(Linear(factor), images(4), images(4, 1))
        assert penalty.item() == pytest.approx((factor * pixels**0.5 - 1) ** 2, rel=1e-5, abs=1e-6)


def test_the_gradient_penalty_can_be_learnt_from() -> None:
    critic = Linear(0.2)
    gradient_penalty(critic, images(4), images(4, 1)).backward()
    root = (3 * SIZE * SIZE) ** 0.5
    assert float(critic.factor.grad) == pytest.approx(2 * (0.2 * root - 1) * root, rel=1e-4)


def watched(method: Any) -> list[tuple[str, float]]:
    """Which optimiser stepped on which loss, in order."""
    steps: list[tuple[str, float]] = []
    update = method.update

    def remember(optimizer: Any, loss: Tensor) -> None:
        name = next(name for name, known in method.opt.items() if known is optimizer)
        steps.append((name, loss.item()))
        update(optimizer, loss)

    method.update = remember
    return steps


def test_d_learns_in_every_step_and_g_in_every_fifth() -> None:
    method = made()
    steps, batch = watched(method), {"moods.image": images(), "moods.label": torch.arange(4) % 3}
    for step in range(10):
        before = weights(method.g)
        losses = method.training_step(batch, step)
        assert bool(moved(method.g, before)) == (step in (4, 9)) == ("l_rec" in losses)
    assert [name for name, _ in steps] == (["d"] * 5 + ["g"]) * 2


def test_both_losses_are_the_weighted_sums_of_their_terms() -> None:
    method = made(lambda_gp=0.0, critic_steps=1, lambda_adv=5.0, lambda_cls=2.0, lambda_rec=3.0, lambda_id=4.0)
    label, wanted = torch.tensor([0, 1, 2, 0]), torch.tensor([1, 2, 0, 0])
    own, real, steps = functional.one_hot(label, 3).float(), images(), watched(method)
    fake = method.g(real, functional.one_hot(wanted, 3).float())
    patches, kinds = judged(method.d, real)
    l_w = patches.mean() - judged(method.d, fake)[0].mean()
    l_d = -5 * l_w + 2 * functional.cross_entropy(kinds, label)
    method.update_d("moods", real, label, fake.detach())
    patches, kinds = judged(method.d, fake)
    l_rec, l_id = (real - method.g(fake, own)).abs().mean(), (real - method.g(real, own)).abs().mean()
    l_g = -5 * patches.mean() + 2 * functional.cross_entropy(kinds, wanted) + 3 * l_rec + 4 * l_id
    expected = [("d", l_d.item()), ("g", l_g.item())]
    method.update_g("moods", real, label, wanted, fake)
    assert steps == [(name, pytest.approx(value, rel=1e-4)) for name, value in expected]


def test_ten_steps_end_where_the_plain_loop_ends() -> None:
    ours, plain = (made(steps=1000) for _ in range(2))
    for method in (ours, plain):  # in double precision, where Adam's first steps do not blow up rounding errors
        method.g.double()
        method.d.double()
    loop = PlainLoop(plain.g, plain.d, 3, lr=1e-2)
    for step in (lambda x, c, i: ours.training_step({"moods.image": x, "moods.label": c}, i), loop.step):
        torch.manual_seed(1)
        for number in range(10):
            step(images(4, number).double(), torch.arange(4) % 3, number)
    for network in ("g", "d"):
        for name, value in getattr(plain, network).state_dict().items():
            torch.testing.assert_close(getattr(ours, network).state_dict()[name], value, atol=1e-6, rtol=1e-4)


def test_what_g_learns_moves_d_not_at_all() -> None:
    method, label = made(), torch.arange(4) % 3
    fake = method.g(images(), functional.one_hot(label, 3).float())
    assert moved_by(method, lambda: method.update_g("moods", images(), label, label, fake)) == {"g"}


def test_wanted_labels_are_those_of_other_images_of_the_batch() -> None:
    method, seen = made(critic_steps=1), []
    vector = method.labels.vector

    def remember(name: str, label: Tensor, mask: Tensor | None = None) -> Tensor:
        seen.append(label)
        return vector(name, label, mask)

    method.labels.vector = remember
    label = torch.arange(64) % 3
    method.training_step({"moods.image": images(64), "moods.label": label}, 0)
    assert not torch.equal(seen[0], label)
    assert torch.equal(seen[0].sort().values, label.sort().values)
    assert torch.equal(seen[1], label)


def test_one_data_set_needs_no_mask() -> None:
    labels = Labels(sets("moods"))
    assert (labels.length, labels.known) == (3, 3)
    assert labels.vector("moods", torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_unknown_labels_are_zero_and_the_mask_names_the_data_set() -> None:
    labels = Labels(sets(*THREE))
    assert (labels.known, labels.length) == (7, 10)
    assert labels.vector("looks", torch.tensor([[1, 1]])).tolist() == [[1, 1, 0, 0, 0, 0, 0, 1, 0, 0]]
    assert labels.vector("moods", torch.tensor([1])).tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 1, 0]]
    assert labels.vector("hats", torch.tensor([1])).tolist() == [[0, 0, 0, 0, 0, 0, 1, 0, 0, 1]]
    wrong = labels.vector("moods", torch.tensor([1, 2]), mask=torch.tensor([0, 2]))
    assert wrong.tolist() == [[0, 0, 0, 1, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]]


@pytest.mark.parametrize("name", THREE)
def test_a_label_outside_the_batchs_data_set_never_enters_the_input(name: str) -> None:
    method, inputs = made(*THREE, critic_steps=1), []
    method.g.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[1]))
    batch = batch_of_three()
    method.learn(name, batch[f"{name}.image"], batch[f"{name}.label"], True)
    assert len(inputs) == 2, "drawn, and drawn back"
    mask = functional.one_hot(torch.tensor(list(THREE).index(name)), 3).float()
    for c in inputs:
        others = torch.ones(7, dtype=torch.bool)
        others[method.labels.part(name)] = False
        assert not c[:, :7][:, others].any()
        assert torch.equal(c[:, 7:], mask.expand(4, 3))


@pytest.mark.parametrize("name", THREE)
def test_a_label_outside_the_batchs_data_set_draws_no_gradient(name: str) -> None:
    method = made(*THREE)
    batch, part = batch_of_three(), method.labels.part(name)
    image, label = batch[f"{name}.image"], batch[f"{name}.label"]
    before = method.d.kind.weight.clone()
    fake = method.g(image, method.labels.vector(name, label))
    method.update_d(name, image, label, fake.detach())
    gradient, after = method.d.kind.weight.grad, method.d.kind.weight
    others = torch.ones(7, dtype=torch.bool)
    others[part] = False
    assert gradient[part].any(), "its own labels are learnt"
    assert not gradient[others].any()
    assert torch.equal(after[others], before[others])

    outputs = []
    method.d.register_forward_hook(lambda _, __, out: outputs.append(out[1]))
    method.backward = lambda loss: outputs.append(torch.autograd.grad(loss, outputs[0], retain_graph=True)[0])
    method.update_g(name, image, label, label, fake)
    kinds_gradient = outputs[1]
    assert kinds_gradient[:, part].any(), "G is told about its own labels"
    assert not kinds_gradient[:, others].any()


def test_every_data_set_is_learnt_from_in_every_step() -> None:
    method = made(*THREE)
    steps, learnt = watched(method), []
    learn = method.learn
    method.learn = lambda name, *rest: (learnt.append(name), learn(name, *rest))[1]
    for step in range(5):
        losses = method.training_step(batch_of_three(), step)
    assert learnt == list(THREE) * 5
    assert [name for name, _ in steps] == ["d"] * 12 + ["d", "g"] * 3
    assert set(losses) == {"l_w", "l_cls_real", "l_gp", "l_adv", "l_cls_fake", "l_rec"}


def answered(**inputs: Any) -> tuple[Tensor, list[Tensor]]:
    """Images translated by a model of three sets, and what G was told, pass by pass."""
    method, told = made(*THREE), []
    method.g.register_forward_pre_hook(lambda _, arguments: told.append(arguments[1]))
    return method.translate({"image": images(), **inputs}), told


def test_an_image_of_which_nothing_is_asked_stays_as_it_is() -> None:
    out, told = answered(**{"moods.to": torch.tensor([-1, 2, -1, 0])})
    assert torch.equal(out[[0, 2]], images()[[0, 2]])
    assert not torch.equal(out[[1, 3]], images()[[1, 3]])
    assert told[0].tolist() == [[0, 0, 0, 0, 1, 0, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0, 0, 0, 1, 0]]


def test_what_is_asked_of_two_data_sets_is_done_one_after_the_other() -> None:
    asked = {"looks.to": torch.ones(4, 2, dtype=torch.int64), "moods.to": torch.zeros(4, dtype=torch.int64)}
    out, told = answered(**asked)
    assert [c[0, 7:].tolist() for c in told] == [[1, 0, 0], [0, 1, 0]]
    first, _ = answered(**{"looks.to": asked["looks.to"]})
    torch.testing.assert_close(out, made(*THREE).translate({"image": first, "moods.to": asked["moods.to"]}))


def test_bits_that_are_not_asked_for_stay_as_d_sees_them() -> None:
    _, told = answered(**{"looks.to": torch.tensor([[1, -1], [0, -1], [-1, 1], [-1, -1]])})
    with torch.no_grad():
        seen = (judged(made(*THREE).d, images())[1][:, :2] > 0).float()
    assert told[0][:, :2].tolist() == [[1, seen[0, 1]], [0, seen[1, 1]], [seen[2, 0], 1]]


def test_a_wrong_mask_reaches_the_generator() -> None:
    _, told = answered(**{"moods.to": torch.tensor([1, 1, 2, -1]), "mask": torch.tensor([0, 1, 2, 0])})
    assert told[0][:, 7:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
