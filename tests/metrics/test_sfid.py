"""Spatial Fréchet distance: it is the Fréchet distance, of the features that its file says, seen in the same pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retable.benchmarks.metrics.fid import frechet_distance
from retable.benchmarks.metrics.measure import Answer, Question, measure
from retable.benchmarks.metrics.networks import lite0
from retable.benchmarks.metrics.networks.extractors import get_extractor
from retable.benchmarks.metrics.sfid import TOLERANCE
from tests.metrics.factory import make_images


def by_hand(images: torch.Tensor) -> np.ndarray:  # type: ignore[type-arg]
    """The first seven channels of what comes out of the eleventh block, image by image."""
    net, rows = lite0.load(lite0.weights_file()), []
    for image in lite0.prepare(images):
        with torch.inference_mode():
            h = torch.nn.functional.relu6(net._bn0(net._conv_stem(image[None])))
            for block in list(net._blocks)[:11]:
                h = block(h)
        assert h.shape == (1, 112, 6, 6)
        rows.append(h[0, :7].reshape(-1).numpy())
    return np.stack(rows)


def test_lite0s_spatial_features_are_seven_channels_of_its_last_map_at_stride_16() -> None:
    images, extractor = make_images(5), get_extractor("lite0")
    found = extractor.look(images)[1]
    assert found.shape == (5, extractor.spatial) == (5, 252)
    np.testing.assert_allclose(found, by_hand(images), atol=lite0.TOLERANCE.absolute)
    assert extractor.spatial_map == "blocks.10[:7]x6x6"


def test_sfid_is_the_frechet_distance_of_the_spatial_features() -> None:
    fake, real = make_images(20, seed=1), make_images(30, seed=2)
    (score,) = measure(Question("sfid", Answer("samples", fake), reference=Answer("reference", real)))
    assert score.value == pytest.approx(frechet_distance(by_hand(fake), by_hand(real)), rel=TOLERANCE.relative)
    assert (score.name, score.direction) == ("sfid.lite0", "lower")
    assert (score.protocol.detail, score.protocol.n_real, score.protocol.n_fake) == ("blocks.10[:7]x6x6", 30, 20)


def test_sfid_sees_where_things_are() -> None:
    extractor, images = get_extractor("lite0"), make_images(24)
    there, elsewhere = (extractor.look(x)[1] for x in (images, images.roll(16, dims=3)))
    assert frechet_distance(elsewhere, there) > 1
