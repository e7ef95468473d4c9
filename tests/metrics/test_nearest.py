"""The nearest shot against the loop over pairs, and what counts as a copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics import features
from retable.benchmarks.metrics.lpips import lpips_diversity, lpips_pair
from retable.benchmarks.metrics.measure import Answer, measure
from retable.benchmarks.metrics.nearest import EQUAL, TWIN, copies, nearest, strangers, threshold
from retable.benchmarks.metrics.trunks import Trunk, get_trunk
from retable.reports.records.score import Score
from tests.metrics.factory import make_images


def by_pairs(images: Tensor, shots: Tensor, trunk: Trunk) -> list[float]:
    both = torch.cat([shots, shots.flip(3)])
    return [min(float(lpips_pair(x[None], shot[None], trunk)[0]) for shot in both) for x in images]


def saved_anew(images: Tensor) -> Tensor:
    """What is left of images at half their width and height, enlarged again."""
    small = interpolate(images, scale_factor=0.5, mode="bicubic", antialias=True)
    return interpolate(small, scale_factor=2, mode="bicubic").clamp(-1, 1)


def forget() -> None:
    """As if a new process began."""
    features._RECENT.clear()
    features._EMBEDDED.clear()


def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of images whenever a trunk's network is applied; fits sets of one batch."""
    seen: list[int] = []
    embed = Trunk.embed
    monkeypatch.setattr(Trunk, "embed", lambda self, images: (seen.append(len(images)), embed(self, images))[1])
    return seen


def asked(samples: Tensor, shots: Tensor, others: Tensor | None, cache: Path | None = None) -> dict[str, Score]:
    """Scores by ``NAME REQUEST``."""
    scores = measure(
        "nearest_shot",
        Answer("samples", samples),
        reference=Answer("shots", shots),
        yardstick=None if others is None else Answer("reference", others),
        cache=cache,
    )
    return {f"{score.name} {score.slice['request']}": score for score in scores}


def test_equals_the_loop_over_pairs() -> None:
    trunk, images, shots = get_trunk("lite0"), make_images(6, seed=1), make_images(4, seed=2)
    np.testing.assert_allclose(nearest(images, shots, trunk), by_pairs(images, shots, trunk), rtol=1e-5)


def test_does_not_depend_on_batches_or_the_order_of_either_set() -> None:
    trunk, images, shots = get_trunk("lite0"), make_images(20, seed=1), make_images(5, seed=2)
    found = nearest(images, shots, trunk)
    np.testing.assert_allclose(nearest(images.flip(0), shots.flip(0), trunk)[::-1], found, rtol=1e-5)
    alone = np.concatenate([nearest(image[None], shots, trunk) for image in images])
    np.testing.assert_allclose(alone, found, rtol=1e-5)


def test_a_shot_is_at_distance_zero_and_a_changed_one_is_not() -> None:
    trunk, shots = get_trunk("lite0"), make_images(5)
    touched = shots.clone()
    touched[:, :, 10:14, 10:14] *= 0.9
    assert (nearest(shots.flip(0), shots, trunk) <= EQUAL).all()
    assert (nearest(touched, shots, trunk) > EQUAL).all()


def test_a_mirrored_shot_is_at_distance_zero() -> None:
    trunk, shots = get_trunk("lite0"), make_images(5)
    assert (nearest(shots.flip(3), shots, trunk) <= EQUAL).all()
    assert (nearest(shots.flip(2), shots, trunk) > EQUAL).all()


def test_the_threshold_is_the_first_percentile() -> None:
    others = np.arange(1, 101) / 100
    assert threshold(others) == np.percentile(others, 1)


def test_shots_and_what_is_nearer_than_a_twentieth_of_their_diversity_are_no_strangers() -> None:
    trunk, shots = get_trunk("lite0"), make_images(5)
    bound = TWIN * lpips_diversity(shots, trunk)
    assert strangers(np.array([0.0, EQUAL, 0.99 * bound, 1.01 * bound, 9.0]), shots, trunk) == pytest.approx(
        [1.01 * bound, 9.0]
    )
    assert list(strangers(np.array([0.0, EQUAL, 0.5]), shots[:1], trunk)) == [0.5]


def test_one_who_repeats_shots_and_mirrored_shots_has_copies_alone() -> None:
    shots, others = make_images(4, seed=2), make_images(40, seed=3)
    repeated = torch.cat([shots, shots.flip(3)])
    assert asked(repeated, shots, others)["copies.lite0 samples"].value == 1.0
    assert asked(repeated * 0.99, shots, others)["copies.lite0 samples"].value == 1.0


