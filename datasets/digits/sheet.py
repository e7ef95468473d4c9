"""A contact sheet of street digits: ``python -m retable.datasets.digits.sheet OUT.png``."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from retable.datasets.digits.street import SIZE, render


def contact_sheet(images: Tensor, columns: int, zoom: int) -> Image.Image:
    """Images side by side, row by row, one white pixel apart.

    Args:
        images: uint8 ``[N, 3, H, W]``.
        columns: images in a row.
        zoom: whole number of times that every image is enlarged, without smoothing.
    """
    n, _, height, width = images.shape
    height, width = height * zoom + 1, width * zoom + 1
    sheet = Image.new("RGB", (columns * width + 1, -(-n // columns) * height + 1), "white")
    for i, image in enumerate(images):
        tile = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
        tile = tile.resize((width - 1, height - 1), Image.Resampling.NEAREST)
        sheet.paste(tile, (i % columns * width + 1, i // columns * height + 1))
    return sheet


def main(arguments: list[str] | None = None) -> None:
    """Write the sheet: one column for each digit, the first images of the split that carry it."""
    parser = argparse.ArgumentParser(prog="python -m retable.datasets.digits.sheet", description=__doc__)
    parser.add_argument("out", type=Path, help="PNG file to write")
    parser.add_argument("--split", default="test", help="which split (default: test)")
    parser.add_argument("--rows", type=int, default=6, help="images of each digit (default: 6)")
    parser.add_argument("--zoom", type=int, default=2, help=f"enlargement of the {SIZE}-pixel images (default: 2)")
    options = parser.parse_args(arguments)
    images, labels = render(torch.arange(60 * options.rows), options.split)
    chosen = torch.stack([torch.nonzero(labels == digit)[: options.rows, 0] for digit in range(10)], dim=1)
    contact_sheet(images[chosen.flatten()], 10, options.zoom).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
