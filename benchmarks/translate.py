"""A trained row on the user's own images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.nn.functional import interpolate

from benchmarks import index
from benchmarks.cell import Cell
from benchmarks.errors import UserError, did_you_mean
from benchmarks.evaluation import Answers
from benchmarks.journal import read_json
from benchmarks.pictures import save_grid
from benchmarks.restore import build_task, restore_method
from datasets.images import read_image
from datasets.task import Request


def translate(source: str, images: Sequence[Path], to: Path, root: Path, suite: str) -> list[Path]:
    """Translate image files with a trained cell; every file is read before the first one is written.

    Args:
        source: the cell's address within ``suite``, or its directory.
        images: PNG, JPEG or WebP files of any size; they are brought to the task's size (bicubic, antialiased).
        to: folder for the results, ``NAME.png`` each.
        root: the folder of all runs.
        suite: where the address is looked up.

    Raises:
        UserError: no such cell, not trained, or not a translation.
        DataError: a file that is not a readable image, by name.
    """
    cell, directory = _find(source, root, suite)
    task = build_task(cell, directory.parent.parent)
    method = restore_method(cell, task, directory.parent.parent, directory)
    if method.kind != "translate":
        raise UserError(f"{cell.address} does not translate images: its method answers {method.kind!r}")
    written = [to / f"{path.stem}.png" for path in images]
    if len(set(written)) != len(written):
        raise UserError("two of the images have the same name; rename one, or translate them into different folders")
    for path in written:
        if path.exists():
            raise UserError(f"{path} is there already and will not be overwritten; choose another folder with --to")
    size, channels = task.info().image_size, next(iter(task.info().channels.values()))
    pixels = []
    for path in images:
        image = read_image(path, channels=channels)[None].float() / 127.5 - 1
        pixels.append(interpolate(image, (size, size), mode="bicubic", antialias=True).clamp(-1, 1))
    fabric = Fabric(accelerator="cpu", devices=1)
    out = Answers(method, fabric).to(Request("translate", "translate", {"image": torch.cat(pixels)}))
    to.mkdir(parents=True, exist_ok=True)
    for path, image in zip(written, out, strict=True):
        save_grid(path, [image[None]])
    return written


def _find(source: str, root: Path, suite: str) -> tuple[Cell, Path]:
    directory = Path(source)
    if (data := read_json(directory / "cell.json")) is not None:
        try:
            return Cell.from_json(data), directory
        except (ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{directory / 'cell.json'} does not describe a cell of this version: {error}") from error
    cells = {cell.address: cell for cell in index.suite_cells(root, suite)}
    if source not in cells:
        raise UserError(f"no trained cell {source!r} in suite {suite!r}{did_you_mean(source, cells)}")
    return cells[source], cells[source].directory(root)
