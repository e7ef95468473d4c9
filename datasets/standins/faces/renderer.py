"""Renders a range of people to arrays of finished pictures. Imports no torch, so that workers start fast."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from retable.datasets.seeding import numpy_generator
from retable.datasets.standins.faces import art, camera, expressions, features, labelled_people
from retable.datasets.standins.faces.people import Person, person
from retable.datasets.standins.faces.strokes import PORTRAIT


def render(spec: Mapping[str, Any], first: int, last: int) -> npt.NDArray[np.uint8]:
    """The pictures of the people ``first`` to ``last - 1``, person by person.

    Args:
        spec: ``domain``, ``split``, ``seed``, ``size`` in pixels and ``shots``, the photographs of every person. The
            domains ``cartoon`` (one shot) and ``portrait`` also have the people's ``group``, and may have a
            ``background``: ``card`` behind a cartoon, ``white`` around a portrait; the domains ``snapshot`` and
            ``sitting`` (one shot each) have a ``hair_shift`` and an ``expression``.
        first: first person.
        last: one more than the last person.

    Returns:
        uint8 ``[(last - first) * shots, size, size, 3]``.
    """
    if spec["domain"] in _ONE_SHOT:
        return np.stack([_ONE_SHOT[spec["domain"]](spec, index) for index in range(first, last)])
    group, split, seed, size = (spec[name] for name in ("group", "split", "seed", "size"))
    pictures = []
    for index in range(first, last):
        who = person(group, split, index, seed)
        if spec["domain"] == "cartoon":
            card = numpy_generator("card", seed, split, group, index) if spec.get("background") == "card" else None
            pictures.append(art.cartoon(who, size, None if card is None else partial(camera.backdrop, draws=card)))
            continue
        # Drawn once, photographed several times: the drawing is what takes the time.
        face = art.raster(who, PORTRAIT, camera.master(size))
        scene = camera.Scene(cut_out=spec.get("background") == "white")
        for shot in range(spec["shots"]):
            draws = numpy_generator("shot", seed, split, group, index, shot)
            pictures.append(camera.photograph(who, face, size, draws, scene))
    return np.stack(pictures)


def _snapshot(spec: Mapping[str, Any], index: int) -> npt.NDArray[np.uint8]:
    """A person of known labels anywhere, with an everyday face."""
    split, seed, size = (spec[name] for name in ("split", "seed", "size"))
    hair = (labelled_people.labels_of(split, index, seed).hair + spec["hair_shift"]) % len(labelled_people.HAIR)
    who = labelled_people.person_of(split, index, seed, hair=hair)
    expression = expressions.scaled(
        labelled_people.everyday(split, index, seed), labelled_people.strength("snapshots", split, index, seed)
    )
    return _photographed(who, expression, size, numpy_generator("snapshot", seed, split, index), plain=False)


def _sitting(spec: Mapping[str, Any], index: int) -> npt.NDArray[np.uint8]:
    """A sitter in the studio, with the expression of the specification."""
    split, seed, size = (spec[name] for name in ("split", "seed", "size"))
    expression = expressions.scaled(spec["expression"], labelled_people.strength("sittings", split, index, seed))
    # The same numbers for every expression: only the face moves.
    draws = numpy_generator("sitting", seed, split, index)
    return _photographed(labelled_people.sitter(split, index, seed), expression, size, draws, plain=True)


def _photographed(
    who: Person, expression: expressions.Expression, size: int, draws: np.random.Generator, *, plain: bool
) -> npt.NDArray[np.uint8]:
    own = features.features(who, expression)
    face = art.raster(who, PORTRAIT, camera.master(size), own)
    return camera.photograph(who, face, size, draws, camera.Scene(own.view, plain))


_ONE_SHOT = {"snapshot": _snapshot, "sitting": _sitting}
