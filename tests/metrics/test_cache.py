"""What was seen once is not looked at again, and a cache changes no score."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retable.benchmarks.metrics import cache
from retable.benchmarks.metrics.cache import cache_key, cached_features, cached_spatial
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.networks.extractors import Extractor, get_extractor
from retable.benchmarks.metrics.networks.trunks import Trunk, get_trunk
from retable.datasets.errors import DataError
from tests.metrics.factory import answer, forget, make_images
from tests.metrics.test_nearest_shot import asked


def looks(patch: pytest.MonkeyPatch, owner: type = Trunk, name: str = "embed") -> list[int]:
    """Grows by the number of images whenever a trunk's network is applied; fits sets of one batch."""
    seen: list[int] = []
    method = getattr(owner, name)
    patch.setattr(owner, name, lambda self, images: (seen.append(len(images)), method(self, images))[1])
    return seen


def kept(folder: Path) -> list[Path]:
    return list(folder.glob("*.safetensors"))


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of images whenever an extractor looks at some."""
    return looks(monkeypatch, Extractor, "look")


def test_reference_features_are_computed_once_over_processes_unless_their_file_is_damaged(
    tmp_path: Path, looked: list[int]
) -> None:
    images = make_images(3)
    first = cached_features(images, get_extractor("lite0"), tmp_path)
    forget()
    np.testing.assert_array_equal(cached_features(images.clone(), get_extractor("lite0"), tmp_path), first)
    assert looked == [3]
    (file,) = kept(tmp_path)
    flipped = bytearray(whole := file.read_bytes())
    flipped[-100] ^= 64
    for damage in (whole[:-50], b"", b"\x80\x04K\x01.", bytes(flipped)):
        file.write_bytes(damage)
        forget()
        np.testing.assert_array_equal(cached_features(images, get_extractor("lite0"), tmp_path), first)
    forget()
    cached_features(images, get_extractor("lite0"), tmp_path)
    assert looked == [3] * 5  # the one that was made last is sound


def test_an_unusable_cache_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot use the data cache .*file.*choose another folder"):
        cached_features(make_images(2), get_extractor("lite0"), tmp_path / "file")


def test_one_pass_gives_pooled_and_spatial_features(tmp_path: Path, looked: list[int]) -> None:
    images, lite0 = make_images(3), get_extractor("lite0")
    found = cached_features(images, lite0, tmp_path), cached_spatial(images, lite0, tmp_path)
    assert looked == [3]
    assert len(kept(tmp_path)) == 1
    for one, expected in zip(found, lite0.look(images), strict=True):
        np.testing.assert_array_equal(one, expected)


def test_the_key_covers_everything_that_changes_features() -> None:
    e, images = get_extractor("lite0"), make_images(3)
    changed = images.clone()
    changed[2, 0, 0, 0] += 1e-6
    others = [cache_key("features", e, x) for x in (changed, images.flip(0), images.reshape(3, 3, 16, 64))]
    changes = ({"name": "other"}, {"digest": "0" * 64}, {"resize": "bicubic-64"}, {"device": "cuda"})
    others += [cache_key("features", replace(e, **change), images) for change in changes]  # type: ignore[arg-type]
    key = cache_key("features", e, images)
    assert len({key, cache_key("nearest", e, images), *others}) == 9
    assert cache_key("features", e, images.clone()) == key


def test_measuring_with_a_cache_gives_the_same_score(tmp_path: Path) -> None:
    scores = []
    for folder in (None, tmp_path, tmp_path):
        forget()
        scores.append(measure(Question("fid", answer(), reference=answer(9, 1), cache=folder)))
    assert scores[0] == scores[1] == scores[2]
    assert len(kept(tmp_path)) == 1  # the reference's only: answers are not worth keeping


def test_the_yardstick_is_measured_once_over_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, shots, others = (make_images(3, seed=seed) for seed in (1, 2, 3))
    first = asked(samples, shots, others, tmp_path)
    forget()
    looked = looks(monkeypatch)
    assert asked(samples[:2], shots, others, tmp_path)["copies.lite0 samples"].protocol.n_fake == 2
    assert looked == [3, 3, 2]  # the shots, mirrored, and the samples
    forget()
    assert asked(samples, shots, others, tmp_path) == first
    assert len(kept(tmp_path)) == 1
    asked(samples, shots[:2], others, tmp_path)
    assert len(kept(tmp_path)) == 2  # other shots, other distances


def test_metrics_of_the_same_images_share_one_pass_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, shots, others = (make_images(n, seed=n) for n in (5, 2, 3))
    alone = asked(samples, shots, others)
    forget()
    looked = looks(monkeypatch)
    measure(Question("lpips_diversity", Answer("samples", samples), yardstick=Answer("shots", shots)))
    assert asked(samples.clone(), shots, others) == alone
    assert looked == [5, 2, 2, 3]  # the mirrored shots are new


def test_too_many_images_are_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    few = get_trunk("lite0").embed(make_images(3)).nbytes
    monkeypatch.setattr(cache, "EMBEDDED_BYTES", few)
    looked = looks(monkeypatch)
    for n in (4, 4, 3, 3, 2, 3):
        measure(Question("lpips_diversity", Answer("samples", make_images(n))))
    assert looked == [4, 4, 3, 2, 3]  # four are too many, and two make room for themselves
