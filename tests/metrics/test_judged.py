from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.compare import is_gated
from retable.benchmarks.metrics.accuracy import accuracy, classification_error
from retable.benchmarks.metrics.identity import identity
from retable.benchmarks.metrics.measure import Answer, measure
from retable.benchmarks.metrics.parameters import parameters, parameters_score, trained_parameters, trained_scores
from retable.benchmarks.metrics.smoothness import smoothness
from retable.benchmarks.metrics.trunks import get_trunk
from tests.metrics.factory import make_images


def test_accuracy_is_the_percentage_of_largest_logits_at_the_label() -> None:
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 2.0]])
    labels = torch.tensor([0, 1, 1, 1])
    assert accuracy(logits, labels) == 75.0
    assert classification_error(logits, labels) == 25.0


def test_accuracy_equals_scikit_learns_definition_on_random_logits() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 10, generator=generator)
    labels = torch.randint(0, 10, (200,), generator=generator)
    assert accuracy(logits, labels) == pytest.approx(100 * np.mean(logits.numpy().argmax(1) == labels.numpy()))


@pytest.mark.parametrize(
    ("logits", "labels", "says"),
    [
        (torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64), r"got \[3, 2\] and \[2\]"),
        (torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), "logits"),
        (torch.full((1, 2), float("nan")), torch.zeros(1, dtype=torch.int64), "not all finite"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), r"labels span 0\.\.3, but the classifier knows classes 0\.\.2"),
        (torch.zeros(2, 3), torch.tensor([-1, 1]), r"labels span -1\.\.1"),
    ],
)
def test_unfit_logits_and_labels_are_refused(logits: torch.Tensor, labels: torch.Tensor, says: str) -> None:
    with pytest.raises(UserError, match=says):
        accuracy(logits, labels)


def test_answer_time_is_the_seconds_of_an_image_and_never_gated() -> None:
    answer = Answer("hair", make_images(4), seconds=2.0)
    (score,) = measure("answer_time", answer, device="cpu")
    assert (score.name, score.value, score.unit, score.slice) == ("answer_time", 0.5, "s", {"request": "hair"})
    assert (score.protocol.detail, score.protocol.n_fake) == ("timer=cpu", 4)
    assert measure("answer_time", answer, device="cuda:0")[0].protocol.detail == "timer=cuda"
    assert not is_gated(score)
    with pytest.raises(UserError, match="time that the answer to 'hair' took"):
        measure("answer_time", Answer("hair", make_images(4)))


def test_identity_is_the_cosine_of_counterparts() -> None:
    a = np.array([[1.0, 0.0], [1.0, 1.0], [2.0, 0.0], [0.0, 0.0]])
    b = np.array([[3.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(identity(a, b), [1, 2**-0.5, -1, 0])


def test_identity_refuses_sets_that_do_not_match() -> None:
    with pytest.raises(UserError, match=r"one by one, got shapes \[2, 3\] and \[3, 3\]"):
        identity(np.zeros((2, 3)), np.zeros((3, 3)))


def test_a_jumpy_path_is_less_smooth_than_a_gentle_one() -> None:
    trunk, x, y = get_trunk("lite0"), make_images(6, seed=1), make_images(6, seed=2)
    gentle, jumpy = (smoothness(x, torch.lerp(x, y, step), trunk, epsilon=0.01) for step in (0.01, 0.1))
    assert 0 < gentle < jumpy


def test_smoothness_divides_by_the_squared_step() -> None:
    trunk, x, y = get_trunk("lite0"), make_images(4, seed=1), make_images(4, seed=2)
    assert smoothness(x, y, trunk, epsilon=0.1) == pytest.approx(100 * smoothness(x, y, trunk, epsilon=1.0), rel=1e-9)


def test_smoothness_leaves_the_extreme_paths_out() -> None:
    trunk, x = get_trunk("lite0"), make_images(1, seed=1).repeat(101, 1, 1, 1)
    y = torch.lerp(x, make_images(1, seed=2), 0.01)
    usual = smoothness(x, y, trunk)
    y[7] = make_images(1, seed=3)[0]  # one path of 101 jumps
    assert smoothness(x, y, trunk) == pytest.approx(usual, rel=1e-3)


def test_smoothness_refuses_a_step_of_zero() -> None:
    with pytest.raises(UserError, match="epsilon must be positive"):
        smoothness(make_images(2), make_images(2), get_trunk("lite0"), epsilon=0.0)


def test_parameters_are_counted_once_even_when_shared_or_frozen() -> None:
    with torch.device("meta"):
        shared = nn.Linear(3, 4)
        networks = {"g": nn.Sequential(shared, nn.BatchNorm1d(4)), "d": nn.Sequential(shared, nn.Linear(4, 1))}
    shared.requires_grad_(False)
    assert parameters(networks) == (3 * 4 + 4) + (4 + 4) + (4 + 1)
    score = parameters_score(networks, "train")
    assert (score.name, score.value, score.slice) == ("parameters", 29.0, {"request": "train"})


def test_trained_parameters_are_those_that_ask_for_gradients_and_that_an_optimiser_holds() -> None:
    with torch.device("meta"):
        moved, held_still, nobodys = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(9, 9)
    held_still.requires_grad_(False)
    assert nobodys.weight.requires_grad
    optimizers = {
        "g": SGD([{"params": moved.parameters()}, {"params": held_still.parameters()}], lr=0.1),
        "again": SGD(moved.parameters(), lr=0.1),
    }
    assert trained_parameters(optimizers) == 3 * 4 + 4
    scores = list(trained_scores(optimizers, models=4))
    assert [(score.name, score.value) for score in scores] == [
        ("trained_parameters", 16.0),
        ("models", 4.0),
        ("model_parameters", 4.0),
    ]
    assert all(score.direction == "none" for score in scores)
    assert not any(is_gated(score) for score in scores), "old expectations know none of them"
    assert list(trained_scores({}, models=1)) == []
    with pytest.raises(UserError, match="at least one model"):
        list(trained_scores(optimizers, models=0))
