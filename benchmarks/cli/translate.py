"""A trained row on the user's own images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from lightning_fabric import Fabric

from retable.benchmarks.errors import UserError
from retable.benchmarks.run.pictures import save_image
from retable.benchmarks.run.scoring import Answers
from retable.benchmarks.run.trained_cell import find_trained, refuse_to_overwrite
from retable.datasets.images import read_image, square


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
        source: the cell's address within ``suite``, or its directory.
        images: PNG, JPEG or WebP files of any size; the centre square of each is brought to the task's size, with
            anti-aliasing: a face must not be squeezed.
        out: folder for the results, ``NAME.png`` each.
        root: the folder of all runs.
        suite: where the address is looked up.
        wanted: what to translate into, in the task's words, e.g. ``{"group": "kids"}``.

    Raises:
        UserError: no such cell, not trained, or not a translation; a result's file exists already; the row has nothing
            for what is wanted and left the images as they are.
        DataError: a file that is not a readable image, by name; something wanted that the task does not know.
    """
    trained = find_trained(source, root, suite, "translate")
    cell, task = trained.cell, trained.task
    written = [out / f"{path.stem}.png" for path in images]
    if len(set(written)) != len(written):
        raise UserError("two of the images have the same name; rename one, or translate them into different folders")
    refuse_to_overwrite(written)
    size, channels = task.info().image_size, next(iter(task.info().channels.values()))
    pixels = torch.stack([square(read_image(path, channels=channels), size) for path in images])
    request = task.ask(pixels.float() / 127.5 - 1, wanted or {})
    answers = Answers(trained.method, Fabric(accelerator="cpu", devices=1)).to(request)
    if wanted and torch.equal(answers, request.inputs["image"]):
        asked = ", ".join(f"{key}={value}" for key, value in wanted.items())
        raise UserError(f"{cell.address} left every image as it is: it has no model for {asked}; ask another row")
    out.mkdir(parents=True, exist_ok=True)
    for path, image in zip(written, answers, strict=True):
        save_image(path, image)
    return written


def parse_wanted(texts: Sequence[str]) -> dict[str, str]:
    """``["group=kids,to=photo"]`` as ``{"group": "kids", "to": "photo"}``; each text is what one ``--to`` said.

    Raises:
        UserError: no ``KEY=VALUE``, or a key with two values.
    """
    wanted: dict[str, str] = {}
    for text in texts:
        for part in text.split(","):
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if not (key and equals and value):
                raise UserError(
                    f"--to {text}: expected KEY=VALUE, e.g. hair=blond,gender=male or group=kids "
                    "(the output folder is --out)"
                )
            if wanted.setdefault(key, value) != value:
                raise UserError(f"--to {text}: {key!r} cannot be {wanted[key]!r} and {value!r}; run it once for each")
    return wanted
