from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.lpips import TOLERANCE, lpips_diversity, lpips_pair
from retable.benchmarks.metrics.networks import trunks
from retable.benchmarks.metrics.networks.trunks import Trunk, get_trunk
from tests.metrics.factory import lpips_package, make_images, name_by_digest

GetTrunk = Callable[[str], tuple[Trunk, Path]]


@pytest.mark.parametrize("name", ["alex", "vgg", "squeeze"])
def test_equals_the_lpips_package_on_the_same_trunk_weights(name: str, random_trunk: GetTrunk) -> None:
    trunk, weights = random_trunk(name)
    x, y = make_images(4, 64, seed=1), make_images(4, 64, seed=2)
    with torch.inference_mode():
        theirs = lpips_package(name, weights)(x, y).flatten().numpy()
    np.testing.assert_allclose(lpips_pair(x, y, trunk), theirs, rtol=TOLERANCE.relative)


def test_lite0_is_the_papers_equation_with_all_heads_at_one() -> None:
    trunk = get_trunk("lite0")
    x, y = make_images(3, seed=1), make_images(3, seed=2)
    expected = torch.zeros(3)
    with torch.inference_mode():
        for a, b in zip(trunk.maps(x), trunk.maps(y), strict=True):
            gap = torch.nn.functional.normalize(a, dim=1) - torch.nn.functional.normalize(b, dim=1)
            expected += gap.square().sum(dim=1).mean(dim=(1, 2))
    np.testing.assert_allclose(lpips_pair(x, y, trunk), expected.numpy(), rtol=TOLERANCE.relative)
    assert (trunk.name, trunk.resize) == ("lite0", "bicubic-96")


def test_diversity_equals_the_loop_over_pairs_in_any_order() -> None:
    trunk, x = get_trunk("lite0"), make_images(9)
    loop = [lpips_pair(x[i : i + 1], x[j : j + 1], trunk)[0] for i, j in itertools.combinations(range(9), 2)]
    for images in (x, x.flip(0)):
        assert lpips_diversity(images, trunk) == pytest.approx(np.mean(loop), rel=TOLERANCE.relative)


def test_equal_images_are_at_distance_zero() -> None:
    trunk, x = get_trunk("lite0"), make_images(1)
    assert lpips_pair(x, x, trunk) == [0.0]
    assert lpips_diversity(x.expand(5, -1, -1, -1), trunk) == pytest.approx(0.0, abs=1e-10)


def test_distance_and_diversity_grow_with_the_difference_and_the_distance_is_symmetric() -> None:
    trunk, x, y = get_trunk("lite0"), make_images(4, seed=1), make_images(4, seed=2)
    far = lpips_pair(x, y, trunk)
    np.testing.assert_allclose(far, lpips_pair(y, x, trunk), rtol=TOLERANCE.relative)
    assert (lpips_pair(x, torch.lerp(x, y, 0.1), trunk) < far).all()
    assert lpips_diversity(torch.lerp(x, x[:1], 0.7), trunk) < lpips_diversity(x, trunk)


def test_digests_tell_trunks_apart_and_the_packages_trunks_need_32_pixels(random_trunk: GetTrunk) -> None:
    digests = {random_trunk(name)[0].digest for name in ("alex", "squeeze")} | {get_trunk("lite0").digest}
    assert len(digests) == 3
    assert all(len(digest) == 64 for digest in digests)
    with pytest.raises(UserError, match="at least 32 x 32 pixels"):
        lpips_diversity(make_images(2, 16), random_trunk("alex")[0])


def test_damaged_other_missing_and_unknown_trunks_are_refused_with_the_way_out(
    trunk_files: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trunk_files("squeeze")
    (tmp_path / whole.name).write_bytes(whole.read_bytes()[:-100])
    other = name_by_digest({"features.0.bias": torch.zeros(3)}, tmp_path, "alex")
    monkeypatch.setenv("RETABLE_WEIGHTS", str(tmp_path))
    for name, file in (("squeeze", whole.name), ("alex", other.name)):
        monkeypatch.setitem(trunks.TRUNKS, name, file)
    for name, says in (
        ("squeeze", "not the file it should be"),
        ("alex", "does not hold torchvision's weights for 'alex'"),
        ("vgg", r"'vgg' has no weights: vgg16-397923af\.pth.*RETABLE_WEIGHTS.*'lite0'"),
        ("squeezenet", "did you mean 'squeeze'"),
    ):
        with pytest.raises(UserError, match=says):
            get_trunk(name)
