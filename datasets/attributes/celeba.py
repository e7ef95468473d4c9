"""CelebA on disk, in torchvision's layout: faces and forty attributes each, of which StarGAN uses five.

``celeba/list_attr_celeba.txt`` says how many images there are, names the attributes, and has a row of 1 and -1 for
every image of ``celeba/img_align_celeba/`` (178 x 218 pixels). StarGAN (Choi et al., CVPR 2018) crops the centre
178 x 178, resizes it to 128 x 128, tests on 2,000 random images and trains on all others.

Which 2,000 was never published: the authors' shuffle depends on the version of Python. Here the images stand in the
order of the SHA-256 of their file names, which is the same for ever, and the first are the test images. The next ones
are the judges', so training has 12,000 images fewer than the paper's: no image that a judge knows is seen by a method.
CelebA shows most of its people several times and this split, like the paper's, does not keep people apart.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from retable.datasets import cache
from retable.datasets.attributes.celeba_table import BITS, CSV, TABLE, disagreement, read_table, rows_of
from retable.datasets.attributes.requirements import Labels, lacking
from retable.datasets.attributes.settings import AttributesSettings
from retable.datasets.errors import DataError
from retable.datasets.files import Findings, expect_folder, file_digest, hinted, lookup, meant, not_there, refuse, some
from retable.datasets.images import READER, and_links, read_image, square
from retable.datasets.inspection import Inspection
from retable.datasets.sampling import split_by_hash
from retable.datasets.shards import sharded
from retable.datasets.sources import LabelledImages, Progress, Share, counter

NAMES = ("celeba", "CelebA")
FOLDERS = ("img_align_celeba", "images")
"""Torchvision's name of the images' folder, and that of the paper's code."""
SUFFIXES = (".jpg", ".jpeg", ".png")
SHARES = {"test": (2_000, 100), "judge": (10_000, 20), "judge-test": (2_000, 100)}
"""Part -> most images, and one of how many: CelebA reaches every maximum."""
PAPER = 202_599


@dataclass(frozen=True)
class _Survey:
    """A folder, before any image is read."""

    folder: Path
    """That of the images, or where it should be."""
    files: list[str]
    bits: dict[str, tuple[int, ...]]
    missing: list[str]
    problems: list[str]


def is_layout(path: Path) -> bool:
    """Whether a folder ``celeba``, the table of attributes or the aligned images are there, in capitals or not."""
    if not path.is_dir():
        return False
    return any(lookup(path, name) is not None for name in (NAMES[0], TABLE, CSV, FOLDERS[0]))


def require(root: Path) -> None:
    """Check that there is a row for every image and an image for every row, without decoding any.

    Raises:
        DataError: the first thing that is missing or wrong, by name.
    """
    _sound(root)


def read(root: Path, size: int, folder: Path, part: Share, progress: Progress | None = None) -> LabelledImages:
    """The images of one part by file name: the centre square, resized with anti-aliasing, and their five bits.

    Images of the part ``train`` stay in mapped files. Labels are bits ``[N, 5]``: black, blond, brown, male, young.

    Args:
        root: the folder that holds ``celeba``, or is it.
        size: height and width in pixels.
        folder: the cache's folder.
        part: ``train``, ``test``, ``judge`` or ``judge-test``; no two share an image.
        progress: told what is read, how much of it is done, and how much there is.

    Raises:
        DataError: what :func:`require` raises, or an image cannot be read.
    """
    survey = _sound(root)
    names = split(survey.files)[part]
    tell = counter(progress, f"CelebA, {part}", len(names))
    bits = torch.tensor([survey.bits[name] for name in names], dtype=torch.int64)
    files = [survey.folder / name for name in names]
    key = {"reader": READER, "size": size}
    with hinted(root):
        shards = sharded(
            folder, f"celeba-{part}", key, files, lambda path: square(read_image(path), size), 3 * size * size, tell
        )
    digest = hashlib.sha256((shards.digest + cache.content_digest({"bits": bits})).encode()).hexdigest()
    return LabelledImages(shards if part == "train" else shards[:], bits, digest)


def labels(root: Path) -> dict[Share, Tensor]:
    """The bits of the images of every part, ``[N, 5]``, without decoding any.

    Raises:
        DataError: what :func:`require` raises.
    """
    return _labels(_sound(root))


def _labels(survey: _Survey) -> dict[Share, Tensor]:
    parts = split(survey.files)
    return {part: torch.tensor([survey.bits[name] for name in parts[part]]).view(-1, 5) for part in get_args(Share)}


def split(names: Sequence[str]) -> dict[str, list[str]]:
    """Which images are in which part."""
    return _split(tuple(names))


