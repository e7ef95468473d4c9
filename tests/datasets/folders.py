"""Small folders in the layouts of the real data sets, and how each of them is read."""

import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.io import savemat

from retable.datasets.attributes import celeba, rafd
from retable.datasets.cartoon_groups import group_folders
from retable.datasets.standins.faces.people import EXPRESSIONS, GROUPS
from retable.datasets.ten_shot import shot_folders
from retable.datasets.ten_shot.settings import TenShotSettings
from retable.datasets.ten_shot.task import TenShot

PARTS = ("train", "test", "judge", "judge-test")


def noise(path: Path, size: tuple[int, int] = (40, 40), seed: object = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = random.Random(str(seed or path)).randbytes(size[0] * size[1] * 3)
    Image.frombytes("RGB", size, data).save(path)
    return path


# CelebA: 178 x 218 pixels, a grey square that tells the bits, and red above and below it.

COUNT = 40
NAMES = [
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Male", "Smiling"),
    *("Wavy_Hair", "Young"),
]
"""In CelebA's order, fewer of them."""
OURS = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")


def celeba_bits(i: int) -> list[int]:
    """What image i shows, also by its brightness: bit b is 2 ** b."""
    return [i >> b & 1 for b in range(5)]


def celeba_row(i: int) -> str:
    values = dict(zip(OURS, celeba_bits(i), strict=True))
    return f"{i + 1:06d}.jpg " + "".join(f"{' 1' if values.get(name) else '-1'} " for name in NAMES)


def celeba_lines() -> list[str]:
    """As CelebA's authors publish them: trailing spaces and all."""
    return [str(COUNT), " ".join(NAMES) + " ", *map(celeba_row, range(COUNT))]


def write_table(root: Path, text: str, name: str = "list_attr_celeba.txt") -> None:
    (root / "celeba" / name).write_bytes(text.encode())


def celeba_image(root: Path, i: int) -> Path:
    return root / "celeba" / "img_align_celeba" / f"{i:06d}.jpg"


def write_celeba(root: Path) -> None:
    celeba_image(root, 1).parent.mkdir(parents=True)
    for i in range(COUNT):
        image = Image.new("RGB", (178, 218), "red")
        image.paste((8 * (i % 32),) * 3, (0, 20, 178, 198))
        image.save(celeba_image(root, i + 1), quality=95)
    write_table(root, "\n".join(celeba_lines()) + "\n")
    (root / "celeba" / "list_eval_partition.txt").write_text("000001.jpg 0\n")
    (root / "celeba" / "identity_CelebA.txt").write_text("000001.jpg 2880\n")


# RaFD: 34 x 51 pixels; the square around the face tells person, expression and angle, the rest is white.

PEOPLE = (1, 2, 3, 7, 12)
SOME = ("neutral", "happy", "sad")


def rafd_image(root: Path, person: int, expression: str, angle: int = 90) -> Path:
    return root / "rafd" / f"Rafd{angle:03d}_{person:02d}_Caucasian_female_{expression}_frontal.jpg"


def write_rafd(root: Path) -> None:
    (root / "rafd").mkdir(parents=True)
    for person in PEOPLE:
        for e, expression in enumerate(EXPRESSIONS):
            for angle in (0, 45, 90, 135):
                image = Image.new("RGB", (34, 51), "white")
                image.paste((20 * person, 30 * e, angle), (0, 3, 34, 37))
                image.save(rafd_image(root, person, expression, angle), quality=95, subsampling=0)


# Faces of four groups: plain pictures in the colour of their group; photos are darker below.

GROUP_COUNTS = {"trainA": (9, 4, 3, 2), "trainB": (5, 3, 1, 2), "testA": (3, 3, 2, 2), "testB": (2, 4, 2, 3)}


def write_groups(root: Path) -> None:
    for group, colour, counts in zip(
        GROUPS, ("red", "lime", "blue", "white"), zip(*GROUP_COUNTS.values(), strict=True), strict=True
    ):
        for sub, count in zip(GROUP_COUNTS, counts, strict=True):
            (root / group / sub).mkdir(parents=True)
            for i in range(count):
                image = Image.new("RGB", (24, 32), colour)
                if sub.endswith("A"):
                    image.paste("black", (0, 20 - i, 24, 32))
                image.save(root / group / sub / f"{i}.png")


def read_groups(root: Path, cache: Path) -> dict[str, str]:
    group_folders.require(root)
    folders = [(group, sub) for group in GROUPS for sub in GROUP_COUNTS]
    return {f"{g}/{sub}": group_folders.read(root, g, sub, 16, cache).digest for g, sub in folders}


# Shots and Oxford Flowers: noise; flowers of classes 1, 2, 3, 1, 2, 3 and so on.

SHOT_COUNTS = {"shots": 12, "reference": 6}


def write_shots(root: Path) -> None:
    for name, count in SHOT_COUNTS.items():
        for i in range(count):
            noise(root / name / f"{i:02}.png", seed=f"{name} {i}")


def write_flowers(root: Path) -> None:
    for i in range(1, 13):
        noise(root / "flowers-102" / "jpg" / f"image_{i:05}.jpg", size=(50, 40))
    savemat(root / "flowers-102" / "imagelabels.mat", {"labels": np.arange(12)[None] % 3 + 1})


def ten_shot(root: Path, cache: Path, seed: int = 0, stream: str = "shots", **settings: object) -> TenShot:
    values = {"source": "real", "data_dir": str(root), "size": 32, "shots": 5, "n_source": 8, **settings}
    task = TenShot(TenShot.settings_for(TenShotSettings(**values), stream), cache, seed)
    task.prepare()
    return task


class Reader(NamedTuple):
    """A layout and how it is read."""

    kind: str
    """As ``retable data check`` calls it."""
    write: Callable[[Path], None]
    read: Callable[[Path, Path], dict[str, str]]
    """Folder and cache -> the digest of every part."""
    decoder: ModuleType
    """The module whose ``read_image`` decodes."""
    image: Callable[[Path], Path]
    """One of the images."""
    part: str
    """The only part that it is in."""


READERS = {
    "celeba": Reader(
        *("CelebA", write_celeba),
        lambda root, cache: {part: celeba.read(root, 16, cache, part).digest for part in PARTS},
        *(celeba, lambda root: celeba_image(root, 5), "test"),
    ),
    "rafd": Reader(
        *("RaFD", write_rafd),
        lambda root, cache: {part: rafd.read(root, 16, cache, part, SOME).digest for part in PARTS},
        *(rafd, lambda root: rafd_image(root, rafd.split(PEOPLE)["judge-test"][0], "sad"), "judge-test"),
    ),
    "groups": Reader(
        *("faces of four groups", write_groups, read_groups, group_folders),
        *(lambda root: root / "kids" / "trainA" / "1.png", "kids/trainA"),
    ),
    "shots": Reader(
        *("shots and reference images", write_shots, lambda root, cache: ten_shot(root, cache).digests()),
        *(shot_folders, lambda root: root / "reference" / "02.png", "reference"),
    ),
    "flowers": Reader(
        *("Oxford Flowers", write_flowers, lambda root, cache: ten_shot(root, cache, data="flowers").digests()),
        *(shot_folders, lambda root: root / "flowers-102" / "jpg" / "image_00001.jpg", "reference"),
    ),
}
