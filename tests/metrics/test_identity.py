from __future__ import annotations

import numpy as np
import torch

from retable.benchmarks.metrics.identity import TOLERANCE, identity
from tests.metrics.factory import make_features


def test_identity_is_torchs_cosine_similarity_of_counterparts_and_zero_without_features() -> None:
    a, b = make_features(30, 8, 1), make_features(30, 8, 2, shift=0.5)
    a[3] = 0
    found = identity(a, b)
    expected = torch.nn.functional.cosine_similarity(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE.relative)
    assert found[3] == 0
