"""A trained cell, found by its address or folder, and used: on images of one's own, or to make new ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from pydantic import ValidationError
from torch import Tensor

from retable.benchmarks.errors import UserError, did_you_mean
from retable.benchmarks.run.answers import Answers
from retable.benchmarks.run.build import WEIGHTS, build_task, trained_method
from retable.benchmarks.run.checkpoint import damage
from retable.benchmarks.run.results import suite_cells
from retable.datasets.errors import DataError
from retable.datasets.images import read_image, square
from retable.datasets.pictures import COLUMNS, in_rows, save_grid, save_image
from retable.datasets.task import Request, Task
from retable.methods.method import Kind
from retable.reports.records.cell import Cell
from retable.reports.records.files import read_json
from retable.reports.records.result import first_problem
from retable.reports.text import one_line

_WHAT = {"translate": "does not translate images", "sample": "does not make images out of nothing"}
MOST = 10_000
"""Images, or points of all strips together, that :func:`sample` makes at once; they are all held in memory."""
GRID, STRIPS = "samples.png", "strips.png"


@dataclass(frozen=True)
class TrainedCell:
    """A cell with its task, not yet prepared, and what its method answers after training."""

    cell: Cell
    task: Task
    answers: Answers


def find_trained(source: str, root: Path, suite: str, kind: Kind) -> TrainedCell:
    """A trained cell whose method answers requests of one kind.

    Args:
        source: the cell's address within ``suite``, or its directory.
        root: the folder of all runs.
        suite: where the address is looked up.
        kind: what its method must do.

    Raises:
        UserError: no such cell, not trained, or a method that does something else.
    """
    cell, directory = _find(source, root, suite)
    runs = directory.parent.parent
    if not (directory / WEIGHTS).exists():
        raise UserError(f"{cell.address} has no trained networks: {directory} holds no {WEIGHTS}; run it to its end")
    if words := damage(directory / WEIGHTS):
        raise UserError(f"{words}; run {cell.address} again with --fresh")
    try:
        task = build_task(cell, runs)
        method = trained_method(cell, task, runs, directory)
    except (UserError, DataError):
        raise
    except Exception as error:  # settings that nobody trained with may stop a network's construction in any way
        problem = one_line(f"{type(error).__name__}: {error}")
        raise UserError(f"{directory / 'cell.json'}: its networks cannot be built ({problem})") from error
    if method.kind != kind:
        raise UserError(f"{cell.address} {_WHAT.get(kind, 'does something else')}: its method answers {method.kind!r}")
    return TrainedCell(cell, task, Answers(method, Fabric(accelerator="cpu", devices=1)))


def _find(source: str, root: Path, suite: str) -> tuple[Cell, Path]:
    directory = Path(source)
    order = directory / "cell.json"
    if order.is_file():
        if (data := read_json(order)) is None:
            raise UserError(f"{order}: damaged, or not JSON; run the cell again")
        try:
            return Cell.from_json(data), directory
        except ValidationError as error:
            problem = one_line(first_problem(error))
            raise UserError(f"{order} does not describe a cell of this version: {problem}") from error
        except RecursionError as error:
            raise UserError(f"{order} does not describe a cell: its cells are nested too deeply") from error
    cells = {cell.address: cell for cell in suite_cells(root, suite)}
    if source not in cells:
        raise UserError(f"no trained cell {source!r} in suite {suite!r}{did_you_mean(source, cells)}")
    return cells[source], cells[source].directory(root)


def translate(
    source: str,
    images: Sequence[Path],
    out: Path,
    root: Path,
    suite: str,
    wanted: Mapping[str, str] | None = None,
) -> list[Path]:
    """Translate image files with a trained cell; every file is read before the first one is written.

    Args:
        source: with ``root`` and ``suite`` as for :func:`find_trained`.
        images: PNG, JPEG or WebP files of any size; the centre square of each is brought to the task's size, with
            anti-aliasing: a face must not be squeezed.
        out: folder for the results, ``NAME.png`` each.
        wanted: what to translate into, in the task's words, e.g. ``{"group": "kids"}``.

    Raises:
        UserError: no such cell, not trained, or not a translation; a result's file exists already; the row has nothing
            for what is wanted and left the images as they are.
        DataError: a file that is not a readable image, by name; something wanted that the task does not know.
    """
    trained = find_trained(source, root, suite, "translate")
    written = [out / f"{path.stem}.png" for path in images]
    if len(set(written)) != len(written):
        raise UserError("two of the images have the same name; rename one, or translate them into different folders")
    _refuse_to_overwrite(written)
    info = trained.task.info()
    channels = next(iter(info.channels.values()))
    pixels = torch.stack([square(read_image(path, channels=channels), info.image_size) for path in images])
    request = trained.task.ask(pixels.float() / 127.5 - 1, wanted or {})
    answers = _answers(trained, request)
    if wanted and torch.equal(answers, request.inputs["image"]):
        asked = ", ".join(f"{key}={value}" for key, value in wanted.items())
        raise UserError(
            f"{trained.cell.address} left every image as it is: it has no model for {asked}; ask another row"
        )
    out.mkdir(parents=True, exist_ok=True)
    for path, image in zip(written, answers, strict=True):
        save_image(path, image)
    return written


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
        source: with ``root`` and ``suite`` as for :func:`find_trained`.
        out: folder for the results: ``000.png``, ``001.png`` ..., a grid of all in ``samples.png``, and ``strips.png``
            with one interpolation per row.
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
    _refuse_to_overwrite([*files, *grids])
    images = _answers(trained, trained.task.draw(count, seed))
    between = _answers(trained, trained.task.draw(strips, seed, points)) if strips else None
    out.mkdir(parents=True, exist_ok=True)
    for path, image in zip(files, images, strict=True):
        save_image(path, image)
    columns = min(COLUMNS, math.ceil(math.sqrt(count)))
    save_grid(out / GRID, in_rows(images, columns))
    if between is not None:
        save_grid(out / STRIPS, in_rows(between, points), points)
    return [*files, *grids]


def _answers(trained: TrainedCell, request: Request) -> Tensor:
    try:
        return trained.answers.to(request)
    except NotImplementedError as error:  # a reference row
        raise UserError(f"{trained.cell.address} {error}") from error


def _check(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise UserError(f"{option} {value}: expected a number from {least} to {most}")


def _refuse_to_overwrite(paths: Sequence[Path]) -> None:
    """None of these files may exist, and their folder has to be one."""
    for folder in sorted({path.parent for path in paths}):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"--out {folder}: this is a file; name a folder")
    for path in paths:
        if path.exists():
            raise UserError(f"{path} is there already and will not be overwritten; choose another folder with --out")
