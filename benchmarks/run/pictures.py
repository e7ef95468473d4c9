"""Images and grids of images as PNG files, and those that a cell leaves of its own answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from retable.benchmarks.run.scoring import Answers
from retable.datasets.task import Request, Task
from retable.reports.records.journal import Journal, Samples

COLUMNS = 12
SHORTEST_SIDE = 64
"""Pixels; smaller images are enlarged by whole factors without smoothing, so that a pixel stays a pixel."""


def save_image(path: Path, image: Tensor) -> None:
    """Write one image ``[C, H, W]`` in [-1, 1], with 1 or 3 channels, pixel by pixel as a PNG file."""
    _save(path, image.detach().float().cpu().clamp(-1, 1).expand(3, -1, -1))


def in_rows(images: Tensor, columns: int = COLUMNS) -> list[Tensor]:
    """Images ``[N, C, H, W]`` as the rows of a grid that shows all of them: ``columns`` each, the last maybe fewer."""
    return [images[start : start + columns] for start in range(0, len(images), columns)]


def save_grid(path: Path, rows: Sequence[Tensor], columns: int = COLUMNS) -> None:
    """Write images as a grid with one row per tensor.

    Args:
        path: PNG file to write; its folder is made.
        rows: tensors ``[N, C, H, W]`` in [-1, 1] with 1 or 3 channels; the first ``columns`` of each are shown.
        columns: images per row.
    """
    strips = []
    for images in rows:
        shown = images[:columns].detach().float().cpu().clamp(-1, 1)
        shown = shown.expand(-1, 3, -1, -1) if shown.shape[1] == 1 else shown
        factor = max(1, SHORTEST_SIDE // shown.shape[-1])
        strips.append(interpolate(shown, scale_factor=factor, mode="nearest"))
    gap = 2
    height = sum(strip.shape[2] + gap for strip in strips) + gap
    width = max(strip.shape[0] * (strip.shape[3] + gap) for strip in strips) + gap
    canvas = torch.ones(3, height, width)
    top = gap
    for strip in strips:
        for column, image in enumerate(strip):
            left = gap + column * (strip.shape[3] + gap)
            canvas[:, top : top + strip.shape[2], left : left + strip.shape[3]] = image
        top += strip.shape[2] + gap
    _save(path, canvas)


def _save(path: Path, image: Tensor) -> None:
    pixels = ((image + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    # PNG's "optimize" makes grids 1 % smaller in ten times the time, which a small cell would notice.
    Image.fromarray(pixels).save(temporary, format="PNG")
    temporary.replace(path)


def save_preview(answers: Answers, task: Task, directory: Path, journal: Journal, step: int) -> None:
    """The grid of a training step, ``samples/step-NNNNNN.png``: inputs, answers and truth of the first preview."""
    requests = _pictured(answers, task)
    if not requests:
        return
    request = requests[0]
    out = answers.to(request)
    inputs = [request.inputs["image"]] if "image" in request.inputs else []
    truth = [request.truth] if request.truth is not None else []
    name = f"samples/step-{step:06d}.png"
    rows = in_rows(out) if request.kind == "sample" else [*inputs, out, *truth]
    save_grid(directory / name, rows)
    journal.write(Samples(step=step, file=name))


def save_final_pictures(answers: Answers, task: Task, directory: Path) -> None:
    """One strip per picture, so that a report can lay the rows of a table under the same inputs.

    The strips of the first preview are ``images/inputs.png``, ``learnt.png``, ``outputs.png`` and ``truth.png``, as far
    as it has them; those of another preview begin with its name, ``NAME.inputs.png``.
    """
    for number, request in enumerate(_pictured(answers, task)):
        stem = f"images/{request.name}." if number else "images/"
        out = answers.to(request)
        strips = {
            "inputs": [request.inputs["image"]] if "image" in request.inputs else [],
            "learnt": [request.learnt] if request.learnt is not None else [],
            # Samples stand under no inputs, so all of them are shown.
            "outputs": in_rows(out) if request.kind == "sample" else [out],
            "truth": [request.truth] if request.truth is not None else [],
        }
        for name, rows in strips.items():
            if rows:
                save_grid(directory / f"{stem}{name}.png", rows)


def _pictured(answers: Answers, task: Task) -> list[Request]:
    previews = task.previews(answers.method.kind, answers.method.stream)
    return [request for request in previews if request.kind != "predict"]
