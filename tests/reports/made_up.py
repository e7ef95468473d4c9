"""How well the rows of the papers do in made-up suites: as the papers tell, so that every claim is reproduced.

A place is ``row@variant/score/slice``, of which patterns may leave out any part. The last pattern that fits counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

Value = TypeVar("Value")

SKILL = {
    "basic": (0.95, 0.2),
    "baseline1": (0.9, 0.55),
    "baseline2": (0.4, 0.8),
    "baseline3": (0.5, 0.7),
    "transfer": (0.93, 0.88),
    "transfer-no-sbp": (0.8, 0.75),
}
"""Row of the cartoon paper -> how well it does on women and on the rare groups."""
FACES = {"diat": (12.0, 30.0), "cyclegan": (14.0, 34.0), "icgan": (25.0, 50.0), "stargan": (5.0, 8.0)}
"""Row of StarGAN on faces -> error in percent on single attributes, and on all three at once."""
PORTRAITS = {"diat": 6.0, "cyclegan": 9.0, "icgan": 20.0, "stargan": 4.0}
"""Row of StarGAN on expressions -> error in percent."""
FID = {
    "fastgan": 110,
    "stylegan2": 150,
    "stylegan2-da": 120,
    "stylegan2-ada": 125,
    "fastgan-mixdl": 95,
    "mixdl": 70,
    "mixdl-da": 66,
    "mixdl-ada": 68,
    "cdc": 90,
    "cdc-far": 160,
    "mixdl-g": 80,
    "mixdl-d": 100,
    "ndiv": 140,
    "msgan": 130,
    "distancegan": 85,
    "dirichlet-0.1": 75,
    "dirichlet-10": 79,
    "gaussian": 74,
    "uniform": 73,
    "source": 90,
    "source-far": 70,
    "stylegan2@n5": 200,
    "mixdl@n5": 90,
    "stylegan2@n100": 60,
    "stylegan2-da@n100": 48,
    "mixdl@n100": 50,
    "mixdl-da@n100": 45,
}
"""Row of MixDL -> its FID, on which its other scores depend."""


def skill(row: str, women: float, rare: float) -> dict[str, float]:
    """Levels of one row of the cartoon paper."""
    return {f"{row}/*": rare, f"{row}/*group=woman*": women}


def faces(row: str, single: float, three: float) -> dict[str, float]:
    """Levels of one row of StarGAN on faces; two attributes lie between one and three."""
    middle = (single + three) / 2
    return {f"{row}/*": single, f"{row}/*request=*-*": middle, f"{row}/*request=hair-gender-age": three}


JOINT = "stargan-joint/classification_error.expression/*request="
"""Errors in expressions of StarGAN trained on both sets, before the request."""
KEPT = "stargan-joint/classification_error.hair.gender.age/request=across"
"""How often the joint row changes attributes that should stay."""
LEVELS: dict[str, dict[str, float]] = {
    "dtn": {
        "judges/*": 99.21,
        "f/*": 91.8,
        "baseline/*": 22.4,
        "dtn/*": 88.31,
        "dtn/adaptation/*train": 80.1,
        "dtn/adaptation/*test": 77.4,
        "no-tid/*": 84.02,
        "no-const/*": 61.7,
        "no-f/*": 41.25,
        "no-gan/*": 28.9,
        "no-const-tid/*": 11.8,
        "original/*": 46.55,
        "original/*digit=3*": 20.0,
        "anchor/*": 10.0,
        "dtn@no3-s/*": 86.0,
        "dtn@no3-t/*": 33.1,
        "dtn@no3-st/*": 51.0,
        "dtn@no3-stf/*": 9.9,
    },
    "cartoon": {place: level for row, levels in SKILL.items() for place, level in skill(row, *levels).items()}
    | {"anchor/*": 0.0, "anchor/noisy-truth/*": 1.1, "anchor/other/kid*": 1.1},
    "stargan": {
        "judges/*": 0.5,
        **{place: level for row, levels in FACES.items() for place, level in faces(f"{row}@faces", *levels).items()},
        **{f"{row}@expressions/*": level for row, level in PORTRAITS.items()},
        "*@expressions/*request=across": 40.0,
        **faces("stargan-joint", 6.0, 9.0),
        f"{JOINT}expressions": 3.0,
        f"{JOINT}across": 10.0,
        f"{JOINT}wrong-mask": 70.0,
        f"{JOINT}across-wrong-mask": 66.0,
        KEPT: 12.0,
        f"{KEPT}-wrong-mask": 55.0,
        "anchor/untouched*": 85.0,
        "anchor/untouched*/classification_error.hair.gender.age/request=across": 0.0,
        "anchor/other*": 0.0,
    },
    "mixdl": {f"{row}/*": level for row, level in FID.items()} | {"anchor/copies*": 1000.0, "anchor/real*": 10.0},
}
SCALES: dict[str, dict[str, tuple[float, float]]] = {
    "dtn": {
        "*/fid*": (220.0, -2.0),
        "*/kid*": (0.2, -0.001),
        "*/lpips*": (0.2, 0.002),
        "*/parameters*": (4_604_675.0, 1000.0),
        "*/step_time*": (0.12, 0.0002),
        "*/throughput*": (520.0, -1.0),
        "*/peak_memory*": (900.0, 1.0),
    },
    "cartoon": {
        "*/accuracy*": (0.0, 100.0),
        "anchor/other/accuracy*": (99.9, 0.0),
        "*/confusion*": (100.0, -100.0),
        "*/fid*": (180.0, -100.0),
        "*/kid*": (0.12, -0.1),
        "*/identity*": (0.4, 0.5),
        "*/lpips_pair*": (0.6, -0.5),
        "*/lpips_pair*request=train": (0.59, -0.5),
        "baseline3/lpips_pair*request=train": (0.48, -0.5),
    },
    "stargan": {
        "*/fid*": (30.0, 1.0),
        "*/kid*": (0.0, 0.1),
        "*/identity*": (1.0, -0.005),
        "*/lpips*": (0.2, 0.01),
        "*parameters/*": (52_562_496.0, 0.0),
        "stargan@*parameters/*": (26_613_288.0, 0.0),
        "stargan-joint/*parameters/*": (26_667_040.0, 0.0),
    },
    "mixdl": {
        "*/sfid*": (40.0, 0.5),
        "*/kid*": (0.0, 0.01),
        "*/precision*": (1.0, -0.004),
        "*/recall*": (0.8, -0.004),
        "*/lpips*": (0.6, -0.001),
        "*/lpips*request=shots": (0.611, 0.0),
        "*@n100/lpips*request=shots": (0.62, 0.0),
        "*/nearest_shot*": (0.3, -0.001),
        "*/nearest_shot*request=reference": (0.345, 0.0),
        "*/copies.lite0/*": (0.0, 0.004),
        "*/smoothness*": (100.0, 1.0),
        "*/largest_jump*": (1.0, 0.025),
        "*/path_spread*": (0.0, 0.005),
        "*/path_length*": (0.5, 0.002),
    },
}
"""Score -> its value at level 0, and what it gains with every level; without an entry the value is the level."""
FAILED: dict[tuple[str, str, str], tuple[str, str]] = {
    ("dtn/no-f", "", "digits"): ("oom", "the process was killed: out of memory"),
    ("dtn/no-const", "", "digits"): ("timeout", "passed its limit of 3600 s"),
    ("dtn/no-gan", "", "digits"): (
        "failed",
        "RuntimeError: <script>alert('x')</script> | shapes [64, 3] & [64, 1] do not match_at 100%",
    ),
    ("dtn/no-const-tid", "", "digits"): ("not-run", ""),
}
CURVES: dict[str, dict[str, float]] = {
    "dtn": {"l_d": 300, "l_gang": 400, "l_const": 120, "l_tid": 90},
    "dtn/f": {"loss": 80},
    "judges/mnist": {},
}
"""Paper or method -> its training curves, and how slowly they fall."""


def last_match(patterns: Mapping[str, Value], place: str, otherwise: Value) -> Value:
    """What the last pattern that fits stands for."""
    return next((patterns[one] for one in reversed(patterns) if fnmatchcase(place, one)), otherwise)
