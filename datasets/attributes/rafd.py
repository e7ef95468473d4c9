"""RaFD on disk: portraits whose file names say who shows what, as ``Rafd090_01_Caucasian_female_angry_frontal.jpg``.

The Radboud Faces Database (Langner et al., Cognition and Emotion 2010) shows 67 people with eight expressions, three
gazes and five camera angles. StarGAN (Choi et al., CVPR 2018) uses the angles 45, 90 (frontal) and 135: 4,824 images,
cropped to 256 x 256 with the face in the centre and resized to 128 x 128. Neither the crop nor the split was published,
so both are choices of ours: :data:`CENTRE` and :func:`split`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import count
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from retable.datasets import cache
from retable.datasets.attributes.rafd_names import ANGLES, EXAMPLE, NAMES, Survey, base_of, survey_of
from retable.datasets.attributes.requirements import Labels, lacking
from retable.datasets.attributes.settings import AttributesSettings
from retable.datasets.errors import DataError
from retable.datasets.files import Findings, expect_folder, hint, hinted, lookup, refuse, some
from retable.datasets.images import READER, and_links, read_image, square
from retable.datasets.inspection import Inspection
from retable.datasets.sampling import split_by_hash
from retable.datasets.shards import decode, files_digest
from retable.datasets.sources import LabelledImages, Progress, Share, counter
from retable.datasets.standins.faces.people import EXPRESSIONS

SHARES = {"test": 0.10, "judge": 0.22, "judge-test": 0.08}
"""Part -> share of the people; the others are trained on."""
PAPER = {"people": 67, "images": 67 * 8 * 3 * 3, "expression": 67 * 3 * 3, "angle": 67 * 8 * 3}
CENTRE = 0.4
"""Where the centre of a portrait's square lies, as a share of its height from the top: row 410 of RaFD's 681 x 1024
pixels, about where the faces are. A choice of ours."""


def is_layout(path: Path) -> bool:
    """Whether there are files named like RaFD's, in a folder of its name, in this one, or in one just below."""
    return path.is_dir() and (base_of(path) is not None or lookup(path, NAMES[0]) is not None)


def require(root: Path) -> None:
    """Check that every file name is RaFD's and that there are people for every part, without decoding any image.

    Raises:
        DataError: the first thing that is missing or wrong, by name.
    """
    _sound(root)


def read(
    root: Path,
    size: int,
    folder: Path,
    part: Share,
    expressions: tuple[str, ...],
    progress: Progress | None = None,
) -> LabelledImages:
    """The portraits of one part by file name, cropped (:func:`crop`) and resized with anti-aliasing.

    Labels are classes ``[N]``: places in ``expressions``. The digest also covers the people and the camera angles.

    Args:
        root: the folder that holds ``rafd``, or is it.
        size: height and width in pixels.
        folder: the cache's folder.
        part: ``train``, ``test``, ``judge`` or ``judge-test``; no two share a person.
        expressions: which of the eight to return; the others are left out.
        progress: told what is read, how much of it is done, and how much there is.

    Raises:
        DataError: what :func:`require` raises, an unknown expression, one that the part has no image of, or an image
            that cannot be read.
    """
    for name in expressions:
        if name not in EXPRESSIONS:
            raise DataError(f"there is no expression {name!r}; use some of {', '.join(EXPRESSIONS)}")
    survey = _sound(root)
    people = split(shot.person for shot in survey.shots.values())[part]
    chosen = {path: shot for path, shot in survey.shots.items() if shot.person in people}
    absent = [name for name in expressions if all(shot.expression != name for shot in chosen.values())]
    if absent:
        raise DataError(f"{root}: {_lack(part, people, absent)}; {hint(root)}")
    tell = counter(progress, f"RaFD, {part}", len(chosen))
    done = count(1)

    def decoded(path: Path) -> Tensor:
        image = square(crop(read_image(path)), size)
        tell(next(done))
        return image

    with hinted(root):
        # All eight expressions, so that another choice of them decodes nothing anew.
        key = {"reader": READER, "size": size, "files": files_digest(folder, chosen)}
        images = cache.cached(folder, f"rafd-{part}", key, partial(decode, list(chosen), decoded)).tensors["images"]
    kept = [i for i, shot in enumerate(chosen.values()) if shot.expression in expressions]
    shots = [shot for shot in chosen.values() if shot.expression in expressions]
    tell(len(chosen))
    tensors = {
        "images": images[kept],
        "expression": torch.tensor([expressions.index(shot.expression) for shot in shots], dtype=torch.int64),
        "person": torch.tensor([shot.person for shot in shots], dtype=torch.int64),
        "angle": torch.tensor([shot.angle for shot in shots], dtype=torch.int64),
    }
    return LabelledImages(tensors["images"], tensors["expression"], cache.content_digest(tensors))


