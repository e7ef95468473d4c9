"""Sets of images as people have them: a folder, a zip file, or an .npz of uint8 images. Read a few at a time.
Reference: clean-fid and torch-fidelity, which take the same three.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.images import check_images, quantise
from retable.datasets.decoding import UnfitImageError, decoded
from retable.datasets.errors import DataError
from retable.datasets.files import open_file
from retable.datasets.images import MAX_PIXELS, SUFFIXES, image_files, read_image, signed

BATCH = 64
"""Images that are held at a time."""
MEMBER_BYTES = 1 << 28
"""Largest image file in a zip."""
Tell = Callable[[int, int], None]
"""Told how many images are read, and of how many."""


@dataclass(frozen=True)
class ImageSet:
    """A set of images that is read anew by every pass over it."""

    path: Path
    names: tuple[str, ...]
    read: Callable[[int], Tensor]
    """Index -> uint8 ``[3, H, W]``."""

    def __len__(self) -> int:
        return len(self.names)

    def batches(self, tell: Tell | None = None, size: int = BATCH) -> Iterator[Tensor]:
        """float32 ``[n, 3, H, W]`` in [-1, 1], in the set's order: neighbours of one size come together.

        Raises:
            DataError: an image that cannot be read, by name.
        """
        held: list[Tensor] = []
        for index in range(len(self)):
            image = self.read(index)
            if held and (len(held) == size or held[0].shape != image.shape):
                yield signed(torch.stack(held))
                held = []
            held.append(image)
            if tell is not None:
                tell(index + 1, len(self))
        yield signed(torch.stack(held))

    def whole(self, tell: Tell | None = None) -> Tensor:
        """All images at once, float32 ``[N, 3, H, W]`` in [-1, 1].

        Raises:
            UserError: they are not all of one size.
            DataError: an image that cannot be read, by name.
        """
        found = list(self.batches(tell))
        sizes = sorted({f"{x.shape[3]} x {x.shape[2]}" for x in found})
        if len(sizes) > 1:
            shown = ", ".join(sizes[:5]) + (", ..." if len(sizes) > 5 else "")
            raise UserError(f"{self.path}: LPIPS compares images of one size, these have {shown}; resize them")
        return torch.cat(found)

    def digest(self) -> str:
        """SHA-256 over all pixels and sizes, in order: what features of the set are kept by."""
        content = hashlib.sha256()
        for index in range(len(self)):
            image = self.read(index)
            content.update(f"{list(image.shape)}|".encode())
            content.update(image.numpy().data)
        return content.hexdigest()


def open_images(path: Path) -> ImageSet:
    """The images in a folder and the folders below it, in a zip file, or in an .npz of uint8 ``[N, H, W, 3]``.

    Raises:
        UserError: nothing of these, or no images in it.
        DataError: no plain file.
    """
    if path.is_dir():
        files = image_files(path)
        found = ImageSet(path, tuple(str(file.relative_to(path)) for file in files), lambda i: read_image(files[i]))
    elif path.exists() and path.suffix.lower() in (".zip", ".npz"):
        with open_file(path):  # a pipe would be waited for
            found = _zipped(path) if path.suffix.lower() == ".zip" else _array(path)
    else:
        what = "no such file or folder" if not path.exists() else "neither a folder of images nor a .zip or .npz file"
        raise UserError(f"{path}: {what}")
    if not len(found):
        raise UserError(f"{path}: no images ({', '.join(SUFFIXES)}) in it")
    return found


def _zipped(path: Path) -> ImageSet:
    try:
        archive = zipfile.ZipFile(path)
        members = sorted(
            (member for member in archive.infolist() if PurePosixPath(member.filename).suffix.lower() in SUFFIXES),
            key=lambda member: member.filename,
        )
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise UserError(f"{path}: not a zip file that can be read ({error})") from error
    # Resource forks of a Mac are named like the images.
    members = [one for one in members if not _hidden(one.filename)]

    def read(index: int) -> Tensor:
        member = members[index]
        where = f"{path}: {member.filename}"
        if member.file_size > MEMBER_BYTES:
            raise DataError(f"{where}: claims {member.file_size:,} bytes, more than {MEMBER_BYTES:,}; remove it")
        try:
            image = decoded(io.BytesIO(archive.read(member)), MAX_PIXELS).convert("RGB")
        except UnfitImageError as error:
            raise DataError(f"{where}: {error}") from None
        except UnidentifiedImageError:
            raise DataError(f"{where}: not a PNG, JPEG or WebP image; convert or remove it") from None
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError, RuntimeError, struct.error,
                zipfile.BadZipFile, Image.DecompressionBombError) as error:  # fmt: skip
            raise DataError(f"{where}: cannot be read ({error}); replace or remove it") from error
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()

    return ImageSet(path, tuple(member.filename for member in members), read)


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _array(path: Path) -> ImageSet:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, MemoryError) as error:
        raise UserError(f"{path}: not an .npz file that can be read ({error})") from error
    images = {name: array for name, array in arrays.items() if array.ndim == 4}
    if len(images) != 1:
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items()) or "nothing"
        raise UserError(f"{path}: expected one array of images [N, H, W, 3], found {shapes}")
    ((name, array),) = images.items()
    return _of_array(array, path, name)


def images_in(given: NDArray[np.uint8] | Tensor) -> ImageSet:
    """The images of an array uint8 ``[N, H, W, 1 or 3]``, or of a tensor float32 ``[N, 1 or 3, H, W]`` in [-1, 1].

    The latter are rounded to 8 bits, as if saved: an image scores the same from memory and from a file.

    Raises:
        UserError: neither of these.
    """
    if isinstance(given, Tensor):
        given = quantise(check_images(given.detach().cpu())).byte().permute(0, 2, 3, 1).numpy()
    if not isinstance(given, np.ndarray) or given.ndim != 4:
        what = f"{given.dtype} {list(given.shape)}" if isinstance(given, np.ndarray) else type(given).__name__
        raise UserError(f"images must be a path, an array uint8 [N, H, W, 3] or a tensor [N, 3, H, W], not {what}")
    return _of_array(given, Path("images"), "images")


def _of_array(array: NDArray[Any], path: Path, name: str) -> ImageSet:
    if array.dtype != np.uint8 or array.shape[3] not in (1, 3) or 0 in array.shape:
        raise UserError(f"{path}: {name} must be uint8 [N, H, W, 3], not {array.dtype} {list(array.shape)}")
    shown = array if array.shape[3] == 3 else np.repeat(array, 3, axis=3)
    names = tuple(f"{name}[{index}]" for index in range(len(shown)))
    return ImageSet(path, names, lambda i: torch.from_numpy(shown[i].copy()).permute(2, 0, 1).contiguous())
