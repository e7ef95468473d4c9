from __future__ import annotations

import numpy as np
import pytest
import torch

from retable.benchmarks.metrics.lpips import lpips_pair
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.networks.trunks import get_trunk
from retable.benchmarks.metrics.smoothness import EPSILON, TOLERANCE, smoothness
from tests.metrics.factory import make_images


def test_equals_equation_2_without_the_extremes_on_consecutive_rows() -> None:
    trunk, x = get_trunk("lite0"), make_images(101, seed=1)
    y = torch.lerp(x, x.flip(0), 0.01)
    y[7] = x[3]  # a jump
    lengths = sorted(lpips_pair(x, y, trunk) / EPSILON**2)
    (score,) = measure(Question("smoothness", Answer("paths", torch.stack([x, y], dim=1).flatten(0, 1))))
    assert score.value == pytest.approx(np.mean(lengths[1:-1]), rel=TOLERANCE.relative)
    assert (score.protocol.n_fake, score.protocol.detail) == (101, f"epsilon={EPSILON:g}")
    assert lengths[-1] > 100 * lengths[-2]


def test_a_still_path_has_no_length_and_a_jumpy_one_more_than_a_gentle_one() -> None:
    trunk, x, y = get_trunk("lite0"), make_images(6, seed=1), make_images(6, seed=2)
    still, gentle, jumpy = (smoothness(x, torch.lerp(x, y, step), trunk) for step in (0, 0.01, 0.1))
    assert still == 0 < gentle < jumpy
