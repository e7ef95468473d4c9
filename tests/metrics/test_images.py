from __future__ import annotations

import numpy as np
import torch

from retable.benchmarks.metrics.images import check_images, quantise, resize_pil
from tests.metrics.factory import make_images


def test_rounding_just_outside_the_range_is_clipped() -> None:
    checked = check_images(torch.tensor([-1.0005, 1.0005]).view(1, 1, 1, 2))
    assert checked.flatten().tolist() == [-1.0, 1.0]


def test_quantising_gives_back_the_bytes_of_a_png() -> None:
    levels = torch.arange(256, dtype=torch.float32)
    assert torch.equal(quantise(levels / 127.5 - 1), levels)


def test_pil_resizer_equals_clean_fids_own() -> None:
    from cleanfid.resize import build_resizer

    image = quantise(make_images(1, 40))
    theirs = build_resizer("clean")(image[0].permute(1, 2, 0).numpy().astype(np.uint8))
    ours = resize_pil(image, 299)[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(ours, theirs)
