"""The mean absolute difference to the truth."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import l1_loss

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.l1 import TOLERANCE, l1
from retable.benchmarks.metrics.measure import Answer, Question, measure
from tests.metrics.factory import DIGITS, make_images


def test_is_half_of_torchs_loss_since_images_have_a_range_of_two() -> None:
    x, y = make_images(5), make_images(5, seed=1)
    expected = [float(l1_loss(one, other)) / 2 for one, other in zip(x, y, strict=True)]
    assert l1(x, y) == pytest.approx(expected, rel=TOLERANCE.relative)
    assert float(l1(torch.ones(1, 3, 4, 4), -torch.ones(1, 3, 4, 4))[0]) == 1


def test_scores_are_means_over_everything_and_per_class() -> None:
    x, y, labels = make_images(6), make_images(6, seed=1), torch.tensor([2, 2, 3, 3, 3, 2])
    found = measure(Question("l1", Answer("test", x, {"digit": labels}, truth=y, class_names=DIGITS), by="digit"))
    values = l1(x, y)
    assert {score.slice.get("digit", "all"): score.value for score in found} == pytest.approx(
        {"all": values.mean(), "2": values[labels == 2].mean(), "3": values[labels == 3].mean()}
    )
    assert {(score.name, score.direction) for score in found} == {("l1", "lower")}


def test_without_a_truth_or_of_other_shapes_it_is_refused() -> None:
    with pytest.raises(UserError, match="needs a true image for every answer to 'test'"):
        measure(Question("l1", Answer("test", make_images(2))))
    with pytest.raises(UserError, match="one by one"):
        l1(make_images(2), make_images(3))
