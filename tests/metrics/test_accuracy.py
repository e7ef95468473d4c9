from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from retable.benchmarks.metrics.accuracy import TOLERANCE, accuracy, classification_error
from retable.benchmarks.metrics.measure import Answer, Judge, Question, measure
from tests.metrics.factory import DIGITS, answer


def test_accuracy_is_the_percentage_of_largest_logits_at_the_label() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 10, generator=generator)
    labels = torch.randint(0, 10, (200,), generator=generator)
    expected = 100 * np.mean(logits.numpy().argmax(1) == labels.numpy())
    assert accuracy(logits, labels) == pytest.approx(expected, rel=TOLERANCE.relative, abs=TOLERANCE.absolute)
    logits, labels = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 2.0]]), torch.tensor([0, 1, 1, 1])
    assert (accuracy(logits, labels), classification_error(logits, labels)) == (75.0, 25.0)


def test_confusion_says_how_many_of_each_class_are_taken_for_each_class() -> None:
    """Digits 2, 3, 4, 2, 3, 4; the judge calls bright images a 4 and all others a 3."""
    images = -torch.ones(6, 1, 32, 32)
    images[[0, 2, 5]] = 1.0
    asked = Answer("test", images, {"digit": torch.arange(6) % 3 + 2}, class_names=DIGITS)

    def by_light(shown: Tensor) -> Tensor:
        return torch.nn.functional.one_hot((shown.mean((1, 2, 3)) > 0).long() + 3, 10).float()

    scores = measure(Question("confusion", asked, judge=Judge("target", by_light), label="digit", by="digit"))
    shares = {(s.slice.get("digit", "all"), s.slice["as"]): s.value for s in scores}
    assert len(shares) == 4 * 10
    assert {key: value for key, value in shares.items() if value} == {
        ("all", "3"): 50.0,
        ("all", "4"): 50.0,
        ("2", "3"): 50.0,
        ("2", "4"): 50.0,
        ("3", "3"): 100.0,
        ("4", "4"): 100.0,
    }
    assert {(s.name, s.direction, s.unit) for s in scores} == {("confusion.target", "none", "%")}
    assert {s.protocol.n_fake for s in scores} == {6, 2}


def test_a_methods_own_predictions_need_no_judge() -> None:
    own = answer(6, logits=torch.nn.functional.one_hot(torch.full((6,), 3), 10).float())
    (score,) = measure(Question("accuracy", own, label="digit"))
    assert (score.name, score.protocol.extractor, score.protocol.n_real) == ("accuracy", "", 6)
    (error,) = measure(Question("classification_error", own, label="digit"))
    assert (error.name, error.direction) == ("classification_error", "lower")
    assert error.value == pytest.approx(100 - score.value)
