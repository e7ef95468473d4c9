"""Oxford Flowers (Nilsback and Zisserman, ICVGIP 2008) on disk, as torchvision's ``Flowers102`` keeps it.

``flowers-102/jpg/image_00001.jpg`` to ``image_08189.jpg``, and ``flowers-102/imagelabels.mat``, which gives every image
one of 102 classes. The splits of ``setid.mat`` are not used: the shots are drawn from all images, or from one class.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from retable.datasets.errors import DataError
from retable.datasets.files import Findings, hint, lookup, meant, not_there, open_file
from retable.datasets.images import and_links, image_files
from retable.datasets.inspection import Inspection
from retable.datasets.ten_shot.settings import TenShotSettings

FOLDER, IMAGES, LABELS = "flowers-102", "jpg", "imagelabels.mat"
PAPER = 8_189
CLASSES = 102


def is_layout(root: Path) -> bool:
    """Whether the folder of images or the table of classes is there, in ``flowers-102`` or in the folder itself."""
    if not root.is_dir():
        return False
    return (root / FOLDER).is_dir() or (root / LABELS).is_file()


def files_of(root: Path, flower: int | None, least: int) -> list[Path]:
    """All flowers, or those of one class, sorted by number.

    Args:
        root: the folder that holds ``flowers-102``, or is it.
        flower: the class, 1 to 102; ``None``: all.
        least: how many there must be.

    Raises:
        DataError: what is missing or damaged, by name, or there are fewer.
    """
    base = _base(root)
    if not (base / IMAGES).is_dir():
        raise DataError(f"{base / IMAGES}: {_not_there(root, base)}; expected torchvision's {FOLDER}/{IMAGES}")
    files = image_files(base / IMAGES)
    if flower is not None:
        classes = labels(base / LABELS)
        files = [path for path in files if classes[_number(path, len(classes)) - 1] == flower]
    if len(files) < least:
        raise DataError(f"{base / IMAGES}: {_few(len(files), flower, least)}; {hint(root)}")
    return files


def labels(path: Path) -> list[int]:
    """The class of every image, 1 to 102: the first is that of ``image_00001.jpg``.

    Raises:
        DataError: the file is missing, or not the table of classes.
    """
    from scipy.io import loadmat

    if not path.is_file():
        raise DataError(f"{path}: no such file; it comes with Oxford Flowers and says which class an image is of")
    try:
        with open_file(path) as file:
            values = np.asarray(loadmat(file, variable_names=["labels"])["labels"]).reshape(-1)
    except DataError:
        raise
    except Exception as error:  # scipy reports a damaged file by nearly any exception
        raise DataError(f"{path}: not a sound {LABELS} ({error or type(error).__name__}); fetch it again") from error
    if not len(values) or not np.isin(values, np.arange(1, CLASSES + 1)).all():
        raise DataError(f"{path}: holds classes outside 1 to {CLASSES}; this is not the table of Oxford Flowers")
    return [int(value) for value in values]


def check(root: Path) -> Findings:
    """Read everything and say what is there, what is missing and which images cannot be read; takes some minutes."""
    base = _base(root)
    missing: list[str] = []
    problems: list[str] = []
    files = image_files(base / IMAGES) if (base / IMAGES).is_dir() else []
    if not files:
        words = "no images in it" + and_links(base / IMAGES) if (base / IMAGES).is_dir() else _not_there(root, base)
        missing.append(f"{FOLDER}/{IMAGES} (images): {words}")
    notes = [words.removeprefix("; ")] if files and (words := and_links(base / IMAGES)) else []
    found = [f"{'flowers':<12}{len(files):>8,}   paper {PAPER:>6,}"]
    if (base / LABELS).is_file():
        try:
            classes = labels(base / LABELS)
            found.append(f"{'classes':<12}{len(set(classes)):>8,}   paper {CLASSES:>6,}")
            for path in files:
                _number(path, len(classes))
        except DataError as error:
            problems.append(str(error).replace(f"{root}/", "", 1))
    else:
        found.append(f"no {LABELS}: all flowers can be drawn from, but no single class (task.flower)")
    look = Inspection(root, problems)
    for _ in look.images(files):
        pass
    least = TenShotSettings().least_flowers
    scarce = [f"{FOLDER}/{IMAGES}: {_few(len(files), None, least)}"] if files and len(files) < least else []
    return Findings(found, missing, problems, [*look.notes(), *notes], scarce)


def _few(count: int, flower: int | None, least: int) -> str:
    of = "" if flower is None else f" of class {flower}"
    return f"{count} images{of}, {least} needed; add some, or ask for fewer by task.shots"


def _base(root: Path) -> Path:
    return root / FOLDER if (root / FOLDER).is_dir() or not (root / IMAGES).is_dir() else root


def _not_there(root: Path, base: Path) -> str:
    if not root.is_dir():
        return "no such folder"
    return not_there(FOLDER, lookup(base, IMAGES) if base.is_dir() else meant(root, FOLDER))


def _number(path: Path, most: int) -> int:
    digits = path.stem.removeprefix("image_")
    if not (digits.isascii() and digits.isdigit()) or not 1 <= int(digits) <= most:
        raise DataError(f"{path}: not the name of one of {most:,} flowers (image_00001.jpg and so on); remove it")
    return int(digits)
