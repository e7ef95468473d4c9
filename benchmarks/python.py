"""The scores as plain functions, for notebooks and scripts: ``retable.fid(a, b)``.

A set of images is a path (a folder, a .zip, or an .npz of uint8 ``[N, H, W, 3]``), a NumPy array of uint8
``[N, H, W, 3]``, or a tensor of float32 ``[N, 1 or 3, H, W]`` in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retable.benchmarks.metrics.image_sets import ImageSet
    from retable.reports.records.score import Score

Images = Any
"""A path, an array or a tensor, as above."""


def score(
    fake: Images,
    real: Images,
    metrics: Sequence[str] = ("fid", "kid", "precision_recall", "density_coverage"),
    *,
    extractor: str = "lite0",
    cache: str | Path | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> list[Score]:
    """Scores of one set of images against another, with their protocols; what ``retable score`` prints.

    Args:
        fake: the generated images.
        real: what they are compared with; for ``intra_lpips`` and ``nearest_shot`` the images that were learned from.
        metrics: of ``METRICS`` in :mod:`retable.benchmarks.metrics.two_sets`.
        extractor: the network that looks at the images.
        cache: folder that keeps features by the images' content.
        device: where the network runs.
        seed: of KID's subsets.

    Raises:
        UserError: images or names that do not fit; the message says what to do.
        DataError: an image that cannot be read, by name.
    """
    from retable.benchmarks.metrics.two_sets import score_sets

    folder = None if cache is None else Path(cache)
    return score_sets(_images(fake), _images(real), metrics, extractor, cache=folder, device=device, seed=seed)


def fid(fake: Images, real: Images, *, extractor: str = "lite0", device: str = "cpu") -> float:
    """Fréchet distance of two sets of images, >= 0, lower is better (:mod:`retable.benchmarks.metrics.fid`)."""
    return score(fake, real, ["fid"], extractor=extractor, device=device)[0].value


def kid(fake: Images, real: Images, *, extractor: str = "lite0", device: str = "cpu", seed: int = 0) -> float:
    """Kernel distance of two sets of images, lower is better; not x 1000 (:mod:`retable.benchmarks.metrics.kid`)."""
    return score(fake, real, ["kid"], extractor=extractor, device=device, seed=seed)[0].value


def lpips(x: Images, y: Images, *, trunk: str = "lite0", device: str = "cpu") -> NDArray[np.float64]:
    """LPIPS of every image to its counterpart, ``[N]``, lower is closer (:mod:`retable.benchmarks.metrics.lpips`)."""
    from retable.benchmarks.metrics.lpips import lpips_pair
    from retable.benchmarks.metrics.networks.trunks import get_trunk

    return lpips_pair(_images(x).whole(), _images(y).whole(), get_trunk(trunk, device))


def _images(given: Images) -> ImageSet:
    from retable.benchmarks.metrics.image_sets import images_in, open_images

    return open_images(Path(given).expanduser()) if isinstance(given, str | Path) else images_in(given)
