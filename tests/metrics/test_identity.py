from __future__ import annotations

import numpy as np
import pytest
import torch

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.identity import TOLERANCE, identity
from tests.metrics.factory import make_features


def test_equals_torchs_cosine_similarity() -> None:
    a, b = make_features(30, 8, 1), make_features(30, 8, 2, shift=0.5)
    expected = torch.nn.functional.cosine_similarity(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(identity(a, b), expected, rtol=TOLERANCE.relative)


def test_identity_is_the_cosine_of_counterparts() -> None:
    a = np.array([[1.0, 0.0], [1.0, 1.0], [2.0, 0.0], [0.0, 0.0]])
    b = np.array([[3.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(identity(a, b), [1, 2**-0.5, -1, 0])


def test_identity_refuses_sets_that_do_not_match() -> None:
    with pytest.raises(UserError, match=r"one by one, got shapes \[2, 3\] and \[3, 3\]"):
        identity(np.zeros((2, 3)), np.zeros((3, 3)))
