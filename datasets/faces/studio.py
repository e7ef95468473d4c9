"""What one process makes of a range of people: arrays of finished pictures. Imports no torch, so workers start fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.faces import art, camera
from datasets.faces.people import person, stream
from datasets.faces.strokes import PORTRAIT


def render(order: Mapping[str, Any], first: int, last: int) -> npt.NDArray[np.uint8]:
    """The pictures of the people ``first`` to ``last - 1``, person by person.

    Args:
        order: ``domain`` (``cartoon`` or ``portrait``), ``group``, ``split``, ``seed``, ``size`` in pixels and
            ``shots``, the photographs of every person (1 for cartoons).
        first: first person.
        last: one more than the last person.

    Returns:
        uint8 ``[(last - first) * shots, size, size, 3]``.
    """
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
