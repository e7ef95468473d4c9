"""Contact sheets of the albums of looks and expressions: ``python -m retable.datasets.faces.gallery snapshots
OUT.png``."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retable.datasets.digits.sheet import contact_sheet
from retable.datasets.faces import studio
from retable.datasets.faces.looks import COMBINATIONS, HAIR, look
from retable.datasets.faces.people import EXPRESSIONS

_ALBUMS = ("snapshots", "sittings")


def snapshots(split: str, columns: int, size: int) -> Tensor:
    """People sorted by age, gender and hair: a row as they are, then the same photographs with the other hair colours.

    Args:
        split: which people.
        columns: people in a row, the first ones of whole dozens, which have every combination once each.
        size: pixels of a side.

    Returns:
        uint8 ``[3 * columns, 3, size, size]``, row by row.
    """
    looks = [look(split, index) for index in range(-(-columns // COMBINATIONS) * COMBINATIONS)]
    order = sorted(range(len(looks)), key=lambda i: (looks[i].age, looks[i].gender, looks[i].hair))[:columns]
    return torch.cat([_shown("snapshot", split, size, order, hair_shift=shift) for shift in range(len(HAIR))])


def sittings(split: str, columns: int, size: int) -> Tensor:
    """The first sitters, a row for each expression in the order of :data:`~retable.datasets.faces.people.EXPRESSIONS`.

    Returns:
        uint8 ``[8 * columns, 3, size, size]``, row by row.
    """
    sitters = list(range(columns))
    return torch.cat([_shown("sitting", split, size, sitters, expression=e) for e in EXPRESSIONS])


def _shown(domain: str, split: str, size: int, indices: list[int], **asked: str | int) -> Tensor:
    order = {"domain": domain, "split": split, "seed": 0, "size": size, "shots": 1, **asked}
    pictures = np.concatenate([studio.render(order, index, index + 1) for index in indices])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def main(arguments: list[str] | None = None) -> None:
    """Write the sheet: snapshots in three hair colours, or sitters with eight expressions."""
    parser = argparse.ArgumentParser(prog="python -m retable.datasets.faces.gallery", description=__doc__)
    parser.add_argument("album", choices=_ALBUMS, help="which album")
    parser.add_argument("out", type=Path, help="PNG file to write")
    parser.add_argument("--size", type=int, default=40, help="pixels of a side (default: 40)")
    parser.add_argument("--columns", type=int, default=12, help="people (default: 12)")
    parser.add_argument("--split", default="test", help="which split (default: test)")
    parser.add_argument("--zoom", type=int, default=2, help="enlargement without smoothing (default: 2)")
    options = parser.parse_args(arguments)
    draw = snapshots if options.album == "snapshots" else sittings
    images = draw(options.split, options.columns, options.size)
    contact_sheet(images, options.columns, options.zoom).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
