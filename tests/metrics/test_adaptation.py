from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retable.benchmarks.metrics.adaptation import TOLERANCE, adaptation_accuracy


def bars(n: int, seed: int, classes: int = 4) -> tuple[Tensor, Tensor]:
    """A bright bar in one of four places, with noise: images ``[n, 1, 16, 16]`` and the place."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (n,), generator=generator)
    images = 0.5 * torch.randn(n, 1, 16, 16, generator=generator) - 0.5
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, :, 4 * label : 4 * label + 4] += 1.0
    return images.clamp(-1, 1), labels


@pytest.mark.parametrize(("count", "shift", "low", "high"), [(200, 0, 95, 100), (200, 1, 0, 5), (20, 0, 50, 100)])
def test_learns_what_the_training_labels_teach_even_from_less_than_a_batch(
    count: int, shift: int, low: float, high: float
) -> None:
    images, labels = bars(count, 1)
    assert low <= adaptation_accuracy(images, (labels + shift) % 4, *bars(200, 2), seed=0, steps=40) <= high


def test_is_a_pure_function_of_its_arguments() -> None:
    data = (*bars(100, 1), *bars(300, 2))
    first = adaptation_accuracy(*data, seed=3, steps=2)
    again = adaptation_accuracy(*data, seed=3, steps=2)
    assert again == pytest.approx(first, rel=TOLERANCE.relative, abs=TOLERANCE.absolute)
    assert len({adaptation_accuracy(*data, seed=s, steps=2) for s in range(4)}) > 1
