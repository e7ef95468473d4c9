"""RaFD's files by name: ``Rafd090_01_Caucasian_female_angry_frontal.jpg`` is camera angle, person, ethnicity, gender,
expression and gaze.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from retable.datasets.errors import DataError, closest
from retable.datasets.files import meant, not_there
from retable.datasets.images import SUFFIXES, and_links, image_files
from retable.datasets.standins.faces.people import EXPRESSIONS

PARTS = 4
"""Parts of the data set: as many people are needed."""
NAMES = ("rafd", "RaFD", "Rafd")
ANGLES = (45, 90, 135)
"""Camera angles that are used; 90 is frontal."""
PROFILES = (0, 180)
"""Camera angles that RaFD has and the paper leaves out."""
GAZES = ("left", "frontal", "right")
GENDERS = ("female", "male")
LISTED = 10
"""Wrong file names that are shown before the rest is only counted."""
_NAME = re.compile(r"rafd(\d+)_(\d+)_([a-z]+)_([a-z]+)_([a-z]+)_([a-z]+)", re.IGNORECASE)
EXAMPLE = "Rafd090_01_Caucasian_female_angry_frontal.jpg"


@dataclass(frozen=True)
class Shot:
    """What a file name says."""

    angle: int
    person: int
    gender: str
    expression: str
    gaze: str


@dataclass(frozen=True)
class Survey:
    """A folder, before any image is read."""

    shots: dict[Path, Shot]
    """The images of the angles used, by file name."""
    profiles: int
    """Images of the other angles."""
    missing: list[str]
    problems: list[str]


def parse(name: str) -> Shot:
    """Read a file name; capitals do not matter.

    Raises:
        DataError: it is not of RaFD's form, or has a part that RaFD does not know; the words do not name the file.
    """
    parts = _NAME.fullmatch(Path(name).stem)
    if parts is None:
        raise DataError(f"not a file name of RaFD, like {EXAMPLE}; rename or remove it")
    angle, person = int(parts[1]), int(parts[2])
    gender, expression, gaze = (parts[i].lower() for i in (4, 5, 6))
    if angle not in (*ANGLES, *PROFILES):
        known = ", ".join(f"{a:03d}" for a in sorted((*ANGLES, *PROFILES)))
        raise DataError(f"there is no camera angle {parts[1]} (there are {known}); rename or remove it")
    for what, word, known_ones in (
        ("gender", gender, GENDERS),
        ("expression", expression, EXPRESSIONS),
        ("gaze", gaze, GAZES),
    ):
        if word not in known_ones:
            close = closest(word, known_ones, cutoff=0.5)
            hint = f", did you mean {close!r}?" if close else f" (there are {', '.join(known_ones)});"
            raise DataError(f"there is no {what} {word!r}{hint} rename or remove it")
    return Shot(angle, person, gender, expression, gaze)


def survey_of(root: Path) -> Survey:
    """See what is there, by file name alone."""
    base = base_of(root) if root.is_dir() else None
    if base is None:
        return Survey({}, 0, [f"{NAMES[0]} (faces with expressions): {_not_there(root)}"], [])
    shots: dict[Path, Shot] = {}
    first: dict[str, Path] = {}
    wrong, profiles = [], 0
    for path in sorted(image_files(base), key=lambda path: (path.name.lower(), path)):
        where = path.relative_to(root)
        if path.stem.lower() in first:
            wrong.append(f"{where}: {first[path.stem.lower()].relative_to(root)} is the same picture; remove one")
            continue
        first[path.stem.lower()] = path
        try:
            shot = parse(path.name)
        except DataError as error:
            wrong.append(f"{where}: {error}")
            continue
        if shot.angle in ANGLES:
            shots[path] = shot
        else:
            profiles += 1
    missing = []
    people = {shot.person for shot in shots.values()}
    if not shots:
        words = f"no images ({', '.join(SUFFIXES)}) like {EXAMPLE} at 045, 090 or 135 degrees{and_links(base)}"
        missing.append(f"{base.name}: {words}")
    elif len(people) < PARTS:
        words = f"{len(people)} {'person' if len(people) == 1 else 'people'}"
        missing.append(f"{base.name}: {words}, {PARTS} needed, one for each part")
    problems = wrong[:LISTED]
    if len(wrong) > LISTED:
        problems.append(f"{base.name}: {len(wrong) - LISTED:,} more file names are wrong")
    return Survey(shots, profiles, missing, problems)


def base_of(root: Path) -> Path | None:
    """The folder of RaFD's files: one of its name, or ``root`` if they are in it or just below it."""
    for name in NAMES:
        if (root / name).is_dir():
            return root / name
    pattern = "[Rr][Aa][Ff][Dd][0-9]*_*"
    if any(root.glob(pattern)):
        return root
    # RaFD comes as one archive a camera, so there may be several folders; beside CelebA there should be but one.
    below = {path.parent for path in root.glob("*/" + pattern)}
    return (below.pop() if len(below) == 1 else root) if below else None


def _not_there(root: Path) -> str:
    return not_there(NAMES[0], meant(root, NAMES[0], cutoff=0.7) if root.is_dir() else None)
