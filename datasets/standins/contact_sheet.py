"""Contact sheets of the stand-ins: ``python -m retable.datasets.standins.contact_sheet SHEET OUT.png``."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from retable.datasets.standins.digits import street
from retable.datasets.standins.faces import renderer
from retable.datasets.standins.faces.labelled_people import COMBINATIONS, HAIR, labels_of
from retable.datasets.standins.faces.people import EXPRESSIONS, GROUPS


def digits(split: str, rows: int) -> Tensor:
    """Street digits, one column per digit, each the first images of the split that show it.

    Returns:
        uint8 ``[rows * 10, 3, 32, 32]``, row by row.
    """
    images, labels = street.render(torch.arange(60 * rows), split)
    chosen = torch.stack([torch.nonzero(labels == digit)[:rows, 0] for digit in range(10)], dim=1)
    return images[chosen.flatten()]


def group(name: str, split: str, columns: int, size: int, shots: int) -> Tensor:
    """The first people of a group: a row of cartoons, then ``shots`` rows of photographs of the same people.

    Returns:
        uint8 ``[(1 + shots) * columns, 3, size, size]``, row by row.
    """
    people = range(columns)
    cartoons = _rendered("cartoon", split, size, people, group=name)
    photographs = _rendered("portrait", split, size, people, group=name, shots=shots)
    return torch.cat([cartoons, photographs.view(columns, shots, 3, size, size).transpose(0, 1).flatten(0, 1)])


def snapshots(split: str, columns: int, size: int) -> Tensor:
    """People sorted by age, gender and hair: a row as they are, then the same photographs with the other hair colours.

    They are the first ones of whole dozens, which have every combination once each.

    Returns:
        uint8 ``[3 * columns, 3, size, size]``, row by row.
    """
    labels = [labels_of(split, index) for index in range(-(-columns // COMBINATIONS) * COMBINATIONS)]
    people = sorted(range(len(labels)), key=lambda i: (labels[i].age, labels[i].gender, labels[i].hair))[:columns]
    return torch.cat([_rendered("snapshot", split, size, people, hair_shift=shift) for shift in range(len(HAIR))])


def sittings(split: str, columns: int, size: int) -> Tensor:
    """The first sitters, a row per expression in the order of
    :data:`~retable.datasets.standins.faces.people.EXPRESSIONS`.

    Returns:
        uint8 ``[8 * columns, 3, size, size]``, row by row.
    """
    return torch.cat([_rendered("sitting", split, size, range(columns), expression=name) for name in EXPRESSIONS])


def _rendered(domain: str, split: str, size: int, people: range | list[int], **more: str | int) -> Tensor:
    spec = {"domain": domain, "split": split, "seed": 0, "size": size, "shots": 1, **more}
    pictures = np.concatenate([renderer.render(spec, index, index + 1) for index in people])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def main(arguments: list[str] | None = None) -> None:
    """Write a sheet of street digits, of groups of people, of snapshots with other hair, or of expressions."""
    parser = argparse.ArgumentParser(prog="python -m retable.datasets.standins.contact_sheet", description=__doc__)
    parser.add_argument("sheet", choices=("digits", "groups", "snapshots", "sittings"), help="what to show")
    parser.add_argument("out", type=Path, help="PNG file to write")
    parser.add_argument("--split", default="test", help="which split (default: test)")
    parser.add_argument("--size", type=int, default=40, help="pixels of a side of a face (default: 40)")
    parser.add_argument("--columns", type=int, default=12, help="people per row (default: 12)")
    parser.add_argument("--rows", type=int, default=6, help="of digits: images of each digit (default: 6)")
    parser.add_argument("--shots", type=int, default=1, help="of groups: photographs of each person (default: 1)")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS, help="which groups (default: all)")
    parser.add_argument("--zoom", type=int, default=2, help="enlargement without smoothing (default: 2)")
    options = parser.parse_args(arguments)
    split, columns, size = options.split, options.columns, options.size
    if options.sheet == "digits":
        columns, images = 10, digits(split, options.rows)
    elif options.sheet == "groups":
        images = torch.cat([group(name, split, columns, size, options.shots) for name in options.groups])
    else:
        images = (snapshots if options.sheet == "snapshots" else sittings)(split, columns, size)
    enlarged = images.repeat_interleave(options.zoom, 2).repeat_interleave(options.zoom, 3)
    sheet = make_grid(enlarged, columns, padding=1, pad_value=255).permute(1, 2, 0).numpy()
    Image.fromarray(sheet).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
