"""Made-up cells of the MixDL paper: scores with a known answer, and faces that are only drawn to be laid out."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.reports.cartoon_factory import face
from tests.reports.report_factory import Cells, score, write_grid

TASK = "ten-shot"
FID: Mapping[str, float] = {
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
}
"""Row -> its FID from ten images; everything else it is scored by follows from that unless it is replaced."""
OTHER_SHOTS: Mapping[tuple[str, str], float] = {
    ("stylegan2", "n5"): 200,
    ("mixdl", "n5"): 90,
    ("stylegan2", "n100"): 60,
    ("stylegan2-da", "n100"): 48,
    ("mixdl", "n100"): 50,
    ("mixdl-da", "n100"): 45,
}
"""Row and variant -> its FID from other numbers of images."""
PICTURED = tuple(FID)[:9]
"""The rows of Table 1; only they are drawn, and at one seed, because pictures take time."""
SHOTS = {"n5": 5, "": 10, "n100": 100}
SOURCES = {"source": 0.9, "source-far": 0.7}
"""Stage -> its KID."""
LITE0: Mapping[str, Any] = {"extractor": "lite0", "weights": "99aa"}


def follows(fid: float) -> dict[str, float]:
    """The scores of a row, all of them worse where its FID is."""
    return {
        "fid": fid,
        "sfid": 40 + fid / 2,
        "kid": fid / 100,
        "precision": 1 - fid / 250,
        "recall": 0.8 - fid / 250,
        "lpips_diversity": 0.6 - fid / 1000,
        "nearest_shot": 0.3 - fid / 1000,
        "copies": fid / 250,
        "smoothness": 100 + fid,
        "largest_jump": 1 + fid / 40,
        "path_spread": fid / 200,
        "path_length": 0.5 + fid / 500,
    }


DIRECTIONS = {"precision": "higher", "recall": "higher", "lpips_diversity": "higher", "nearest_shot": "none"}
"""Scores of which lower is not better."""
REQUESTS = {"smoothness": "smoothness", "largest_jump": "strips", "path_spread": "strips", "path_length": "strips"}


def row_scores(values: Mapping[str, float], variant: str, source: str = "standin") -> list[dict[str, Any]]:
    """What a row is scored by, yardsticks included."""
    data = f"{TASK}{'-' + variant if variant else ''}:{source}"
    found = []
    for name, value in values.items():
        request = REQUESTS.get(name, "samples")
        counted = {"n_real": SHOTS[variant]} if name in ("nearest_shot", "copies") else {"n_real": 2000}
        found.append(
            score(
                f"{name}.lite0",
                value,
                direction="none" if name == "path_length" else DIRECTIONS.get(name, "lower"),
                slices={"request": request},
                data=f"{data}:{request}",
                n_fake=500,
                **counted,
                **LITE0,
            )
        )
    shots = {"slices": {"request": "shots"}, "data": f"{data}:shots", "n_fake": SHOTS[variant], **LITE0}
    found.append(score("lpips_diversity.lite0", 0.61 + SHOTS[variant] / 10_000, **shots))
    real = {"slices": {"request": "reference"}, "data": f"{data}:reference", "n_real": SHOTS[variant], **LITE0}
    found.append(score("nearest_shot.lite0", 0.345, **real))
    timed: dict[str, Any] = {"slices": {"request": "train"}, "detail": "timer=cpu"}
    found.append(score("trained_parameters", 2_400_000, slices={"request": "train"}))
    found.append(score("step_time.p50", 0.2, unit="s", direction="lower", **timed))
    found.append(score("throughput", 40, unit="images/s", direction="higher", **timed))
    found.append(score("peak_memory", 700, unit="MiB", direction="lower", **timed))
    return found


def mixdl_suite(
    cells: Cells,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    pictures: bool = False,
    source: str = "standin",
    fid: Mapping[str, float] = FID,
    other_shots: Mapping[tuple[str, str], float] = OTHER_SHOTS,
    replaced: Mapping[tuple[str, str, str], float] | None = None,
) -> Cells:
    """Every row of the tables at every seed, with the sources of CDC; ``replaced``: (row, variant, score) -> value."""
    for seed in seeds:
        noise = random.Random(seed).uniform(-2, 2)
        for name, value in SOURCES.items():
            samples = {"slices": {"request": "samples"}, "data": f"{TASK}:{source}:samples", **LITE0}
            kid = score("kid.lite0", value, direction="lower", n_real=250, n_fake=250, **samples)
            cells.add(f"mixdl/{name}", [kid], seed=seed, task=TASK, source=source)
        runs = {**{(name, ""): value for name, value in fid.items()}, **other_shots}
        for (name, variant), value in runs.items():
            values = follows(value + noise)
            for (row, of, what), other in (replaced or {}).items():
                if (row, of) == (name, variant):
                    values[what] = other
            scores = row_scores(values, variant, source)
            where = cells.add(f"mixdl/{name}", scores, variant=variant, seed=seed, task=TASK, source=source)
            if pictures and seed == seeds[0] and name in PICTURED and not variant:
                draw(where, 1 - value / 200)
    return cells


def draw(folder: Path, skill: float) -> None:
    """The samples of a step, ten shots, thirty-six final samples, and four interpolations of twelve points."""
    samples = [[face(12 * row + index, skill) for index in range(12)] for row in range(3)]
    write_grid(folder / "images" / "outputs.png", samples, factor=1)
    write_grid(folder / "images" / "learnt.png", [[face(index, 1.0) for index in range(10)]], factor=1)
    strips = [[face(row + (5 if index > 5 else 0), skill) for index in range(12)] for row in range(4)]
    write_grid(folder / "images" / "strips.outputs.png", strips, factor=1)
    with (folder / "journal.jsonl").open("a") as journal:
        write_grid(folder / "samples" / "step-000500.png", samples, factor=1)
        event = {"t": 1, "event": "samples", "step": 500, "file": "samples/step-000500.png"}
        journal.write(json.dumps(event) + "\n")
