"""Made-up cells of the cartoon paper: scores with a known answer, and faces that are only drawn to be laid out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.reports.report_factory import Cells, score, write_grid

TASK = "cartoon-groups"
PEOPLE = {"woman": 100, "man": 40, "kids": 30, "old": 30}
"""Group -> number of test images."""
SKILL: dict[str, tuple[float, float]] = {
    "basic": (0.95, 0.2),
    "baseline1": (0.9, 0.55),
    "baseline2": (0.4, 0.8),
    "baseline3": (0.5, 0.7),
    "transfer": (0.93, 0.88),
    "transfer-no-sbp": (0.8, 0.75),
}
"""Row -> how well it does on women and on the rare groups, in [0, 1], in the order that the paper tells."""

LITE0: Mapping[str, Any] = {"extractor": "lite0", "weights": "99aa"}


def cartoon_scores(name: str, seed: int, skills: tuple[float, float]) -> list[dict[str, Any]]:
    """Everything that a row of the cartoon figures is scored by."""
    noise = random.Random(f"{name}-{seed}")
    scores = [score("parameters", 4_475_818), _time("step_time.p50", 0.4, "s"), _time("throughput", 20, "images/s")]
    for person, count in PEOPLE.items():
        skill = skills[person != "woman"] + noise.uniform(-0.02, 0.02)
        parts = {"group": person}
        real = {"n_real": 2 * count, "n_fake": count, **LITE0}
        pair = score("lpips_pair.lite0", 0.6 - skill / 2, direction="lower", slices=parts, n_fake=count, **LITE0)
        over = 0.12 if name == "baseline3" else 0.01
        scores += [
            _accuracy("cartoon", 100 * skill, count, {"request": "test", **parts}),
            _accuracy("photo", 90 * skill, count, {"request": "back", **parts}),
            _taken_for_women(100 * (1 - skill), count, {"request": "test", **parts}),
            score("lpips_diversity.lite0", skill / 2, direction="higher", slices=parts, n_fake=count, **LITE0),
            pair,
            {**pair, "value": pair["value"] - over, "slice": {"request": "train", **parts}},
        ]
        for request in ("test", "back"):
            asked = {"request": request, **parts}
            scores += [
                score("fid.lite0", 180 - 100 * skill, direction="lower", slices=asked, **real),
                score("kid.lite0", 0.12 - skill / 10, direction="lower", slices=asked, **real),
                score("identity.lite0", 0.4 + skill / 2, direction="higher", slices=asked, n_fake=count, **LITE0),
            ]
    return scores


def _accuracy(role: str, value: float, count: int, slices: Mapping[str, str]) -> dict[str, Any]:
    keys = {"extractor": f"judge:{role}", "weights": "1a2b", "n_fake": count}
    return score(f"accuracy.{role}", value, unit="%", direction="higher", slices=slices, **keys)


def _taken_for_women(value: float, count: int, slices: Mapping[str, str]) -> dict[str, Any]:
    keys = {"extractor": "judge:cartoon", "weights": "1a2b", "n_fake": count}
    return score("confusion.cartoon", value, unit="%", direction="none", slices={**slices, "as": "woman"}, **keys)


def _time(name: str, value: float, unit: str) -> dict[str, Any]:
    return score(name, value, unit=unit, direction="lower", detail="timer=cpu, steps=50")


def cartoon_suite(
    cells: Cells,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    pictures: bool = False,
    skill: Mapping[str, tuple[float, float]] = SKILL,
) -> Cells:
    """Every row of the figures at every seed, with the judges and the recogniser at the first."""
    for role in ("cartoon", "photo"):
        name = f"judges/{role}-group"
        right = score("accuracy", 97.5, unit="%", direction="higher", n_fake=200, slices={"request": "judge-test"})
        cells.add(name, [right, score("parameters", 9_000, slices={"request": "own"})], task=TASK)
    judges = {role: cells.cell(f"judges/{role}-group", task=TASK) for role in ("cartoon", "photo")}
    for seed in seeds:
        same = score("accuracy", 91.0, unit="%", direction="higher", n_fake=400, slices={"request": "pairs"})
        own = score("parameters", 70_000, slices={"request": "own"})
        cells.add("cartoon/recogniser", [same, own], seed=seed, task=TASK)
        for name, skills in skill.items():
            scores = cartoon_scores(name, seed, skills)
            directory = cells.add(f"cartoon/{name}", scores, seed=seed, task=TASK, judges=judges)
            if pictures:
                _draw(directory, skills[1])
    return cells


def _draw(directory: Path, skill: float) -> None:
    portraits = [face(index, 0.0) for index in range(12)]
    for name, strip in (
        ("inputs", portraits),
        ("outputs", [face(index, skill) for index in range(12)]),
        ("truth", [face(index, 1.0) for index in range(12)]),
    ):
        write_grid(directory / "images" / f"{name}.png", [strip], factor=1)


def face(index: int, flat: float, side: int = 48) -> Image.Image:
    """A head with hair, eyes and a mouth; the fewer shades, the nearer ``flat`` is to 1."""
    colours = random.Random(index)
    skin = tuple(int(tone * (0.7 + 0.3 * flat)) for tone in (255, colours.randint(150, 220), colours.randint(120, 190)))
    hair = (colours.randint(10, 200), colours.randint(10, 120), colours.randint(10, 90))
    picture = Image.new("RGB", (side * 4, side * 4), (255, 255, 255) if flat else (120, 140, 150))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((30, 8, 162, 150), fill=hair)
    draw.ellipse((45, 35, 147, 175), fill=skin)
    for left in (70, 108):
        draw.ellipse((left, 85, left + 16 + int(6 * flat), 101 + int(6 * flat)), fill=(20, 20, 30))
    draw.arc((75, 115, 118, 150), 20, 160, fill=(150, 40, 50), width=6)
    return picture.resize((side, side))
