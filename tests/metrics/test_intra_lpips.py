"""Intra-cluster LPIPS against its definition, and on sets whose answer is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from retable.benchmarks.metrics.intra_lpips import TOLERANCE, intra_lpips
from retable.benchmarks.metrics.lpips import lpips_pair
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.networks.trunks import get_trunk
from tests.metrics.factory import make_images


def distance(one: Tensor, other: Tensor) -> float:
    return float(lpips_pair(one[None], other[None], get_trunk("lite0"))[0])


def by_definition(images: Tensor, shots: Tensor) -> tuple[float, int]:
    clusters: dict[int, list[Tensor]] = {}
    for image in images:
        nearest = int(np.argmin([distance(image, shot) for shot in shots]))
        clusters.setdefault(nearest, []).append(image)
    means = [np.mean([distance(*two) for two in combinations(one, 2)]) for one in clusters.values() if len(one) > 1]
    return float(np.mean(means)), len(means)


def test_equals_the_definition_in_any_order() -> None:
    images, shots = make_images(14), make_images(4, seed=3)
    expected, clusters = by_definition(images, shots)
    for some in (images, images.flip(0)):
        value, found = intra_lpips(some, shots, get_trunk("lite0"))
        assert value == pytest.approx(expected, rel=TOLERANCE.relative)
        assert found == clusters > 1


def test_copies_of_the_shots_have_none_however_varied_the_shots_are() -> None:
    shots = make_images(5, seed=3)
    value, clusters = intra_lpips(shots.repeat(4, 1, 1, 1), shots, get_trunk("lite0"))
    assert value == pytest.approx(0, abs=1e-8)
    assert clusters == 5
    assert intra_lpips(shots, shots, get_trunk("lite0")) == (0.0, 0), "a cluster of one image has no pairs"


def test_where_no_cluster_has_a_pair_nothing_is_scored() -> None:
    shots = make_images(5, seed=3)
    assert measure(Question("intra_lpips", Answer("samples", shots), reference=Answer("shots", shots))) == []


def test_the_score_says_how_many_clusters_had_a_pair() -> None:
    shots = make_images(5, seed=3)
    answer = Answer("samples", torch.cat([shots[:1], shots[:1], shots[1:2]]))
    (score,) = measure(Question("intra_lpips", answer, reference=Answer("shots", shots)))
    assert (score.name, score.direction) == ("intra_lpips.lite0", "higher")
    assert (score.protocol.detail, score.protocol.n_real, score.protocol.n_fake) == ("1 of 5 clusters", 5, 3)