def test_mirrored_and_saved_shots_in_the_yardstick_change_no_score() -> None:
    shots, others, samples = (make_images(n, side=256, seed=n) for n in (3, 7, 5))
    plain = asked(samples, shots, others)
    for twins in (shots, shots.flip(3), saved_anew(shots), saved_anew(shots.flip(3))):
        found = asked(samples, shots, torch.cat([twins, others]))
        assert {key: score.value for key, score in found.items()} == {
            key: pytest.approx(score.value, rel=1e-5) for key, score in plain.items()
        }


def test_where_the_yardstick_is_the_shots_there_are_no_copies_but_a_nearest_shot() -> None:
    shots, samples = make_images(4, side=256, seed=2), make_images(3, side=256, seed=3)
    for yardstick in (shots, shots.flip(0, 3), saved_anew(shots)):
        assert list(asked(samples, shots, yardstick)) == ["nearest_shot.lite0 samples"]


def test_copies_are_those_nearer_than_the_limit() -> None:
    assert copies(np.array([0.0, 0.1, 0.2, 0.3]), 0.2) == 0.5
    assert copies(np.array([0.2, 0.3]), 0.2) == 0.0


def test_repeated_shots_are_all_copies_and_fresh_images_are_few() -> None:
    shots, others, fresh = make_images(4, seed=2), make_images(40, seed=3), make_images(20, seed=4)
    blurred = shots.repeat(5, 1, 1, 1) * 0.99
    assert asked(blurred, shots, others)["copies.lite0 samples"].value == 1.0
    assert asked(fresh, shots, others)["copies.lite0 samples"].value <= 0.1


def test_scores_of_samples_and_yardstick_follow_from_the_distances() -> None:
    trunk, shots = get_trunk("lite0"), make_images(3, seed=2)
    samples, others = make_images(8, seed=3), torch.cat([shots[:1], shots[1:2].flip(3), make_images(8, seed=4)])
    ours, theirs = np.array(by_pairs(samples, shots, trunk)), np.array(by_pairs(others, shots, trunk))[2:]
    whose = "10 of reference without shots and twins (<= 0.05 of the shots' diversity)"
    found = asked(samples, shots, others)
    assert {key: score.value for key, score in found.items()} == {
        "nearest_shot.lite0 samples": pytest.approx(ours.mean(), rel=1e-5),
        "nearest_shot.lite0 reference": pytest.approx(theirs.mean(), rel=1e-5),
        "copies.lite0 samples": pytest.approx((ours < np.percentile(theirs, 1)).mean()),
    }
    assert {key: (score.direction, score.protocol.detail) for key, score in found.items()} == {
        "nearest_shot.lite0 samples": ("none", "mirrored"),
        "nearest_shot.lite0 reference": ("none", f"mirrored, {whose}"),
        "copies.lite0 samples": ("lower", f"mirrored, below p1 of {whose}"),
    }
    assert {score.protocol.n_real for score in found.values()} == {3}


def test_without_a_yardstick_nothing_is_called_a_copy() -> None:
    assert list(asked(make_images(3), make_images(2, seed=1), None)) == ["nearest_shot.lite0 samples"]


def test_the_yardstick_is_measured_once_over_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, shots, others = (make_images(3, seed=seed) for seed in (1, 2, 3))
    first = asked(samples, shots, others, tmp_path)
    forget()
    looked = looks(monkeypatch)
    assert asked(samples[:2], shots, others, tmp_path)["copies.lite0 samples"].protocol.n_fake == 2
    assert looked == [3, 3, 2]  # the shots, mirrored, and the samples
    forget()
    assert asked(samples, shots, others, tmp_path) == first
    assert len(list(tmp_path.iterdir())) == 1
    asked(samples, shots[:2], others, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # other shots, other distances


def test_metrics_of_the_same_images_share_one_pass_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, shots, others = (make_images(n, seed=n) for n in (5, 2, 3))
    alone = asked(samples, shots, others)
    forget()
    looked = looks(monkeypatch)
    measure("lpips_diversity", Answer("samples", samples), yardstick=Answer("shots", shots))
    assert asked(samples.clone(), shots, others) == alone
    assert looked == [5, 2, 2, 3]  # the mirrored shots are new


def test_too_many_images_are_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    few = get_trunk("lite0").embed(make_images(3)).nbytes
    monkeypatch.setattr(features, "EMBEDDED_BYTES", few)
    looked = looks(monkeypatch)
    for n in (4, 4, 3, 3, 2, 3):
        measure("lpips_diversity", Answer("samples", make_images(n)))
    assert looked == [4, 4, 3, 2, 3]  # four are too many, and two make room for themselves


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(UserError, match="images of one size"):
        nearest(make_images(2), make_images(2, 64), get_trunk("lite0"))
