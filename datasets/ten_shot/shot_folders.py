"""A user's own ten images on disk: ``shots`` to learn from, ``reference`` to compare with.

``source-near`` and ``source-far`` beside them are what CDC's source generators learn from; they may be missing. Files
are read through the cache under the SHA-256 of their bytes, so a changed picture is noticed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from retable.datasets.errors import DataError
from retable.datasets.files import Findings, expect_folder, hint, hinted, lookup, meant, not_there
from retable.datasets.images import READER, image_files, left_out, read_image, square, too_few
from retable.datasets.inspection import Inspection
from retable.datasets.shards import Shards, sharded
from retable.datasets.ten_shot.settings import NEIGHBOURS, TenShotSettings
from retable.datasets.ten_shot.shots import COMPARED_AT, duplicate_of, duplicates

SHOTS, REFERENCE = "shots", "reference"
FOLDERS = {SHOTS: "images to learn from", REFERENCE: "images to compare with"}
LEAST = 2
"""Fewest images of a folder: nothing can be mixed of one, and a Fréchet or kernel distance needs two."""
LEAST_OF = {REFERENCE: NEIGHBOURS, "source-near": 2 * LEAST, "source-far": 2 * LEAST}
"""Where more than that are needed."""
MAY_BE_MISSING = {
    "source-near": "images of a similar domain, for CDC's source generator",
    "source-far": "images of an unlike domain, for CDC's source generator",
}


def is_layout(root: Path) -> bool:
    """Whether a folder ``shots`` is there, in capitals or not."""
    found = lookup(root, SHOTS) if root.is_dir() else None
    return found is not None and found.is_dir()


def require(root: Path, shots: int = LEAST) -> None:
    """Check that both folders hold enough images, without reading any.

    Raises:
        DataError: the first that does not, by name.
    """
    expect_folder(root, " and ".join(FOLDERS))
    for name in FOLDERS:
        lack = _lack(root, name, shots if name == SHOTS else LEAST_OF.get(name, LEAST))
        if lack is not None:
            raise DataError(f"{root / name}: {lack}; {hint(root)}")


def files_of(root: Path, name: str) -> list[Path]:
    """The images of one folder, sorted; none where there is no such folder."""
    return image_files(root / name) if (root / name).is_dir() else []


def read(
    files: Sequence[Path], root: Path, name: str, size: int, cache: Path, tell: Callable[[int], None] | None = None
) -> Shards:
    """Images of whatever sizes, each as its centre square, resized with anti-aliasing.

    Args:
        files: at least one.
        root: the folder that errors send the user to.
        name: readable start of the cache's file names.
        size: height and width in pixels.
        cache: the cache's folder.
        tell: told the number of images done after every shard.

    Raises:
        DataError: one of them cannot be read.
    """
    key = {"reader": READER, "size": size}
    with hinted(root):
        return sharded(cache, name, key, files, lambda path: square(read_image(path), size), 3 * size * size, tell)


def check(root: Path) -> Findings:
    """Read everything and say what is there, what is missing and which images cannot be read."""
    found: list[str] = []
    missing: list[str] = []
    problems: list[str] = []
    look = Inspection(root, problems)
    for name, words in {**FOLDERS, **MAY_BE_MISSING}.items():
        least = LEAST_OF.get(name, LEAST)
        lack = _lack(root, name, least)
        files = files_of(root, name)
        if lack is not None and (name in FOLDERS or files):
            missing.append(f"{name} ({words}): {lack}")
        sound, squares, sizes = [], [], Counter[tuple[int, int]]()
        for path, image in look.images(files, name):
            sizes[image.shape[2], image.shape[1]] += 1
            sound.append(path)
            if name == SHOTS:
                squares.append(square(image, COMPARED_AT))
        if files:
            found.append(f"{name:<12}{len(sound):>8,} readable images{_sizes(sizes)}")
            if lack is None and len(sound) < least:
                missing.append(f"{name} ({words}): {len(sound)} readable, {least} needed")
        elif name in MAY_BE_MISSING:
            found.append(f"{name:<12}    none: {_instead(root, name)}")
        if squares:
            found_twice = duplicates(sound, torch.stack(squares))
            problems += [f"{other.relative_to(root)}: {duplicate_of(root, one)}" for one, other in found_twice]
    found += left_out(root / name for name in (*FOLDERS, *MAY_BE_MISSING))
    wanted = TenShotSettings().shots
    scarce = [] if missing or (lack := _lack(root, SHOTS, wanted)) is None else [f"{SHOTS}: {lack}"]
    return Findings(found, missing, problems, look.notes(), scarce)


def _instead(root: Path, name: str) -> str:
    what = "drawn photographs" if name == "source-near" else "drawn street digits"
    other = meant(root, name, (*FOLDERS, *MAY_BE_MISSING)) if root.is_dir() else None
    words = f" (there is {other.name}: rename it if it is meant)" if other is not None else ""
    return f"CDC's source generator learns from {what}{words}"


def _sizes(sizes: Counter[tuple[int, int]]) -> str:
    if not sizes:
        return ""
    if len(sizes) == 1:
        (width, height) = next(iter(sizes))
        return f", all of {width} x {height}"
    least, *_, most = sorted(sizes, key=lambda size: (min(size), max(size)))
    return f" of {len(sizes)} sizes, {least[0]} x {least[1]} to {most[0]} x {most[1]}: centre squares, resized"


def _lack(root: Path, name: str, least: int) -> str | None:
    """What a folder lacks before any image is read, or ``None``."""
    if (root / name).is_dir():
        lack, count = too_few(root / name, least), len(image_files(root / name))
        fewer = f"; add some, or ask for fewer by task.shots={count}" if name == SHOTS and count >= LEAST else ""
        return f"{lack}{fewer}" if lack else None
    return not_there(name, meant(root, name, (*FOLDERS, *MAY_BE_MISSING)))
