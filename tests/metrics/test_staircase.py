"""The staircase on paths whose steps are known, and against distances taken step by step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from retable.benchmarks.metrics.lpips import lpips_pair
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.networks.trunks import get_trunk
from retable.benchmarks.metrics.staircase import TOLERANCE, evenness, steps, steps_of_paths, uniformity
from tests.metrics.factory import make_images


def test_the_three_numbers_are_means_over_paths_and_even_or_still_ones_neither_jump_nor_spread() -> None:
    assert evenness(np.full((3, 11), 0.2)) == pytest.approx((1.0, 0.0, 2.2))
    for still in (0.0, 1e-12):
        assert evenness(np.full((2, 4), still)) == (1.0, 0.0, 0.0)
    mixed = evenness(np.array([[1.0, 1.0, 2.0], [3.0, 3.0, 3.0]]))
    assert mixed == pytest.approx(((3 * 2 / 4 + 1) / 2, np.std([1, 1, 2]) / np.mean([1, 1, 2]) / 2, (4 + 9) / 2))


def test_uniformity_is_the_sample_deviation_of_steps_over_the_squared_length_of_a_step() -> None:
    whole = np.array([[1.0, 1.0, 2.0], [3.0, 3.0, 3.0]])
    assert uniformity(whole) == pytest.approx(9 * np.std([1, 1, 2], ddof=1) / 2)
    assert uniformity(np.full((2, 5), 0.3)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n", [2, 5, 11])
def test_a_single_jump_is_as_large_as_there_are_steps(n: int) -> None:
    whole = np.zeros((2, n))
    whole[0, 0] = whole[1, n - 1] = 0.7
    assert evenness(whole) == pytest.approx((n, np.sqrt(n - 1), 0.7))


def fading(points: int) -> Tensor:
    """A path that fades from one image to another."""
    ends = make_images(2, seed=5)
    return torch.stack([torch.lerp(ends[0], ends[1], t / (points - 1)) for t in range(points)])


def test_a_path_that_stays_at_one_image_and_then_at_another_jumps_and_a_fade_does_not() -> None:
    one, fade = torch.zeros(12, dtype=torch.int64), fading(12)
    staying = fade[[0] * 7 + [-1] * 5]
    jumping, smooth = (steps_of_paths(path, one, get_trunk("lite0")) for path in (staying, fade))
    assert jumping.shape == smooth.shape == (1, 11)
    assert evenness(jumping)[:2] == pytest.approx((11, np.sqrt(10)), rel=1e-6)
    jump, spread, _ = evenness(smooth)
    assert 1 < jump < 4
    assert spread < 1


def test_steps_equal_the_distances_pair_by_pair_over_the_seams_of_batches() -> None:
    trunk, images = get_trunk("lite0"), make_images(37)
    expected = [float(lpips_pair(images[i : i + 1], images[i + 1 : i + 2], trunk)[0]) for i in range(36)]
    np.testing.assert_allclose(steps(images, trunk), expected, rtol=TOLERANCE.relative)


def test_nothing_is_measured_between_two_paths_and_their_order_does_not_matter() -> None:
    trunk = get_trunk("lite0")
    first, second = fading(6), make_images(6, seed=9)
    together = steps_of_paths(torch.cat([first, second]), torch.arange(2).repeat_interleave(6), trunk)
    alone = [steps(path, trunk) for path in (first, second)]
    np.testing.assert_allclose(together, alone, rtol=TOLERANCE.relative)
    mixed = torch.stack([second, first], dim=1).flatten(0, 1)  # one image of each in turn
    turned = steps_of_paths(mixed, torch.tensor([7, 3]).repeat(6), trunk)
    np.testing.assert_allclose(turned, together, rtol=TOLERANCE.relative)


def test_scores_name_paths_and_steps() -> None:
    answer = Answer("strips", make_images(8), {"path": torch.arange(2).repeat_interleave(4)})
    scores = measure(Question("staircase", answer, label="path"))
    assert [(score.name, score.direction) for score in scores] == [
        ("largest_jump.lite0", "lower"),
        ("path_spread.lite0", "lower"),
        ("path_length.lite0", "none"),
        ("uniformity.lite0", "lower"),
    ]
    assert {(score.protocol.detail, score.protocol.n_fake) for score in scores} == {("paths=2x3 steps", 8)}
