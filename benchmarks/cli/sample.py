"""New images, and interpolations between them, from a trained row that samples."""

from __future__ import annotations

import math
from pathlib import Path

from lightning_fabric import Fabric

from retable.benchmarks.errors import UserError
from retable.benchmarks.run.pictures import COLUMNS, in_rows, save_grid, save_image
from retable.benchmarks.run.scoring import Answers
from retable.benchmarks.run.trained_cell import find_trained, refuse_to_overwrite

MOST = 10_000
"""Images, or points of all strips together, of one command; they are all held in memory."""
GRID, STRIPS = "samples.png", "strips.png"


def sample(
    source: str,
    out: Path,
    root: Path,
    suite: str,
    *,
    count: int = 64,
    seed: int = 0,
    strips: int = 0,
    points: int = 12,
) -> list[Path]:
    """Sample images from a trained cell; nothing is written before everything has been made.

    Args:
        source: the cell's address within ``suite``, or its directory.
        out: folder for the results: ``000.png``, ``001.png`` ..., a grid of all in ``samples.png``, and ``strips.png``
            with an interpolation a row.
        root: the folder of all runs.
        suite: where the address is looked up.
        count: how many images, 1 to 10,000.
        seed: another seed, other images; 0 or more.
        strips: how many interpolations, each between two images of their own; 0 for none.
        points: images of an interpolation, its two ends included; 2 or more.

    Returns:
        The files, in the order above.

    Raises:
        UserError: a number out of range, no such cell, not trained, or one that does not sample; a result's file exists
            already.
        DataError: the task has nothing to sample.
    """
    _check("--n", count, 1, MOST)
    _check("--seed", seed, 0, 2**31 - 1)
    _check("--strips", strips, 0, MOST)
    _check("--points", points, 2, MOST)
    if strips * points > MOST:
        raise UserError(
            f"--strips {strips} --points {points}: {strips * points} images, at most {MOST} are made at once"
        )
    trained = find_trained(source, root, suite, "sample")
    digits = max(3, len(str(count - 1)))
    files = [out / f"{number:0{digits}}.png" for number in range(count)]
    grids = [out / GRID, *([out / STRIPS] if strips else [])]
    refuse_to_overwrite([*files, *grids])
    answers = Answers(trained.method, Fabric(accelerator="cpu", devices=1))
    images = answers.to(trained.task.draw(count, seed))
    between = answers.to(trained.task.draw(strips, seed, points)) if strips else None
    out.mkdir(parents=True, exist_ok=True)
    for path, image in zip(files, images, strict=True):
        save_image(path, image)
    columns = min(COLUMNS, math.ceil(math.sqrt(count)))
    save_grid(out / GRID, in_rows(images, columns))
    if between is not None:
        save_grid(out / STRIPS, in_rows(between, points), points)
    return [*files, *grids]


def _check(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise UserError(f"{option} {value}: expected a number from {least} to {most}")
