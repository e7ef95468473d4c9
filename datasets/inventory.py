"""What data there are: listed, fetched and checked, as plain values for the command line to print."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from retable.datasets.attributes import celeba, rafd
from retable.datasets.attributes.settings import set_of
from retable.datasets.attributes.task import Attributes
from retable.datasets.cartoon_groups import group_folders
from retable.datasets.cartoon_groups.task import CartoonGroups
from retable.datasets.digits import mnist, svhn
from retable.datasets.errors import DataError, printable
from retable.datasets.files import Findings, open_file
from retable.datasets.images import SUFFIXES, image_files, left_out, read_image
from retable.datasets.inspection import Inspection
from retable.datasets.sources import Progress, counter
from retable.datasets.standins.digits import street
from retable.datasets.standins.faces.people import GROUPS
from retable.datasets.ten_shot import flowers, shot_folders
from retable.datasets.ten_shot.sources import AVATARS
from retable.datasets.ten_shot.task import TenShot

Status = Literal["ready", "partly", "missing", "made when needed", "yours"]

STREET = {"extra": 30_000, "test": 2_000}
"""Street digits that ``fetch`` renders, by split: the default sizes of the task ``digits``."""
FACES: Mapping[str, tuple[type[CartoonGroups | Attributes | TenShot], Mapping[str, Any]]] = {
    "faces": (CartoonGroups, {}),
    "snapshots": (Attributes, {"data": ("faces",)}),
    "sittings": (Attributes, {"data": ("expressions",)}),
    AVATARS: (TenShot, {}),
}
"""Stand-in of faces -> the task whose preparing renders it, and its settings that are not the task's defaults."""
YOURS = {
    "celeba": "CelebA comes from its authors (Liu et al., The Chinese University of Hong Kong)",
    "rafd": "RaFD comes from its authors (Langner et al., Radboud University), who give it to researchers on request",
    "flowers": "Oxford Flowers comes from its authors (Nilsback and Zisserman, University of Oxford) or by torchvision",
}
"""What cannot be fetched, and where it comes from."""
DATA_SETS: Sequence[tuple[str, Callable[[Path], bool], Callable[[Path], Findings]]] = (
    ("MNIST", mnist.is_layout, mnist.check),
    ("SVHN", svhn.is_layout, svhn.check),
    ("CelebA", celeba.is_layout, celeba.check),
    ("RaFD", rafd.is_layout, rafd.check),
    ("Oxford Flowers", flowers.is_layout, flowers.check),
)
"""Published data sets, whether a folder holds one, and what it holds of it: one folder may hold several."""
OWN_FOLDERS: Sequence[tuple[str, Callable[[Path], bool], Callable[[Path], Findings]]] = (
    ("faces of four groups", group_folders.is_layout, group_folders.check),
    ("shots and reference images", shot_folders.is_layout, shot_folders.check),
)
"""The same of users' own images: a folder is the first of these that fits."""


@dataclass(frozen=True)
class Item:
    """One data set as ``retable data list`` shows it."""

    name: str
    """What ``fetch`` takes, or cannot have (:data:`YOURS`)."""
    title: str
    status: Status
    where: str
    """Folder that holds it, or would."""
    size: int
    """Bytes on disk."""


@dataclass(frozen=True)
class Report:
    """What a path holds, as ``retable data check`` shows it."""

    path: str
    kind: str
    """Of :data:`DATA_SETS` (several are joined by "and") or :data:`OWN_FOLDERS`, ``images``, ``image`` or
    ``unknown``."""
    found: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]
    """One line for each thing that is wrong; empty when the data are sound."""
    notes: tuple[str, ...] = ()
    too_few: tuple[str, ...] = ()
    """What a run with the task's default settings would refuse, sound as it is; other settings may need less."""

    @property
    def ok(self) -> bool:
        """Nothing is missing and nothing is wrong."""
        return not self.missing and not self.problems


