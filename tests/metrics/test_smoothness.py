from __future__ import annotations

import numpy as np
import pytest
import torch

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.lpips import lpips_pair
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.networks.trunks import get_trunk
from retable.benchmarks.metrics.smoothness import EPSILON, TOLERANCE, smoothness
from tests.metrics.factory import make_images


def test_equals_equation_2_without_the_extremes() -> None:
    trunk, x = get_trunk("lite0"), make_images(101, seed=1)
    y = torch.lerp(x, x.flip(0), 0.01)
    y[7] = x[3]  # a jump
    lengths = sorted(lpips_pair(x, y, trunk) / EPSILON**2)
    assert smoothness(x, y, trunk) == pytest.approx(np.mean(lengths[1:-1]), rel=TOLERANCE.relative)
    assert lengths[-1] > 100 * lengths[-2]


def test_a_jumpy_path_is_less_smooth_than_a_gentle_one() -> None:
    trunk, x, y = get_trunk("lite0"), make_images(6, seed=1), make_images(6, seed=2)
    gentle, jumpy = (smoothness(x, torch.lerp(x, y, step), trunk) for step in (0.01, 0.1))
    assert 0 < gentle < jumpy


def test_reads_consecutive_rows_as_one_path() -> None:
    x = make_images(4)
    (still,) = measure(Question("smoothness", Answer("paths", x.repeat_interleave(2, 0))))
    assert (still.value, still.protocol.n_fake, still.protocol.detail) == (0, 4, f"epsilon={EPSILON:g}")
    assert measure(Question("smoothness", Answer("paths", x)))[0].value > 0
    with pytest.raises(UserError, match="rows in pairs"):
        measure(Question("smoothness", Answer("paths", make_images(3))))
