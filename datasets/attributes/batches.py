"""Training batches out of labelled images: all of a set, or those with and without something.

Images come as uint8 and leave as float32 in [-1, 1]. Everything is a pure function of the arguments.
"""

from __future__ import annotations

from torch import Tensor

from retable.datasets.attributes.labels import Contrast
from retable.datasets.attributes.requirements import has_one_colour
from retable.datasets.errors import DataError
from retable.datasets.images import signed
from retable.datasets.sampling import step_indices
from retable.datasets.sources import LabelledImages


def drawn(shown: LabelledImages, step: int, size: int, *key: str | int) -> tuple[Tensor, Tensor]:
    """Shuffled epochs: images float32 ``[size, 3, S, S]`` and their labels ``[size, ...]``."""
    places = step_indices(len(shown), step, size, *key)
    return signed(shown.images[places]), shown.labels[places]


def two_sides(shown: LabelledImages, contrast: Contrast) -> tuple[Tensor, Tensor]:
    """Which images lack the label and which have it, int64 places; neutral ones lack an expression.

    Raises:
        DataError: one of the sides is empty.
    """
    if contrast.of == "faces":
        has = shown.labels[:, contrast.column] == contrast.value
        lacks = ~has
    else:
        has, lacks = shown.labels == contrast.column, shown.labels == 0
    sides = lacks.nonzero().flatten(), has.nonzero().flatten()
    for words, side in zip(("without", "with"), sides, strict=True):
        if len(side) == 0:
            raise DataError(
                f"the task attributes has no training image of {contrast.of} {words} {contrast.name!r}; "
                "there must be one: give it more images"
            )
    return sides


def side(shown: LabelledImages, places: Tensor, step: int, size: int, *key: str | int) -> Tensor:
    """Shuffled epochs over these places: float32 ``[size, 3, S, S]``."""
    return signed(shown.images[places[step_indices(len(places), step, size, *key)]])


def one_colour(shown: LabelledImages) -> LabelledImages:
    """The snapshots whose hair has exactly one of the three colours: for others no answer is known to be right."""
    return shown.where(has_one_colour(shown.labels))
