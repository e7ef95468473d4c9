"""SVHN, cropped digits (Netzer et al., 2011): 32 x 32 RGB, from the ``.mat`` files in torchvision's layout."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from retable.datasets.download import OFFLINE, save_url
from retable.datasets.errors import DataError
from retable.datasets.files import Findings, open_file
from retable.datasets.sources import LabelledImages

FILES = {"test": "test_32x32.mat", "extra": "extra_32x32.mat"}
"""Split -> file name; 26,032 and 531,131 images. Nothing here learns from the split ``train``."""


def require(folder: Path, splits: tuple[str, ...]) -> None:
    """Check that the files of these splits are there.

    Raises:
        DataError: naming every expected file and the missing ones.
    """
    missing = [FILES[s] for s in splits if not (folder / FILES[s]).is_file()]
    if missing:
        raise DataError(
            f"{folder}: SVHN is not complete: expected {', '.join(FILES[s] for s in splits)}, missing"
            f" {', '.join(missing)}; put SVHN's cropped digits (format 2) there, or leave data_dir out to fetch them"
        )


LEAST = {"test": 2, "extra": 1}
"""Fewest images of a split: a Fréchet or kernel distance needs two."""


def too_few(split: str, count: int) -> str | None:
    """That a split has fewer images than a run needs, or ``None``."""
    if count >= LEAST[split]:
        return None
    return f"{FILES[split]}: {count} image{'s' * (count != 1)}, {LEAST[split]} needed"


def is_layout(folder: Path) -> bool:
    """Whether the file of any split is there."""
    return any((folder / name).is_file() for name in FILES.values())


def check(folder: Path) -> Findings:
    """How many images each split has, which file is missing and which is damaged."""
    found, missing, problems = [], [], []
    scarce: list[str] = []
    seen: dict[str, set[bytes]] = {}
    for split, name in FILES.items():
        if not (folder / name).is_file():
            missing.append(name)
            continue
        try:
            images = load(split, folder).images
        except DataError as error:
            problems.append(str(error))
            continue
        found.append(f"{name} ({len(images):,} images)")
        scarce += filter(None, [too_few(split, len(images))])
        seen[split] = {hashlib.sha256(image.numpy()).digest() for image in images[:]}
    twice = len(set.intersection(*seen.values())) if len(seen) > 1 else 0
    notes = [f"the same image in both files: {twice:,} of them; scores are too good"] if twice else []
    return Findings(found, missing, problems, notes, scarce)


def load(split: str, folder: Path, limit: int = 0) -> LabelledImages:
    """Read one split of SVHN: images ``[N, 3, 32, 32]`` and digits, 0 standing for the digit zero.

    Args:
        split: ``test`` or ``extra``.
        folder: holds the split's ``.mat`` file (:data:`FILES`).
        limit: read only the first ``limit`` images; 0 reads all.

    Raises:
        DataError: the file is missing, cannot be read or does not hold cropped digits.
    """
    from scipy.io import loadmat

    require(folder, (split,))
    path = folder / FILES[split]
    try:
        with open_file(path) as file:
            content = loadmat(file, variable_names=["X", "y"])
        pixels, labels = np.asarray(content["X"]), np.asarray(content["y"]).reshape(-1)
    except DataError:
        raise
    except Exception as error:  # scipy reports a damaged file by nearly any exception
        raise DataError(f"{path}: not a sound SVHN file ({error or type(error).__name__}); fetch it again") from error
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape != (32, 32, 3, len(labels)) or not len(labels):
        raise DataError(
            f"{path}: X is {pixels.dtype} {pixels.shape} for {len(labels)} labels; expected uint8 (32, 32, 3, N), N > 0"
        )
    if not np.isin(labels, np.arange(11)).all():
        raise DataError(f"{path}: y holds labels outside 0 to 10; this is not SVHN")
    keep = limit or len(labels)
    images = torch.from_numpy(np.ascontiguousarray(pixels[..., :keep].transpose(3, 2, 0, 1)))
    # The files write the digit zero as 10, as torchvision's reader also undoes.
    digits = torch.from_numpy(labels[:keep].astype(np.int64) % 10)
    digest = hashlib.sha256(images.numpy().tobytes() + digits.numpy().tobytes()).hexdigest()
    return LabelledImages(images, digits, digest)


def fetch(cache: Path, splits: tuple[str, ...], progress: Callable[[str, int], None] | None = None) -> Path:
    """Have the files of these splits in the cache, from where torchvision fetches them, and return their folder.

    Args:
        cache: the data cache.
        splits: ``test`` (64 MB), ``extra`` (1.3 GB).
        progress: told the split and the bytes done while downloading.

    Raises:
        DataError: a download failed, its content is wrong, or the network is switched off.
    """
    folder = cache / "svhn"
    missing = [split for split in splits if not (folder / FILES[split]).is_file()]
    if not missing:
        return folder
    todo = f"put {', '.join(FILES[s] for s in splits)} into a folder and name it as data_dir"
    if os.environ.get(OFFLINE) == "1":
        raise DataError(f"SVHN is not in {folder} and {OFFLINE}=1 forbids fetching it; {todo}")
    from torchvision.datasets import SVHN

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            for split in missing:
                url, name, md5 = SVHN.split_list[split]
                if not (folder / name).is_file():
                    save_url(url, folder / name, md5, partial(progress, split) if progress else None)
    except DataError as error:
        raise DataError(f"SVHN could not be fetched ({error}); {todo}") from error
    except OSError as error:
        raise DataError(f"cannot use the data cache {folder}: {error.strerror or error}; make it writable") from error
    return folder
