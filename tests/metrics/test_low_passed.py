"""FID, precision and recall without the finest detail."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import avg_pool2d

from retable.benchmarks.metrics.low_passed import TOLERANCE, low_pass
from retable.benchmarks.metrics.measure import Answer, Question, measure
from tests.metrics.factory import make_images


def test_scores_are_the_plain_ones_of_filtered_images() -> None:
    fake, real = make_images(12), make_images(9, seed=1)
    found = measure(Question("low_passed", Answer("samples", fake), reference=Answer("reference", real)))
    few = {"answer": Answer("samples", low_pass(fake)), "reference": Answer("reference", low_pass(real))}
    plain = [*measure(Question("fid", **few)), *measure(Question("precision_recall", **few))]
    assert [score.name for score in found] == ["low_fid.lite0", "low_precision.lite0", "low_recall.lite0"]
    expected = [score.value for score in plain]
    assert [score.value for score in found] == pytest.approx(expected, rel=TOLERANCE.relative)
    assert all(score.protocol.detail.startswith("2x2 mean") for score in found)


def test_a_checkerboard_is_lost_and_what_is_larger_stays() -> None:
    images = make_images(2)
    board = 0.2 * (1 - 2 * ((torch.arange(32)[:, None] + torch.arange(32)) % 2))
    torch.testing.assert_close(low_pass(images + board), low_pass(images))
    flat = torch.full((1, 3, 8, 8), 0.3)
    torch.testing.assert_close(low_pass(flat), flat)
    kept = avg_pool2d(low_pass(images), 8) - avg_pool2d(images, 8)
    assert kept.abs().max() < 0.1 < images.std()


def test_a_ramp_stays_a_ramp_and_an_odd_edge_is_not_lost() -> None:
    ramp = torch.linspace(-1, 1, 16).expand(1, 3, 16, 16)
    inner = low_pass(ramp)[..., 2:-2]
    torch.testing.assert_close(inner, ramp[..., 2:-2])
    odd = torch.zeros(1, 3, 9, 9)
    other = odd.clone()
    other[..., 8] = 1
    assert not torch.equal(low_pass(odd), low_pass(other))


def test_sharpness_moves_the_plain_distance_more() -> None:
    sharp = make_images(40, seed=2)
    soft = low_pass(sharp)
    question = {"answer": Answer("samples", soft), "reference": Answer("reference", sharp)}
    plain, low = measure(Question("fid", **question))[0], measure(Question("low_passed", **question))[0]
    assert low.value < 0.5 * plain.value