def list_data(cache: Path) -> list[Item]:
    """Every data set, whether it is in the cache, and how large it is there. Reads no content."""

    def item(name: str, title: str, absent: Status, folder: str, *patterns: str) -> Item:
        files = [path for pattern in patterns for path in (cache / folder).glob(pattern)]
        complete = absent != "missing" or len(files) == len(patterns)
        status: Status = absent if not files else "ready" if complete else "partly"
        # Only the user knows where the user's own folders are.
        where = "the folder that --data-dir names" if status == "yours" else str(cache / folder)
        return Item(name, title, status, where, sum(path.stat().st_size for path in files))

    def rendered(name: str, title: str, folder: str, *starts: str) -> Item:
        return item(name, title, "made when needed", folder, *(f"{start}*.safetensors" for start in starts))

    def yours(name: str, title: str, folder: str) -> Item:
        return item(name, title, "yours", folder, f"{name}-*.safetensors")

    return [
        item("mnist", "MNIST, handwritten digits", "missing", "mnist", *mnist.DIGESTS),
        item("svhn", "SVHN, street-view digits (real source)", "missing", "svhn", *svhn.FILES.values()),
        rendered("street", "synthetic street digits (stand-in for SVHN)", "street", ""),
        rendered(
            "faces", "drawn people, photographed and as cartoons (stand-in for faces)", "faces", "portrait", "cartoon"
        ),
        yours("celeba", "CelebA, faces with attributes (real source, yours)", "attributes"),
        rendered("snapshots", "drawn people with attributes (stand-in for CelebA)", "faces", "snapshot"),
        yours("rafd", "RaFD, faces with expressions (real source, yours)", "attributes"),
        rendered("sittings", "drawn people with expressions (stand-in for RaFD)", "faces", "sitting"),
        rendered(AVATARS, "drawn avatars, and photographs of others (stand-in for ten-shot data)", AVATARS, ""),
        yours("flowers", "Oxford Flowers (real source, yours)", "ten-shot"),
    ]


def fetch(name: str, cache: Path, progress: Progress | None = None) -> None:
    """Fetch or render one data set into the cache.

    Args:
        name: ``mnist``, ``svhn``, ``street`` or one of :data:`FACES`.
        cache: the data cache.
        progress: told how far it is.

    Raises:
        DataError: an unknown name, data that only their authors give, or the data cannot be had.
    """
    if name == "mnist":
        mnist.load(cache)
        counter(progress, "MNIST", 1)(1)
    elif name == "svhn":
        svhn.fetch(cache, tuple(svhn.FILES), lambda split, done: counter(progress, f"SVHN {split}", 0)(done))
    elif name == "street":
        for split, count in STREET.items():
            street.street(cache / "street", split, count, progress=counter(progress, f"street {split}", count))
    elif name in YOURS:
        raise DataError(f"{YOURS[name]}; docs/your-own-faces.md says how to put it on your disk")
    elif name in FACES:
        task, settings = FACES[name]
        for stage in dict.fromkeys(task.stages.values()):
            # A judge of the other set's labels needs nothing of this one.
            if task is not Attributes or stage == "rows" or set_of(stage) in settings["data"]:
                task(task.Settings.model_validate({"stream": stage, **settings}), cache).prepare(progress)
    else:
        raise DataError(f"no data set {name!r}; there are mnist, svhn, street, {', '.join(FACES)}")


def check(path: Path) -> Report:
    """Say what a file or folder of the user's holds, what is missing and what cannot be read.

    A folder with some of MNIST's, SVHN's, CelebA's, RaFD's or Oxford Flowers' files, with a folder for any group of
    faces, or with a folder of shots, is taken for that data set; any other for a folder of images.

    Raises:
        DataError: there is no such path.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if not path.is_dir():
        with open_file(path):
            pass
    holds = {kind: check_it(path) for kind, is_layout, check_it in DATA_SETS if is_layout(path)}
    if not holds:
        own = ((kind, check_it) for kind, is_layout, check_it in OWN_FOLDERS if is_layout(path))
        images = "images" if path.is_dir() and image_files(path) else "unknown"
        kind, check_it = next(own, ("image", _image) if path.is_file() else (images, _images))
        holds = {kind: check_it(path)}
    lines = (
        tuple(printable(line) for findings in holds.values() for line in getattr(findings, what))
        for what in ("found", "missing", "problems", "notes", "too_few")
    )
    return Report(printable(str(path)), " and ".join(holds), *lines)


def _images(folder: Path) -> Findings:
    problems: list[str] = []
    look = Inspection(folder, problems)
    sound = sum(1 for _ in look.images(image_files(folder)))
    if sound or problems:
        return Findings([f"{sound} readable images", *left_out([folder])], [], problems, look.notes())
    expected = (
        f"images ({', '.join(SUFFIXES)}), MNIST's IDX files, SVHN's .mat files, "
        f"CelebA (celeba), RaFD (rafd), Oxford Flowers ({flowers.FOLDER}), folders of faces "
        f"({', '.join(GROUPS)}) or folders of shots ({', '.join(shot_folders.FOLDERS)})"
    )
    return Findings(left_out([folder]), [expected], [])


def _image(path: Path) -> Findings:
    try:
        channels, height, width = read_image(path).shape
    except DataError as error:
        return Findings([], [], [str(error)])
    return Findings([f"{width} x {height} pixels, {channels} channels"], [], [])
