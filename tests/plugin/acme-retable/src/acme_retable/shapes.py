"""Task `acme-shapes`: coloured shapes on black become grey ones, without pairs. 16 x 16, drawn on the fly.

The test set knows the true grey image of every coloured one, so answers are compared with the truth.
"""

from __future__ import annotations

import hashlib

import torch
from pydantic import Field
from torch import Tensor

from retable.datasets.errors import DataError
from retable.datasets.task import Kind, Measure, Request, Task, TaskInfo, TaskSettings

SIZE = 16
SHAPES = ("square", "disc", "triangle")
COLOURS = {"red": (1.0, 0.1, 0.1), "green": (0.1, 1.0, 0.1), "blue": (0.2, 0.2, 1.0)}
LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601."""
TEST, REFERENCE = -1, -2
"""Seeds that no training batch has."""


class ShapesSettings(TaskSettings):
    """Settings of the shapes."""

    n_test: int = Field(default=32, ge=2)
    """Test images."""


class Shapes(Task):
    """Coloured shapes to grey shapes."""

    name = "acme-shapes"
    Settings = ShapesSettings
    settings: ShapesSettings

    def prepare(self) -> None:
        """Refuse what does not exist: there are no real shapes.

        Raises:
            DataError: ``source`` is ``real``.
        """
        if self.settings.source == "real":
            raise DataError("task acme-shapes: source = 'real' does not exist; use source = 'standin'")

    def info(self) -> TaskInfo:
        """Domains ``s`` (3 channels) and ``t`` (1 channel), 16 x 16, labels ``shape`` and ``colour``."""
        return TaskInfo(SIZE, {"s": 3, "t": 1}, {"shape": SHAPES, "colour": tuple(COLOURS)})

    def batch(self, stream: str, step: int, size: int, seed: int) -> dict[str, Tensor]:
        """``s`` float32 ``[size, 3, 16, 16]``, ``t`` float32 ``[size, 1, 16, 16]`` of other shapes, in [-1, 1].

        Raises:
            DataError: no such stream.
        """
        if stream != "train":
            raise DataError(f"the task acme-shapes has no stream {stream!r}, only 'train'")
        images, _ = draw(2 * size, seed, step)
        return {"s": images[:size], "t": grey(images[size:])}

    def requests(self, kind: Kind, stream: str) -> list[Request]:
        """``test``: coloured shapes to be made grey, with the truth."""
        return [self._test("test", self.settings.n_test)] if kind == "translate" else []

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        """How far the answers are from the truth, and from each other."""
        names = ("lpips_pair", "lpips_diversity") if kind == "translate" else ()
        return [Measure(name, "test") for name in names]

    def previews(self, kind: Kind, stream: str) -> list[Request]:
        """Eight test images."""
        return [self._test("preview", 8)] if kind == "translate" else []

    def reference(self, name: str) -> Request:
        """``grey``: grey shapes ``[N, 1, 16, 16]``.

        Raises:
            DataError: no such reference.
        """
        if name != "grey":
            raise DataError(f"the task acme-shapes has no reference images {name!r}, only 'grey'")
        images, labels = draw(self.settings.n_test, REFERENCE, 0)
        return Request(name, "predict", {"image": grey(images)}, labels)

    def digests(self) -> dict[str, str]:
        """Digest of the first drawn shapes, which stands for the drawing."""
        return {"shapes": hashlib.sha256(draw(8, 0, 0)[0].numpy().tobytes()).hexdigest()}

    def _test(self, name: str, n: int) -> Request:
        images, labels = draw(n, TEST, 0)
        return Request(name, "translate", {"image": images}, labels, truth=grey(images))


def draw(n: int, seed: int, step: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Shapes of random kind, colour, place and size: a pure function of its arguments.

    Returns:
        float32 ``[n, 3, 16, 16]`` in [-1, 1], and labels ``shape`` and ``colour``, int64 ``[n]``.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)
    shape = torch.randint(len(SHAPES), (n,), generator=generator)
    colour = torch.randint(len(COLOURS), (n,), generator=generator)
    centre = torch.randint(6, SIZE - 6, (2, n, 1, 1), generator=generator)
    radius = torch.randint(4, 7, (n, 1, 1), generator=generator)
    dy, dx = (torch.arange(SIZE).view(-1, 1) - centre[0]), (torch.arange(SIZE).view(1, -1) - centre[1])
    inside = torch.stack(
        [
            torch.maximum(dy.abs().expand(n, SIZE, SIZE), dx.abs().expand(n, SIZE, SIZE)) < radius,
            dy**2 + dx**2 < radius**2,
            (2 * dx.abs() <= dy + radius) & (dy < radius),
        ]
    )
    mask = inside[shape, torch.arange(n)].float()
    tint = torch.tensor(list(COLOURS.values()))[colour]
    return mask[:, None] * tint[:, :, None, None] * 2 - 1, {"shape": shape, "colour": colour}


def grey(images: Tensor) -> Tensor:
    """``[N, 3, H, W]`` -> ``[N, 1, H, W]``, the same range."""
    return (images * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
