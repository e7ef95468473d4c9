"""Scores of a training itself: parameters, and the losses that it ended with."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import SGD

from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.compare import is_gated
from retable.benchmarks.metrics.own_scores import score_losses
from retable.benchmarks.metrics.parameters import parameters, score_parameters, trained_parameters


def test_parameters_are_counted_once_even_when_shared_or_frozen() -> None:
    with torch.device("meta"):
        shared = nn.Linear(3, 4)
        networks = {"g": nn.Sequential(shared, nn.BatchNorm1d(4)), "d": nn.Sequential(shared, nn.Linear(4, 1))}
    shared.requires_grad_(False)
    assert parameters(networks) == (3 * 4 + 4) + (4 + 4) + (4 + 1)
    (score,) = score_parameters(networks, {}, models=1)
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
    _, *scores = score_parameters({}, optimizers, models=4)
    assert [(score.name, score.value) for score in scores] == [
        ("trained_parameters", 16.0),
        ("models", 4.0),
        ("model_parameters", 4.0),
    ]
    assert all(score.direction == "none" for score in scores)
    assert not any(is_gated(score) for score in scores), "old expectations know none of them"
    with pytest.raises(UserError, match="at least one model"):
        list(score_parameters({}, optimizers, models=0))


def test_final_losses_are_means_of_the_last_tenth_and_the_last_point_of_a_step_counts() -> None:
    points = [(90, {"l_g": 100.0}), (95, {"l_g": 7.0}), (95, {"l_g": 1.0, "l_d": 5.0}), (100, {"l_g": 3.0})]
    (score,) = score_losses(points, ["l_g", "l_other"], steps=100, data="digits:standin")
    assert (score.name, score.value, score.direction, score.slice) == ("loss.l_g", 2.0, "lower", {"request": "train"})
    assert (score.protocol.data, score.protocol.detail) == ("digits:standin", "mean of the last tenth of training")
