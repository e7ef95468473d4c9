"""How fast the metrics are, and that the short cuts are worth it. Run alone: ``tox -e micro``."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from retable.benchmarks.metrics.fid import frechet_distance
from retable.benchmarks.metrics.kid import kid
from retable.benchmarks.metrics.lpips import TOLERANCE, lpips_diversity
from retable.benchmarks.metrics.networks.extractors import get_extractor
from retable.benchmarks.metrics.networks.trunks import Trunk
from tests.metrics.conftest import own_weights_only, random_trunk, trunk_files
from tests.metrics.factory import lpips_package, make_features, make_images

__all__ = ["own_weights_only", "random_trunk", "trunk_files"]

PAIRS_FASTER = 20


def by_eigh(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The same distance from full covariance matrices: the square root of one, then eigenvalues of the product."""
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    product = root @ cov_b @ root
    overlap = np.sqrt(np.linalg.eigvalsh((product + product.T) / 2).clip(0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap)


@pytest.mark.slow
def test_diversity_of_100_images_is_20_times_faster_than_the_loop_over_4950_pairs(
    benchmark: Any, random_trunk: Callable[[str], tuple[Trunk, Path]]
) -> None:
    trunk, weights = random_trunk("alex")
    count, faster = (20, 4) if benchmark.disabled else (100, PAIRS_FASTER)  # the full loop only where time is measured
    package, images = lpips_package("alex", weights), make_images(count, 32)
    lpips_diversity(images[:16], trunk)
    start = time.process_time()
    found = lpips_diversity(images, trunk)
    ours = time.process_time() - start
    benchmark.pedantic(lpips_diversity, (images, trunk), rounds=3)

    with torch.inference_mode():
        package(images[:1], images[1:2])
        start = time.process_time()
        pairs = [
            float(package(images[i : i + 1], images[j : j + 1])) for i, j in itertools.combinations(range(count), 2)
        ]
        loop = time.process_time() - start
    benchmark.extra_info.update(loop_s=loop, ours_s=ours, ratio=loop / ours)
    assert len(pairs) == count * (count - 1) // 2
    assert found == pytest.approx(np.mean(pairs), rel=TOLERANCE.relative)
    assert loop / ours >= faster


@pytest.mark.parametrize(("n", "close"), [(300, 1e-4), (2000, 1e-6)])
def test_frechet_equals_the_way_by_full_covariances(benchmark: Any, n: int, close: float) -> None:
    benchmark.group = "frechet, 1280 features"
    a, b = make_features(n, 1280, 1), make_features(n, 1280, 2)
    start = time.perf_counter()
    expected = by_eigh(a, b)
    benchmark.extra_info["by_eigh_s"] = time.perf_counter() - start
    assert benchmark.pedantic(frechet_distance, (a, b), rounds=3) == pytest.approx(expected, rel=close)


def test_kid_of_2000_images(benchmark: Any) -> None:
    a, b = make_features(2000, 1280, 1), make_features(2000, 1280, 2)
    value, spread = benchmark.pedantic(kid, (a, b), {"seed": 0}, rounds=1)
    assert abs(value) < 3 * spread


def test_lite0_features_of_160_images(benchmark: Any) -> None:
    images, extractor = make_images(160, 32), get_extractor("lite0")
    found = benchmark.pedantic(extractor.features, (images,), rounds=3, warmup_rounds=1)
    assert found.shape == (160, 1280)
