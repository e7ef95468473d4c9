"""Weights that are not embedded: where they are looked for on the user's disk, and their digests. Never downloaded.
Reference: torch.hub's cache layout, in which torchvision, lpips and clean-fid look for the same files.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch

from retable.benchmarks.errors import UserError

VARIABLE = "RETABLE_WEIGHTS"
"""Environment variable that names the user's own folder of weights."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find(name: str, needed_by: str, way_out: str) -> Path:
    """The weights' file ``name``: in the folder that ``RETABLE_WEIGHTS`` names, else in torch's own cache.

    Args:
        name: file name.
        needed_by: what cannot work without it, e.g. ``extractor 'inception'``.
        way_out: where the file comes from and what to use instead; ends the error.

    Raises:
        UserError: it is in neither place.
    """
    own = os.environ.get(VARIABLE, "")
    places = [Path(own).expanduser()] if own else []
    places.append(Path(torch.hub.get_dir()) / "checkpoints")
    for place in places:
        if (place / name).is_file():
            return place / name
    looked = " and ".join(str(place) for place in places)
    raise UserError(
        f"{needed_by} has no weights: {name} is not in {looked}; "
        f"put it into a folder and set {VARIABLE} to that folder, {way_out}"
    )


def verify(path: Path, expected: str) -> str:
    """The file's SHA-256, after comparing its beginning with ``expected``.

    Raises:
        UserError: it is another file, or a damaged one.
    """
    found = file_digest(path)
    if not found.startswith(expected):
        raise UserError(
            f"{path} is not the file it should be: its SHA-256 is {found}, expected {expected}; fetch it again"
        )
    return found
