"""Training batches out of labelled images: all of a set, or those with and without something.

Images come as uint8 and leave as float32 in [-1, 1]. Everything is a pure function of the arguments.
"""

from __future__ import annotations

from torch import Tensor

from retable.datasets.attributes.sources import Labelled
from retable.datasets.attributes.wishes import Target
from retable.datasets.errors import DataError
from retable.datasets.faces.looks import HAIR
from retable.datasets.images import signed
from retable.datasets.sampling import step_indices


def drawn(shown: Labelled, step: int, size: int, *key: str | int) -> tuple[Tensor, Tensor]:
    """Shuffled epochs: images float32 ``[size, 3, S, S]`` and their labels ``[size, ...]``."""
    places = step_indices(len(shown), step, size, *key)
    return signed(shown.images[places]), shown.labels[places]


def two_sides(shown: Labelled, target: Target) -> tuple[Tensor, Tensor]:
    """Which images lack the target and which have it, int64 places; neutral ones lack an expression.

    Raises:
        DataError: one of the sides is empty.
    """
    if target.of == "faces":
        has = shown.labels[:, target.column] == target.value
        lacks = ~has
    else:
        has, lacks = shown.labels == target.column, shown.labels == 0
    sides = lacks.nonzero().flatten(), has.nonzero().flatten()
    for words, side in zip(("without", "with"), sides, strict=True):
        if len(side) == 0:
            raise DataError(
                f"the task attributes has no training image of {target.of} {words} {target.name!r}; "
                "there must be one: give it more images"
            )
    return sides


def side(shown: Labelled, places: Tensor, step: int, size: int, *key: str | int) -> Tensor:
    """Shuffled epochs over these places: float32 ``[size, 3, S, S]``."""
    return signed(shown.images[places[step_indices(len(places), step, size, *key)]])


def one_colour(shown: Labelled) -> Labelled:
    """The snapshots whose hair has exactly one of the three colours: of others nobody can say what is right."""
    return shown.where(shown.labels[:, : len(HAIR)].sum(1) == 1)