@lru_cache(maxsize=1)
def _split(names: tuple[str, ...]) -> dict[str, list[str]]:
    counts = {part: min(most, max(1, len(names) // one_of)) for part, (most, one_of) in SHARES.items()}
    return split_by_hash(names, counts)


def check(root: Path) -> Findings:
    """Read everything and say what is there, what is missing and what is wrong; CelebA takes some minutes."""
    survey = _survey(root)
    found = [f"{'CelebA images':<16}{len(survey.files):>10,}   paper {PAPER:>8,}"]
    counts = torch.tensor([survey.bits[name] for name in survey.files if name in survey.bits], dtype=torch.int64)
    if len(counts):
        for name, count in zip(BITS, counts.sum(0).tolist(), strict=True):
            found.append(f"{name:<16}{count:>10,}   {count / len(counts):>14.1%}")
        one = int((counts[:, :3].sum(1) == 1).sum())
        found.append(
            f"{'one hair colour':<16}{one:>10,}   {one / len(counts):>14.1%}, the others none of the three or several"
        )
    parts: dict[str, list[str]] = {"all": survey.files}
    too_few: list[str] = []
    if not survey.missing and not survey.problems:
        parts = split(survey.files)
        found.append("images of the parts: " + ", ".join(f"{part} {len(names):,}" for part, names in parts.items()))
        shown: Labels = {("faces", part): bits for part, bits in _labels(survey).items()}
        for stream in ("rows", "judge-hair"):
            too_few += lacking(AttributesSettings(stream=stream, data=("faces",)), shown)
    problems, sizes = list(survey.problems), Counter[tuple[int, int]]()
    look = Inspection(root, problems)
    for part, names in parts.items():
        for _, image in look.images([survey.folder / name for name in names], part):
            sizes[image.shape[2], image.shape[1]] += 1
    other = {size: count for size, count in sizes.items() if size != (178, 218)}
    if other:
        words = some(f"{count:,} of {width} x {height}" for (width, height), count in sorted(other.items()))
        found.append(f"not of CelebA's 178 x 218 pixels: {words}")
    notes = look.notes()
    if survey.files and (words := and_links(survey.folder)):
        notes.append(words.removeprefix("; "))
    return Findings(found, survey.missing, problems, notes, too_few)


def _sound(root: Path) -> _Survey:
    """What is there, with nothing missing and nothing wrong."""
    expect_folder(root, f"{NAMES[0]}/{FOLDERS[0]} and {NAMES[0]}/{TABLE}")
    survey = _survey(root)
    refuse(root, survey.missing, survey.problems)
    return survey


def _survey(root: Path) -> _Survey:
    base, words = _base(root)
    if base is None:
        return _Survey(root, [], {}, [words], [])
    missing = []
    folder = next((base / name for name in FOLDERS if (base / name).is_dir()), base / FOLDERS[0])
    files = _image_names(folder) if folder.is_dir() else []
    where = "" if base == root else f"{base.name}/"
    if not folder.is_dir():
        missing.append(f"{where}{FOLDERS[0]} (images): {not_there(FOLDERS[0], meant(base, FOLDERS[0]))}")
    elif not files:
        inside = folder / folder.name
        words = f", but there is {folder.name}/{folder.name}: move them up" if inside.is_dir() else and_links(folder)
        missing.append(f"{where}{folder.name}: no images ({', '.join(SUFFIXES)}) in this folder{words}")
    path = next((base / name for name in (TABLE, CSV) if (base / name).is_file()), None)
    if path is None:
        missing.append(f"{where}{TABLE} (attributes): {not_there(TABLE, meant(base, TABLE))}")
        return _Survey(folder, files, {}, missing, [])
    try:
        table = read_table(path, file_digest(path))
    except DataError as error:
        return _Survey(folder, files, {}, missing, [str(error).replace(f"{root}/", "", 1)])
    problems = [f"{where}{path.name}{words}" for words in table.problems]
    other = path.with_name(CSV)
    if path.name != CSV and other.is_file():
        with suppress(DataError):  # a file that is no table says nothing
            differ = disagreement(table, read_table(other, file_digest(other)))
            if differ:
                words = f"{rows_of(len(differ))} that {CSV} has otherwise: {some(differ)}; remove the wrong table"
                problems.append(f"{where}{path.name}: {words}")
    if files:
        there = set(files)
        absent = sorted(table.named - there)
        if absent:
            words = f"{rows_of(len(absent))} of {path.name} without an image: {some(absent)}"
            problems.append(f"{where}{folder.name}: {words}; add the images or remove the rows")
        rowless = [name for name in files if name not in table.named]
        if rowless:
            words = f"{len(rowless):,} of the images of {folder.name} without a row: {some(rowless)}"
            problems.append(f"{where}{path.name}: {words}; add the rows or remove the images")
        if len(files) < len(get_args(Share)):
            words = f"{len(files)} images, {len(get_args(Share))} needed, one for each part"
            missing.append(f"{where}{folder.name}: {words}")
    return _Survey(folder, files, table.bits, missing, problems)


def _base(root: Path) -> tuple[Path | None, str]:
    """The folder with table and images, or why there is none."""
    if not root.is_dir():
        return None, "no such folder"
    for folder in (*(root / name for name in NAMES), root):
        if folder.is_dir() and any((folder / name).exists() for name in (TABLE, CSV, *FOLDERS)):
            return folder, ""
    if any(lookup(root, name) is not None for name in (TABLE, *FOLDERS)) or root.name in NAMES:
        return root, ""
    for name in NAMES:
        if (root / name).is_dir():
            return root / name, ""
    return None, f"{NAMES[0]} (faces with attributes): {not_there(NAMES[0], meant(root, NAMES[0]))}"


def _image_names(folder: Path) -> list[str]:
    """Sorted names of the images directly in a folder, hidden ones and links out of it left out."""
    # Not images.image_files: that resolves every path, which takes long for 200,000 of them.
    home = folder.resolve()
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in entries
            if entry.name.lower().endswith(SUFFIXES)
            and not entry.name.startswith(".")
            and entry.is_file()
            and (not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(home))
        )
