"""Made-up cells of the StarGAN paper: scores with a known answer, and faces that are only drawn to be laid out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.reports.cartoon_factory import face
from tests.reports.report_factory import Cells, score, write_grid

TASK = "attributes"
EXPRESSIONS = ("happy", "sad", "angry")
"""Targets, as few as the quick profile has."""
DOMAINS = {
    "hair": ("black", "blond", "brown"),
    "gender": ("female", "male"),
    "age": ("old", "young"),
    "expressions": EXPRESSIONS,
}
"""Request -> the domains that it leads to, by which distances to real images are taken."""
N = {"expressions": 300, "wrong-mask": 300, "across": 75, "across-wrong-mask": 75}
"""Request -> number of images; 100 for requests that are not named."""
LITE0: Mapping[str, Any] = {"extractor": "lite0", "weights": "99aa"}
ROLES = ("hair", "gender", "age", "expression")

FACES: dict[str, tuple[float, float]] = {
    "diat": (12.0, 30.0),
    "cyclegan": (14.0, 34.0),
    "icgan": (25.0, 50.0),
    "stargan": (5.0, 8.0),
}
"""Row of the set of faces -> error in percent on single attributes, and on all three at once."""
STUDIO = {"diat": 6.0, "cyclegan": 9.0, "icgan": 20.0, "stargan": 4.0}
"""Row of the set of expressions -> error in percent."""
MODELS = {"diat": 3, "cyclegan": 6, "icgan": 1, "stargan": 1}
"""As many as three targets take."""
ACROSS = 40.0
"""Expression error of StarGAN on snapshots when it is trained on expressions alone."""
JOINT: dict[str, float] = {"expressions": 3.0, "across": 10.0, "wrong-mask": 70.0, "across-wrong-mask": 66.0}
"""Request -> expression error in percent of the joint row."""
CHANGED: dict[str, float] = {"across": 12.0, "across-wrong-mask": 55.0}
"""Request -> how often, in percent, the joint row changes attributes that should stay."""
PARAMETERS = {"faces": 53_192_576, "expressions": 53_226_560, "": 53_334_080}
"""StarGAN's, by variant; the last about what joint training takes."""
A_MODEL = {"diat": 52_562_496, "cyclegan": 52_562_496, "icgan": 67_800_000}
"""The comparators' parameters a model."""


def error(role: str, value: float, variant: str, request: str, **slices: str) -> dict[str, Any]:
    """``classification_error`` by a judge, or by several together (``hair.gender``)."""
    return score(
        f"classification_error.{role}",
        value,
        unit="%",
        direction="lower",
        slices={"request": request, **slices},
        extractor=f"judge:{role}",
        weights="1a2b",
        data=_data(variant, request),
        n_fake=N.get(request, 100),
    )


def _data(variant: str, request: str) -> str:
    return f"{TASK}{'-' + variant if variant else ''}:standin:{request}"


def _likeness(variant: str, request: str, bad: float, *, real: bool = True, pair: bool = False) -> list[dict[str, Any]]:
    """FID and KID where there is a reference, distance to the truth where there is one, and identity."""
    keys: dict[str, Any] = {"data": _data(variant, request), "n_fake": N.get(request, 100), **LITE0}
    asked = {"request": request}
    found = [score("identity.lite0", 1 - bad / 200, direction="higher", slices=asked, **keys)]
    by = "expression" if request == "expressions" else request
    for part in [{}, *({by: name} for name in DOMAINS[request])] if real else []:
        slices = {**asked, **part}
        found.append(score("fid.lite0", 30 + bad, direction="lower", slices=slices, n_real=200, **keys))
        found.append(score("kid.lite0", bad / 10, direction="lower", slices=slices, n_real=200, **keys))
    return found + ([_distance(variant, request, bad)] if pair else [])


def _distance(variant: str, request: str, bad: float) -> dict[str, Any]:
    keys: dict[str, Any] = {"data": _data(variant, request), "n_fake": N.get(request, 100), **LITE0}
    return score("lpips_pair.lite0", 0.2 + bad / 100, direction="lower", slices={"request": request}, **keys)


def _answered(variant: str, request: str) -> dict[str, Any]:
    keys: dict[str, Any] = {"data": _data(variant, request), "n_fake": N.get(request, 100), "detail": "timer=cpu"}
    return score("answer_time", 0.002, unit="s", direction="lower", slices={"request": request}, **keys)


