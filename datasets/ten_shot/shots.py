"""How the ten shots are chosen: by the seed, and never the same picture twice.

What they are chosen among is said in :mod:`retable.datasets.ten_shot.sources`: 400 drawn people, or the user's folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from retable.datasets.errors import DataError
from retable.datasets.files import hint
from retable.datasets.sampling import epoch_order

SAME, COMPARED_AT = 2, 64
"""Shots are one picture if no pixel differs by more levels of 255, which is what resizing a mirror image leaves; and
the side in pixels at which shots of many sizes are compared."""


def chosen_shots(among: int, shots: int, seed: int) -> Tensor:
    """Which of ``among`` images the shots of a seed are, int64 ``[shots]``.

    They are the first of a permutation that the seed decides, so more shots start with the fewer ones.
    """
    return epoch_order(among, 0, "shots", seed)[:shots].clone()


def refuse_duplicates(files: Sequence[Path], images: Tensor, root: Path) -> None:
    """Check that no two of the shots are one picture, or its mirror image, whatever their files are called.

    Rows learn from every shot and its mirror image, so a mirrored shot adds nothing. Pixels are compared: a copy that
    was saved with loss is another picture.

    Args:
        files: the shots' files.
        images: what is in them, uint8 ``[N, C, H, W]``.
        root: the folder that errors send the user to.

    Raises:
        DataError: two are, with the names of both.
    """
    # In the order of their names, whatever order the seed chose them in.
    order = sorted(range(len(files)), key=lambda index: files[index])
    for first, again in duplicates([files[index] for index in order], images[order]):
        raise DataError(f"{again}: {duplicate_of(root, first)}; {hint(root)}")


def duplicates(files: Sequence[Path], images: Tensor) -> list[tuple[Path, Path]]:
    """The first file of each picture that is there again, with the later one."""
    flat, mirrored = (side.flatten(1).float() for side in (images, images.flip(3)))
    apart = torch.cdist(flat, flat, p=torch.inf).minimum(torch.cdist(flat, mirrored, p=torch.inf))
    first = (apart <= SAME).int().argmax(1).tolist()
    return [(files[before], files[index]) for index, before in enumerate(first) if before < index]


def duplicate_of(root: Path, first: Path) -> str:
    """What is said about a later file."""
    return f"the same image as {first.relative_to(root)}, or its mirror image; remove one of them, a shot counts once"
