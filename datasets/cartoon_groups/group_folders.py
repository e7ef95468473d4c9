"""The paper's data set on disk: ``{woman,man,kids,old}/{trainA,trainB,testA,testB}``, A photos and B cartoons.

Files are read through the cache under the SHA-256 of their bytes: a changed picture is noticed, and a folder that was
copied or touched is not decoded again.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from retable.datasets import cache
from retable.datasets.errors import DataError
from retable.datasets.files import Findings, expect_folder, hint, hinted, lookup, meant, not_there
from retable.datasets.images import READER, SUFFIXES, image_files, left_out, read_image, square, too_few
from retable.datasets.inspection import Inspection
from retable.datasets.shards import decode, files_digest
from retable.datasets.sources import ImageSet
from retable.datasets.standins.faces.people import GROUPS

FOLDERS = {
    "trainA": "photos to train on",
    "trainB": "cartoons to train on",
    "testA": "photos to test on",
    "testB": "cartoons to compare with",
}
LEAST = {"trainA": 2, "trainB": 1, "testA": 2, "testB": 2}
"""Fewest images of a folder: a Fréchet or kernel distance needs two on either side."""
PAPER = {"A": (1000, 75, 50, 50), "B": (200, 15, 10, 10)}
"""Photos and cartoons of every group in the paper."""


def is_layout(root: Path) -> bool:
    """Whether any group's folder with any of its sub-folders is there, in capitals or not."""
    return root.is_dir() and any(
        lookup(found, sub, Path.is_dir) is not None
        for group in GROUPS
        if (found := lookup(root, group, Path.is_dir)) is not None
        for sub in FOLDERS
    )


def require(root: Path) -> None:
    """Check that all sixteen folders hold enough images, without reading any.

    Raises:
        DataError: the first that does not, by name.
    """
    expect_folder(root, ", ".join(GROUPS))
    for group in GROUPS:
        for sub in FOLDERS:
            lack = _lack(root, group, sub)
            if lack is not None:
                raise DataError(f"{root / group / sub}: {lack}; {hint(root)}")


def read(root: Path, group: str, sub: str, size: int, folder: Path) -> ImageSet:
    """Every image of one sub-folder by file name: its centre square, resized with anti-aliasing.

    Args:
        root: the folder that holds the groups.
        group: one of :data:`GROUPS`.
        sub: one of :data:`FOLDERS`.
        size: height and width in pixels.
        folder: the cache's folder.

    Raises:
        DataError: no folder, no image in it, or one that cannot be read.
    """
    with hinted(root):
        files = image_files(root / group / sub)
        if not files:
            raise DataError(f"{root / group / sub}: no images ({', '.join(SUFFIXES)})")
        key = {"reader": READER, "size": size, "files": files_digest(folder, files)}
        decoded = partial(decode, files, lambda path: square(read_image(path), size))
        entry = cache.cached(folder, f"{group}-{sub}", key, decoded)
    return ImageSet(entry.tensors["images"], entry.digest)


def check(root: Path) -> Findings:
    """Read everything and say in one screen what is there, what is missing and which images cannot be read."""
    missing: list[str] = []
    problems: list[str] = []
    counts = {}
    look = Inspection(root, problems)
    for group in GROUPS:
        for sub in FOLDERS:
            lack = _lack(root, group, sub)
            if lack is not None:
                missing.append(f"{group}/{sub} ({FOLDERS[sub]}): {lack}")
            folder = root / group / sub
            files = image_files(folder) if folder.is_dir() else []
            counts[group, sub] = sum(1 for _ in look.images(files, f"{group}/{sub}"))
            if lack is None and counts[group, sub] < LEAST[sub]:
                missing.append(f"{group}/{sub} ({FOLDERS[sub]}): {counts[group, sub]} readable, {LEAST[sub]} needed")
    more = left_out(root / group / sub for group in GROUPS for sub in FOLDERS)
    return Findings([*_table(counts), *more], missing, problems, look.notes())


def _table(counts: dict[tuple[str, str], int]) -> list[str]:
    head = f"{'readable images':<16}{'trainA':>8}{'testA':>8}{'paper':>8}{'trainB':>10}{'testB':>8}{'paper':>8}"
    lines = [head]
    for i, group in enumerate(GROUPS):
        n = {sub: counts[group, sub] for sub in FOLDERS}
        photos = f"{n['trainA']:>8,}{n['testA']:>8,}{PAPER['A'][i]:>8,}"
        lines.append(f"{group:<16}{photos}{n['trainB']:>10,}{n['testB']:>8,}{PAPER['B'][i]:>8,}")
    return lines


def _lack(root: Path, group: str, sub: str) -> str | None:
    """What a folder lacks before any image is read, or ``None``."""
    if (root / group / sub).is_dir():
        return too_few(root / group / sub, LEAST[sub])
    # "women" is meant for "woman", but "test" may be meant for "testA" or "testB".
    other = meant(root, group, GROUPS, kind=Path.is_dir)
    if other == root / group:
        other = meant(other, sub, FOLDERS, cutoff=0.9, kind=Path.is_dir)
    return not_there(sub, other, root)
