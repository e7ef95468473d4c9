"""A contact sheet of the stand-in faces: ``python -m retable.datasets.faces.sheet OUT.png --size 48``."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from retable.datasets.digits.sheet import contact_sheet
from retable.datasets.faces import studio
from retable.datasets.faces.people import GROUPS


def faces(group: str, split: str, count: int, size: int, shots: int) -> Tensor:
    """The first people of a group: a row of cartoons, then ``shots`` rows of photographs of the same people.

    Returns:
        uint8 ``[(1 + shots) * count, 3, size, size]``, row by row.
    """
    order = {"group": group, "split": split, "seed": 0, "size": size}
    cartoons = torch.from_numpy(studio.render({**order, "domain": "cartoon", "shots": 1}, 0, count))
    photographs = torch.from_numpy(studio.render({**order, "domain": "portrait", "shots": shots}, 0, count))
    by_shot = photographs.view(count, shots, size, size, 3).transpose(0, 1).flatten(0, 1)
    return torch.cat([cartoons, by_shot]).permute(0, 3, 1, 2)


def main(arguments: list[str] | None = None) -> None:
    """Write the sheet: for every group a row of cartoons above photographs of the same people."""
    parser = argparse.ArgumentParser(prog="python -m retable.datasets.faces.sheet", description=__doc__)
    parser.add_argument("out", type=Path, help="PNG file to write")
    parser.add_argument("--size", type=int, default=48, help="pixels of a side (default: 48)")
    parser.add_argument("--columns", type=int, default=16, help="people of each group (default: 16)")
    parser.add_argument("--shots", type=int, default=1, help="photographs of each person (default: 1)")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS, help="which groups (default: all)")
    parser.add_argument("--split", default="test", help="which split (default: test)")
    parser.add_argument("--zoom", type=int, default=1, help="enlargement without smoothing (default: 1)")
    options = parser.parse_args(arguments)
    rows = [faces(group, options.split, options.columns, options.size, options.shots) for group in options.groups]
    contact_sheet(torch.cat(rows), options.columns, options.zoom).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
