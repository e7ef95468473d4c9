"""The nearest shot against the loop over pairs, and what counts as a copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from retable.benchmarks.metrics.lpips import EQUAL, lpips_diversity, lpips_pair
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.nearest_shot import TOLERANCE, TWIN, nearest, strangers
from retable.benchmarks.metrics.networks.trunks import Trunk, get_trunk
from retable.reports.records.score import Score
from tests.metrics.factory import make_images


def by_pairs(images: Tensor, shots: Tensor, trunk: Trunk) -> list[float]:
    both = torch.cat([shots, shots.flip(3)])
    return [min(float(lpips_pair(x[None], shot[None], trunk)[0]) for shot in both) for x in images]


def saved_anew(images: Tensor) -> Tensor:
    """What is left of images at half their width and height, enlarged again."""
    small = interpolate(images, scale_factor=0.5, mode="bicubic", antialias=True)
    return interpolate(small, scale_factor=2, mode="bicubic").clamp(-1, 1)


def asked(samples: Tensor, shots: Tensor, others: Tensor | None, folder: Path | None = None) -> dict[str, Score]:
    """Scores by ``NAME REQUEST``."""
    yardstick = None if others is None else Answer("reference", others)
    answer, reference = Answer("samples", samples), Answer("shots", shots)
    scores = measure(Question("nearest_shot", answer, reference=reference, yardstick=yardstick, cache=folder))
    return {f"{score.name} {score.slice['request']}": score for score in scores}


def test_does_not_depend_on_batches_or_the_order_of_either_set() -> None:
    trunk, images, shots = get_trunk("lite0"), make_images(20, seed=1), make_images(5, seed=2)
    found = nearest(images, shots, trunk)
    np.testing.assert_allclose(nearest(images.flip(0), shots.flip(0), trunk)[::-1], found, rtol=TOLERANCE.relative)
    alone = np.concatenate([nearest(image[None], shots, trunk) for image in images])
    np.testing.assert_allclose(alone, found, rtol=TOLERANCE.relative)


def test_shots_and_mirrored_shots_are_at_distance_zero_and_changed_ones_are_not() -> None:
    trunk, shots = get_trunk("lite0"), make_images(5)
    touched = shots.clone()
    touched[:, :, 10:14, 10:14] *= 0.9
    for same in (shots.flip(0), shots.flip(3)):
        assert (nearest(same, shots, trunk) <= EQUAL).all()
    for other in (touched, shots.flip(2)):
        assert (nearest(other, shots, trunk) > EQUAL).all()


def test_shots_and_what_is_nearer_than_a_twentieth_of_their_diversity_are_no_strangers() -> None:
    trunk, shots = get_trunk("lite0"), make_images(5)
    bound = TWIN * lpips_diversity(shots, trunk)
    assert strangers(np.array([0.0, EQUAL, 0.99 * bound, 1.01 * bound, 9.0]), shots, trunk) == pytest.approx(
        [1.01 * bound, 9.0]
    )
    assert list(strangers(np.array([0.0, EQUAL, 0.5]), shots[:1], trunk)) == [0.5]


def test_repeated_shots_are_all_copies_and_fresh_images_are_few() -> None:
    shots, others, fresh = make_images(4, seed=2), make_images(40, seed=3), make_images(20, seed=4)
    repeated = torch.cat([shots, shots.flip(3)])
    for copies in (repeated, repeated * 0.99):
        assert asked(copies, shots, others)["copies.lite0 samples"].value == 1.0
    assert asked(fresh, shots, others)["copies.lite0 samples"].value <= 0.1


def test_mirrored_and_saved_shots_in_the_yardstick_change_no_score() -> None:
    shots, others, samples = (make_images(n, side=256, seed=n) for n in (3, 7, 5))
    plain = asked(samples, shots, others)
    for twins in (shots, shots.flip(3), saved_anew(shots), saved_anew(shots.flip(3))):
        found = asked(samples, shots, torch.cat([twins, others]))
        assert {key: score.value for key, score in found.items()} == {
            key: pytest.approx(score.value, rel=TOLERANCE.relative) for key, score in plain.items()
        }


def test_where_the_yardstick_is_the_shots_or_missing_there_are_no_copies_but_a_nearest_shot() -> None:
    shots, samples = make_images(4, side=256, seed=2), make_images(3, side=256, seed=3)
    for yardstick in (shots, shots.flip(0, 3), saved_anew(shots), None):
        assert list(asked(samples, shots, yardstick)) == ["nearest_shot.lite0 samples"]


def test_scores_of_samples_and_yardstick_follow_from_the_loop_over_pairs() -> None:
    trunk, shots = get_trunk("lite0"), make_images(3, seed=2)
    samples, others = make_images(8, seed=3), torch.cat([shots[:1], shots[1:2].flip(3), make_images(8, seed=4)])
    ours, theirs = np.array(by_pairs(samples, shots, trunk)), np.array(by_pairs(others, shots, trunk))[2:]
    whose = "10 of reference without shots and twins (<= 0.05 of the shots' diversity)"
    found = asked(samples, shots, others)
    assert {key: score.value for key, score in found.items()} == {
        "nearest_shot.lite0 samples": pytest.approx(ours.mean(), rel=TOLERANCE.relative),
        "nearest_shot.lite0 reference": pytest.approx(theirs.mean(), rel=TOLERANCE.relative),
        "copies.lite0 samples": pytest.approx((ours < np.percentile(theirs, 1)).mean()),
    }
    assert {key: (score.direction, score.protocol.detail) for key, score in found.items()} == {
        "nearest_shot.lite0 samples": ("none", "mirrored"),
        "nearest_shot.lite0 reference": ("none", f"mirrored, {whose}"),
        "copies.lite0 samples": ("lower", f"mirrored, below p1 of {whose}"),
    }
    assert {score.protocol.n_real for score in found.values()} == {3}
