"""Scores of a training itself: parameters, and the losses that it ended with."""

from __future__ import annotations

from retable.benchmarks.gate.compare import is_gated
from retable.benchmarks.metrics.own_scores import score_losses
from retable.benchmarks.metrics.parameters import parameters, score_parameters, trained_parameters
from tests.metrics.factory import trained_networks


def test_parameters_are_counted_once_and_trained_ones_are_those_that_ask_for_gradients_and_an_optimiser_holds() -> None:
    networks, optimizers = trained_networks()
    assert parameters(networks) == (3 * 4 + 4) + (4 + 4) + (4 + 1)
    assert trained_parameters(optimizers) == 3 * 4 + 4
    scores = list(score_parameters(networks, optimizers, models=4))
    assert [(score.name, score.value) for score in scores] == [
        ("parameters", 29.0),
        ("trained_parameters", 16.0),
        ("models", 4.0),
        ("model_parameters", 4.0),
    ]
    assert all((score.direction, score.slice) == ("none", {"request": "train"}) for score in scores)
    assert not any(is_gated(score) for score in scores[1:]), "old expectations know none of them"
    assert [score.name for score in score_parameters(networks, {}, models=1)] == ["parameters"]


def test_final_losses_are_means_of_the_last_tenth_and_the_last_point_of_a_step_counts() -> None:
    points = [(90, {"l_g": 100.0}), (95, {"l_g": 7.0}), (95, {"l_g": 1.0, "l_d": 5.0}), (100, {"l_g": 3.0})]
    (score,) = score_losses(points, ["l_g", "l_other"], steps=100, data="digits:standin")
    assert (score.name, score.value, score.direction, score.slice) == ("loss.l_g", 2.0, "lower", {"request": "train"})
    assert (score.protocol.data, score.protocol.detail) == ("digits:standin", "mean of the last tenth of training")