def labels(root: Path, expressions: tuple[str, ...]) -> dict[Share, Tensor]:
    """The classes of the images of every part, ``[N]``: places in ``expressions``; no image is decoded.

    Raises:
        DataError: what :func:`require` raises.
    """
    return _labels(_sound(root), expressions)


def _labels(survey: Survey, expressions: tuple[str, ...]) -> dict[Share, Tensor]:
    who = split(shot.person for shot in survey.shots.values())
    found: dict[Share, Tensor] = {}
    for part in get_args(Share):
        shown = [shot.expression for shot in survey.shots.values() if shot.person in who[part]]
        found[part] = torch.tensor([expressions.index(name) for name in shown if name in expressions])
    return found


def split(people: Iterable[int]) -> dict[str, list[int]]:
    """Who is in which part, by RaFD's number: 40, 7, 15 and 5 of the 67 people; fewer than four leave parts empty."""
    everybody = set(people)
    return split_by_hash(everybody, {part: max(1, round(share * len(everybody))) for part, share in SHARES.items()})


def crop(image: Tensor) -> Tensor:
    """Of a portrait uint8 ``[C, H, W]`` with H > W the full-width square around :data:`CENTRE`, as far down as fits.

    Any other image comes back as it is.
    """
    _, height, width = image.shape
    if height <= width:
        return image
    top = min(max(0, round(CENTRE * height - width / 2)), height - width)
    return image[:, top : top + width]


def check(root: Path) -> Findings:
    """Read everything and say what is there, what is missing and what is wrong; RaFD takes about a minute."""
    survey = survey_of(root)
    shots = survey.shots.values()
    people = sorted({shot.person for shot in shots})
    kinds = Counter(shot.expression for shot in shots)
    angles = Counter(shot.angle for shot in shots)
    found = [_line("RaFD people", len(people), PAPER["people"]), _line("RaFD images", len(shots), PAPER["images"])]
    found += [_line(name, kinds[name], PAPER["expression"]) for name in EXPRESSIONS]
    found += [_line(f"{angle:03d} degrees", angles[angle], PAPER["angle"]) for angle in ANGLES]
    if survey.profiles:
        found.append(f"left out, as in the paper: {survey.profiles:,} images at 000 and 180 degrees")
    missing = list(survey.missing)
    for person in people:
        faces = {shot.expression for shot in shots if shot.person == person}
        absent = [name for name in EXPRESSIONS if name not in faces]
        if absent:
            nothing = "; never an input" if "neutral" in absent else ""
            found.append(f"person {person} shows no {', '.join(absent)} face{nothing}")
    if not survey.missing and not survey.problems:
        parts = split(people)
        found.append("people of the parts: " + ", ".join(f"{part} {len(who)}" for part, who in parts.items()))
        for part, who in parts.items():
            absent = [n for n in EXPRESSIONS if not any(s.expression == n and s.person in who for s in shots)]
            if absent:
                missing.append(_lack(part, who, absent))
    problems = list(survey.problems)
    look, part_of = Inspection(root, problems), dict[int, str]()
    too_few: list[str] = []
    if not missing and not problems:
        part_of = {person: part for part, who in split(people).items() for person in who}
        settings = AttributesSettings(data=("expressions",))
        shown: Labels = {("expressions", part): those for part, those in _labels(survey, settings.expressions).items()}
        too_few = lacking(settings, shown)
    for path, shot in survey.shots.items():
        for _ in look.images([path], part_of.get(shot.person, "")):
            pass
    notes = look.notes()
    if survey.shots and (base := base_of(root)) and (words := and_links(base)):
        notes.append(words.removeprefix("; "))
    return Findings(found, missing, problems, notes, too_few)


def _sound(root: Path) -> Survey:
    """What is there, with nothing missing and nothing wrong."""
    expect_folder(root, f"{NAMES[0]}/{EXAMPLE} and so on")
    survey = survey_of(root)
    refuse(root, survey.missing, survey.problems)
    return survey


def _lack(part: str, people: Iterable[int], expressions: Iterable[str]) -> str:
    who = some((str(person) for person in people), most=10)
    return f"{part} (the people {who}): nobody shows a {' or a '.join(expressions)} face"


def _line(name: str, count: int, paper: int) -> str:
    return f"{name:<16}{count:>10,}   paper {paper:>8,}"
