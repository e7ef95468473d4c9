"""What one process makes of a range of people: arrays of finished pictures. Imports no torch, so workers start fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from retable.datasets.faces import art, camera, features, looks, miens
from retable.datasets.faces.people import Person, person, stream
from retable.datasets.faces.strokes import PORTRAIT


def render(order: Mapping[str, Any], first: int, last: int) -> npt.NDArray[np.uint8]:
    """The pictures of the people ``first`` to ``last - 1``, person by person.

    Args:
        order: ``domain``, ``split``, ``seed``, ``size`` in pixels and ``shots``, the photographs of every person. The
            domains ``cartoon`` (one shot) and ``portrait`` also have the people's ``group``, the domains ``snapshot``
            and ``sitting`` (one shot each) a ``hair_shift`` and an ``expression``.
        first: first person.
        last: one more than the last person.

    Returns:
        uint8 ``[(last - first) * shots, size, size, 3]``.
    """
    if order["domain"] in _ONE_SHOT:
        return np.stack([_ONE_SHOT[order["domain"]](order, index) for index in range(first, last)])
    group, split, seed, size = (order[name] for name in ("group", "split", "seed", "size"))
    pictures = []
    for index in range(first, last):
        who = person(group, split, index, seed)
        if order["domain"] == "cartoon":
            pictures.append(art.cartoon(who, size))
            continue
        # Drawn once, photographed several times: the drawing is what takes the time.
        face = art.raster(who, PORTRAIT, camera.master(size))
        for shot in range(order["shots"]):
            draws = stream("shot", seed, split, group, index, shot)
            pictures.append(camera.photograph(who, face, size, draws))
    return np.stack(pictures)


def _snapshot(order: Mapping[str, Any], index: int) -> npt.NDArray[np.uint8]:
    """A person of a known look anywhere, with an everyday face."""
    split, seed, size = (order[name] for name in ("split", "seed", "size"))
    hair = (looks.look(split, index, seed).hair + order["hair_shift"]) % len(looks.HAIR)
    who = looks.person_of(split, index, seed, hair=hair)
    shown = miens.mien(looks.everyday(split, index, seed), looks.strength("snapshots", split, index, seed))
    return _photographed(who, shown, size, stream("snapshot", seed, split, index), plain=False)


def _sitting(order: Mapping[str, Any], index: int) -> npt.NDArray[np.uint8]:
    """A sitter in the studio, with the expression asked for."""
    split, seed, size = (order[name] for name in ("split", "seed", "size"))
    shown = miens.mien(order["expression"], looks.strength("sittings", split, index, seed))
    # The same numbers for every expression: only the face moves.
    draws = stream("sitting", seed, split, index)
    return _photographed(looks.sitter(split, index, seed), shown, size, draws, plain=True)


def _photographed(
    who: Person, shown: miens.Mien, size: int, draws: np.random.Generator, *, plain: bool
) -> npt.NDArray[np.uint8]:
    own = features.features(who, shown)
    face = art.raster(who, PORTRAIT, camera.master(size), own)
    return camera.photograph(who, face, size, draws, camera.Scene(own.view, plain))


_ONE_SHOT = {"snapshot": _snapshot, "sitting": _sitting}
