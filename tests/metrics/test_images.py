from __future__ import annotations

import numpy as np
import pytest
import torch

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.images import check_images, quantise, resize_pil
from tests.metrics.factory import make_images


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((2, 3, 8, 8), np.float32), "expected a torch tensor, got ndarray"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.float64), "expected float32, got torch.float64"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "expected float32, got torch.uint8"),
        (torch.zeros(3, 8, 8), r"got \[3, 8, 8\]"),
        (torch.zeros(2, 2, 8, 8), r"got \[2, 2, 8, 8\]"),
        (torch.zeros(0, 3, 8, 8), "N >= 1"),
        (torch.full((2, 3, 8, 8), 255.0), r"must lie in \[-1, 1\], found \[255, 255\]"),
        (torch.full((2, 3, 8, 8), -1.01), r"must lie in \[-1, 1\]"),
    ],
)
def test_unfit_images_are_refused_with_a_reason(images: object, says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_images(images)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused_and_located(bad: float) -> None:
    images = torch.zeros(5, 3, 8, 8)
    images[3, 1, 2, 2] = bad
    with pytest.raises(UserError, match="1 of 5 hold values that are not finite, the first is number 3"):
        check_images(images)


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
