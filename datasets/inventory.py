"""What data there are: listed, fetched and checked, as plain values for the command line to print."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Literal, get_args

from retable.datasets.attributes import celeba, rafd
from retable.datasets.attributes.settings import AttributesSettings, Set
from retable.datasets.attributes.settings import Stage as AttributesStage
from retable.datasets.attributes.task import Attributes
from retable.datasets.cartoon_groups import group_folders
from retable.datasets.cartoon_groups.settings import CartoonGroupsSettings, Stage
from retable.datasets.cartoon_groups.task import CartoonGroups
from retable.datasets.digits import mnist, svhn
from retable.datasets.errors import DataError
from retable.datasets.files import Findings
from retable.datasets.images import SUFFIXES, image_files, left_out, read_image, readable
from retable.datasets.sources import Progress, counter
from retable.datasets.standins.digits import street
from retable.datasets.standins.faces.people import GROUPS
from retable.datasets.ten_shot import flowers, shot_folders
from retable.datasets.ten_shot.settings import Stage as TenShotStage
from retable.datasets.ten_shot.settings import TenShotSettings
from retable.datasets.ten_shot.sources import AVATARS
from retable.datasets.ten_shot.task import TenShot

Status = Literal["ready", "partly", "missing", "made when needed", "damaged", "yours"]

STANDIN = {"extra": 30_000, "test": 2_000}
"""What ``fetch`` renders of the stand-in: the default sizes of the task ``digits``."""
FACES = CartoonGroupsSettings()
"""What ``fetch`` renders of the faces: the default sizes of the task ``cartoon-groups``."""
ATTRIBUTES = AttributesSettings()
"""What ``fetch`` renders of snapshots and sittings: the default sizes of the task ``attributes``."""
TEN_SHOT = TenShotSettings()
"""What ``fetch`` renders of the avatars and of what source generators learn from: the task ``ten-shot``'s defaults."""
FACE_SETS: dict[str, Set] = {"snapshots": "faces", "sittings": "expressions"}
"""Stand-in -> the set of the task ``attributes`` that it stands in for."""
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
YOURS = {
    "celeba": "CelebA comes from its authors (Liu et al., The Chinese University of Hong Kong)",
    "rafd": "RaFD comes from its authors (Langner et al., Radboud University), who give it to researchers on request",
    "flowers": "Oxford Flowers comes from its authors (Nilsback and Zisserman, University of Oxford) or by torchvision",
}
"""What cannot be fetched, and where it comes from."""


@dataclass(frozen=True)
class Item:
    """One data set as ``retable data list`` shows it."""

    name: str
    """What ``fetch`` takes (``mnist``, ``svhn``, ``street``, ``faces``, ``snapshots``, ``sittings``, ``avatars``) or
    cannot have (``celeba``, ``rafd``, ``flowers``)."""
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
    """``MNIST``, ``SVHN``, ``CelebA``, ``RaFD``, ``Oxford Flowers`` or several of them, ``faces of four groups``,
    ``shots and reference images``, ``images``, ``image`` or ``unknown``."""
    found: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]
    """One line for each thing that is wrong; empty when the data can be used."""

    @property
    def ok(self) -> bool:
        """Nothing is missing and nothing is wrong."""
        return not self.missing and not self.problems


def list_data(cache: Path) -> list[Item]:
    """Every data set, whether it is in the cache, and how large it is there. Reads no content."""
    return [
        _files("mnist", "MNIST, handwritten digits", cache / "mnist", tuple(mnist.DIGESTS)),
        _files("svhn", "SVHN, street-view digits (real source)", cache / "svhn", tuple(svhn.FILES.values())),
        _rendered("street", "synthetic street digits (stand-in for SVHN)", cache / "street"),
        _rendered(
            "faces",
            "drawn people, photographed and as cartoons (stand-in for faces)",
            cache / "faces",
            ("portrait", "cartoon"),
        ),
        _yours("celeba", "CelebA, faces with attributes (real source, yours)", cache / "attributes"),
        _rendered("snapshots", "drawn people with attributes (stand-in for CelebA)", cache / "faces", ("snapshot",)),
        _yours("rafd", "RaFD, faces with expressions (real source, yours)", cache / "attributes"),
        _rendered("sittings", "drawn people with expressions (stand-in for RaFD)", cache / "faces", ("sitting",)),
        _rendered(AVATARS, "drawn avatars, and photographs of others (stand-in for ten-shot data)", cache / AVATARS),
        _yours("flowers", "Oxford Flowers (real source, yours)", cache / "ten-shot"),
    ]


