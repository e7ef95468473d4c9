"""What one process makes of a range of people: arrays of finished pictures. Imports no torch, so workers start fast."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datasets.faces import art, camera
from datasets.faces.people import person, stream
from datasets.faces.strokes import PORTRAIT


def cartoons(group: str, split: str, first: int, last: int, size: int, seed: int) -> npt.NDArray[np.uint8]:
    """The cartoons of the people ``first`` to ``last - 1``: uint8 ``[last - first, size, size, 3]``."""
    return np.stack([art.cartoon(person(group, split, index, seed), size) for index in range(first, last)])


def portraits(group: str, split: str, first: int, last: int, size: int, seed: int, shots: int) -> npt.NDArray[np.uint8]:
    """Photographs of the people ``first`` to ``last - 1``, person by person: uint8 ``[N * shots, size, size, 3]``."""
    pictures = []
    for index in range(first, last):
        who = person(group, split, index, seed)
        # Drawn once, photographed several times: the drawing is what takes the time.
        face = art.raster(who, PORTRAIT, camera.master(size))
        pictures += [
            camera.photograph(who, face, size, stream("shot", seed, split, group, index, shot)) for shot in range(shots)
        ]
    return np.stack(pictures)