def face_scores(variant: str, single: float, three: float) -> list[dict[str, Any]]:
    """What a row that is trained on faces is scored by there; two attributes lie between one and three."""
    scores = [_distance(variant, "faces-cycle", single)]
    scores += [_answered(variant, request) for request in ("hair", "hair-gender-age")]
    for role in ("hair", "gender", "age"):
        scores += [error(role, single, variant, role), error("hair.gender.age", single + 2, variant, role)]
        scores += _likeness(variant, role, single, pair=role == "hair")
    for role in ("hair.gender", "hair.age", "gender.age"):
        scores.append(error(role, (single + three) / 2, variant, role.replace(".", "-")))
    scores.append(error("hair.gender.age", three, variant, "hair-gender-age"))
    return scores + _likeness(variant, "hair-gender-age", three, real=False)


def studio_scores(variant: str, portraits: float, across: float, changed: float) -> list[dict[str, Any]]:
    """What a row that is trained on expressions is scored by there."""
    scores = [error("expression", portraits, variant, "expressions"), error("expression", across, variant, "across")]
    scores += [error("expression", portraits, variant, "expressions", expression=name) for name in EXPRESSIONS]
    scores += [error("hair.gender.age", changed, variant, "across"), _distance(variant, "expressions-cycle", portraits)]
    scores += [_answered(variant, "expressions"), *_likeness(variant, "expressions", portraits, pair=True)]
    return scores + _likeness(variant, "across", across, real=False)


def cost_scores(trained: float, models: int) -> list[dict[str, Any]]:
    """Parameters, models and times."""
    of_row = {"request": "train"}
    timed: dict[str, Any] = {"slices": of_row, "detail": "timer=cpu"}
    return [
        score("parameters", trained, slices=of_row),
        score("trained_parameters", trained, slices=of_row),
        score("models", models, slices=of_row),
        score("model_parameters", trained / models, slices=of_row),
        score("step_time.p50", 0.2, unit="s", direction="lower", **timed),
        score("throughput", 80, unit="images/s", direction="higher", **timed),
        score("peak_memory", 700, unit="MiB", direction="lower", **timed),
    ]


def stargan_suite(
    cells: Cells,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    pictures: bool = False,
    faces: Mapping[str, tuple[float, float]] = FACES,
    studio: Mapping[str, float] = STUDIO,
    joint: Mapping[str, float] = JOINT,
    changed: Mapping[str, float] = CHANGED,
    parameters: Mapping[str, float] = PARAMETERS,
) -> Cells:
    """Every row of the tables at every seed, with the judges at the first; keywords replace what came out."""
    for role in ROLES:
        wrong = score(
            "classification_error", 0.5, unit="%", direction="lower", slices={"request": "judge-test"}, n_real=400
        )
        cells.add(f"judges/{role}", [wrong, score("parameters", 70_000, slices={"request": "train"})], task=TASK)
    judges = {role: cells.cell(f"judges/{role}", task=TASK) for role in ROLES}
    attributes = {role: judges[role] for role in ROLES[:3]}
    for seed in seeds:
        noise = random.Random(seed).uniform(-0.4, 0.4)
        for name in MODELS:
            scores = face_scores("faces", *(value + noise for value in faces[name]))
            scores += cost_scores(A_MODEL.get(name, parameters["faces"]) * MODELS[name], MODELS[name])
            where = cells.add(f"stargan/{name}", scores, variant="faces", seed=seed, task=TASK, judges=attributes)
            if pictures:
                _draw(where / "images", "", 1 - faces[name][0] / 40)
            scores = studio_scores("expressions", studio[name] + noise, ACROSS + noise, 30.0)
            scores += cost_scores(A_MODEL.get(name, parameters["expressions"]) * MODELS[name], MODELS[name])
            where = cells.add(f"stargan/{name}", scores, variant="expressions", seed=seed, task=TASK, judges=judges)
            if pictures:
                _draw(where / "images", "", 1 - studio[name] / 40)
                _draw(where / "images", "across.", 0.2, first=20)
        both = {request: value + noise for request, value in joint.items()}
        scores = face_scores("", faces["stargan"][0] + 1 + noise, faces["stargan"][1] + 1 + noise)
        scores += studio_scores("", both["expressions"], both["across"], changed["across"] + noise)
        scores += [error("expression", both[name], "", name) for name in ("wrong-mask", "across-wrong-mask")]
        scores.append(error("hair.gender.age", changed["across-wrong-mask"] + noise, "", "across-wrong-mask"))
        scores += cost_scores(parameters[""], 1)
        where = cells.add("stargan/stargan-joint", scores, seed=seed, task=TASK, judges=judges)
        if pictures:
            _draw(where / "images", "", 0.9)
            _draw(where / "images", "across.", 0.8, first=20)
            _draw(where / "images", "across-wrong-mask.", 0.4, first=20)
            _draw(where / "images", "faces.", 0.85)
    return cells


def _draw(folder: Path, preview: str, skill: float, first: int = 0) -> None:
    people = range(first, first + 12)
    for name, flat in (("inputs", 0.0), ("outputs", skill)):
        write_grid(folder / f"{preview}{name}.png", [[face(index, flat) for index in people]], factor=1)