def _files(name: str, title: str, folder: Path, names: tuple[str, ...]) -> Item:
    there = [folder / n for n in names if (folder / n).is_file()]
    status: Status = "ready" if len(there) == len(names) else "partly" if there else "missing"
    return Item(name, title, status, str(folder), sum(path.stat().st_size for path in there))


def _rendered(name: str, title: str, folder: Path, starts: tuple[str, ...] = ("",)) -> Item:
    shards = [path for start in starts for path in folder.glob(f"{start}*.safetensors")]
    size = sum(path.stat().st_size for path in shards)
    return Item(name, title, "ready" if shards else "made when needed", str(folder), size)


def _yours(name: str, title: str, folder: Path) -> Item:
    """What is decoded of the user's own folders; where those are only the user knows."""
    decoded = [path.stat().st_size for path in folder.glob(f"{name}-*.safetensors")]
    if not decoded:
        return Item(name, title, "yours", "the folder that --data-dir names", 0)
    return Item(name, title, "ready", str(folder), sum(decoded))


def fetch(name: str, cache: Path, progress: Progress | None = None) -> None:
    """Fetch or render one data set into the cache.

    Args:
        name: ``mnist``, ``svhn``, ``street``, ``faces``, ``snapshots``, ``sittings`` or ``avatars``.
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
        for split, count in STANDIN.items():
            street.street(cache / "street", split, count, progress=counter(progress, f"street {split}", count))
    elif name in YOURS:
        raise DataError(f"{YOURS[name]}; docs/your-own-faces.md says how to put it on your disk")
    else:
        for task in _tasks(name, cache):
            task.prepare(progress)


def _tasks(name: str, cache: Path) -> Iterator[CartoonGroups | TenShot | Attributes]:
    """The tasks whose preparing renders all of a stand-in."""
    if name == "faces":
        for stage in get_args(Stage):
            yield CartoonGroups(FACES.model_copy(update={"stream": stage}), cache)
    elif name == AVATARS:
        for part in get_args(TenShotStage):
            yield TenShot(TEN_SHOT.model_copy(update={"stream": part}), cache)
    elif name in FACE_SETS:
        for stage in get_args(AttributesStage):
            judges = "expressions" if stage == "judge-expression" else "faces"
            if stage == "rows" or judges == FACE_SETS[name]:
                yield Attributes(ATTRIBUTES.model_copy(update={"stream": stage, "data": (FACE_SETS[name],)}), cache)
    else:
        known = f"mnist, svhn, street, faces, {', '.join(FACE_SETS)} and {AVATARS}"
        raise DataError(f"no data set {name!r}; there are {known}")


def check(path: Path) -> Report:
    """Say what a file or folder of the user's holds, what is missing and what cannot be read.

    A folder with some of MNIST's, SVHN's, CelebA's, RaFD's or Oxford Flowers' files, with a folder for any group of
    faces, or with a folder of shots, is taken for that data set; any other for a folder of images.

    Raises:
        DataError: there is no such path.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if path.is_file():
        return _check_image(path)
    known = [_report(path, kind, check_it(path)) for kind, is_layout, check_it in DATA_SETS if is_layout(path)]
    if known:
        return reduce(_together, known)
    for kind, is_layout, check_it in OWN_FOLDERS:
        if is_layout(path):
            return _report(path, kind, check_it(path))
    problems: list[str] = []
    sound = sum(1 for _ in readable(image_files(path), path, problems))
    if not sound and not problems:
        expected = (
            f"images ({', '.join(SUFFIXES)}), MNIST's IDX files, SVHN's .mat files, "
            f"CelebA (celeba), RaFD (rafd), Oxford Flowers ({flowers.FOLDER}), folders of faces "
            f"({', '.join(GROUPS)}) or folders of shots ({', '.join(shot_folders.FOLDERS)})"
        )
        return _report(path, "unknown", Findings(left_out([path]), [expected], []))
    return _report(path, "images", Findings([f"{sound} readable images", *left_out([path])], [], problems))


def _report(path: Path, kind: str, findings: Findings) -> Report:
    return Report(str(path), kind, tuple(findings.found), tuple(findings.missing), tuple(findings.problems))


def _together(one: Report, other: Report) -> Report:
    """One folder may hold MNIST and SVHN, or CelebA and RaFD."""
    return Report(
        one.path,
        f"{one.kind} and {other.kind}",
        one.found + other.found,
        one.missing + other.missing,
        one.problems + other.problems,
    )


def _check_image(path: Path) -> Report:
    try:
        channels, height, width = read_image(path).shape
    except DataError as error:
        return Report(str(path), "image", (), (), (str(error),))
    return Report(str(path), "image", (f"{width} x {height} pixels, {channels} channels",), (), ())
