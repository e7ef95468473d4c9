"""What ``retable data check`` sees beside images that cannot be read: images that are there twice, too small or too
long."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from torch import Tensor

from retable.datasets.files import some
from retable.datasets.images import readable

SMALL, LONG = 32, 2
"""A side in pixels below which an image shows little, and the ratio of sides above which its centre square does."""


class Inspection:
    """Images of a folder, looked at one after the other."""

    def __init__(self, root: Path, problems: list[str]) -> None:
        """Paths are told below ``root``; of every image that cannot be read a line is added to ``problems``."""
        self._root, self._problems = root, problems
        self._first: dict[bytes, tuple[str, Path]] = {}
        self._twice: list[str] = []
        self._small: list[str] = []
        self._long: list[str] = []

    def images(self, files: Iterable[Path], part: str = "") -> Iterator[tuple[Path, Tensor]]:
        """Every image of a part that can be read."""
        for path, image in readable(files, self._root, self._problems):
            name = str(path.relative_to(self._root))
            height, width = image.shape[1:]
            if min(height, width) < SMALL:
                self._small.append(f"{name} ({width} x {height})")
            if max(height, width) > LONG * min(height, width):
                self._long.append(f"{name} ({width} x {height})")
            seen = hashlib.sha256(image.numpy().tobytes() + str(image.shape).encode()).digest()
            other, first = self._first.setdefault(seen, (part, path))
            if other != part:
                self._twice.append(f"{name} is {first.relative_to(self._root)}")
            yield path, image

    def notes(self) -> list[str]:
        """A line for each kind of image that can be used and should be known."""
        found = []
        if self._twice:
            found.append(f"the same image in two parts: {some(self._twice)}; scores are too good")
        if self._small:
            found.append(f"less than {SMALL} pixels on a side: {some(self._small)}")
        if self._long:
            found.append(f"more than {LONG} times as long as wide, only the centre square is seen: {some(self._long)}")
        return found
