"""Images from untrusted files: one safe reader, and the folders that hold such files."""

from __future__ import annotations

import struct
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from retable.datasets.decoding import LARGEST_TEXT, UnfitImageError, decoded
from retable.datasets.errors import DataError, printable
from retable.datasets.files import open_file, some

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
READER = 2
"""Of decoding and resizing, part of every cache key: raise it whenever an image would come out differently."""
MAX_PIXELS = 64_000_000
"""Largest image read, in pixels (8000 x 8000): more is a mistake or a decompression bomb."""

_MODES = {1: "L", 3: "RGB"}


def read_image(path: Path, channels: int = 3, max_pixels: int = MAX_PIXELS) -> Tensor:
    """Read a PNG, JPEG or WebP file as a viewer shows it (:mod:`retable.datasets.decoding`): upright by its EXIF
    orientation, colours by its profile; transparency is laid over white.

    The file's content decides the format, not its name. Of an animation the first frame is read, of 16 bits a channel
    the upper eight.

    Args:
        path: the file.
        channels: 1 (grey) or 3 (RGB).
        max_pixels: a larger image is refused before it is decoded.

    Returns:
        uint8 ``[channels, H, W]``.

    Raises:
        DataError: the file is missing, no plain file, not an image of these formats, too large, truncated, corrupt or
            of a mode that is neither 8 nor 16 bits a channel. The message names the file.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name the images in it, e.g. {path}/*.png")
    try:
        with warnings.catch_warnings(), open_file(path) as file:
            # Pillow only warns between one and two times its own limit; ours is checked below, for every size. It also
            # warns about damaged EXIF, which a picture can do without.
            warnings.simplefilter("ignore")
            flat = decoded(file, max_pixels).convert(_MODES[channels])
    except UnfitImageError as error:
        raise DataError(f"{path}: {error}") from None
    except UnidentifiedImageError:
        raise DataError(f"{path}: not a PNG, JPEG or WebP image; convert or remove it") from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: {error}; make the image smaller") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError, struct.error) as error:
        if "MAX_TEXT" in str(error):
            words = f"its text or colour profile takes more than {LARGEST_TEXT >> 20} MiB; save it without"
            raise DataError(f"{path}: {words}") from None
        # Pillow's decoders report damage by any of these, SyntaxError for a broken PNG chunk among them.
        raise DataError(
            f"{path}: cannot be read, it is truncated or corrupt ({error}); replace or remove it"
        ) from error
    pixels = torch.frombuffer(bytearray(flat.tobytes()), dtype=torch.uint8)
    return pixels.view(flat.height, flat.width, channels).permute(2, 0, 1).contiguous()


def image_files(folder: Path) -> list[Path]:
    """Every file below ``folder`` that is named like an image, sorted, hidden ones and links out of it left out.

    Raises:
        DataError: ``folder`` is not a folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    root = folder.resolve()
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
        and path.resolve().is_relative_to(root)
    )


def too_few(folder: Path, least: int) -> str | None:
    """That a folder holds no images, or fewer than are needed; or ``None``."""
    count = len(image_files(folder))
    if count == 0:
        return f"no images ({', '.join(SUFFIXES)}) in this folder{and_links(folder)}"
    return f"{count} image{'s' * (count > 1)}, {least} needed" if count < least else None


def and_links(folder: Path) -> str:
    """Words for the links in a folder that are not followed, or none."""
    root = folder.resolve()
    count = sum(1 for path in folder.rglob("*") if path.is_symlink() and not path.resolve().is_relative_to(root))
    if not count:
        return ""
    return f"; {count:,} link{'s' * (count > 1)} out of {folder.name} not followed: put the files in their place"


def readable(files: Iterable[Path], root: Path, problems: list[str]) -> Iterator[tuple[Path, Tensor]]:
    """Every file that can be read, as :func:`read_image` reads it.

    Of every other one a line is added to ``problems``, with its path below ``root``.
    """
    for path in files:
        try:
            yield path, read_image(path)
        except DataError as error:
            problems.append(str(error).replace(f"{printable(str(root))}/", "", 1))


def left_out(folders: Iterable[Path]) -> list[str]:
    """A line that counts the files in these folders that are not read, or no line."""
    kinds: Counter[str] = Counter()
    for folder in filter(Path.is_dir, folders):
        read_ones = set(image_files(folder))
        for path in folder.rglob("*"):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if not hidden and not path.is_dir() and path not in read_ones:
                suffix = path.suffix.lower() or "without suffix"
                special = "links that are not followed" if path.is_symlink() else "that are no plain files"
                kinds[special if suffix in SUFFIXES else suffix] += 1
    names = some(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return [f"left out, not images ({', '.join(SUFFIXES)}): {names}"] if kinds else []


def square(image: Tensor, size: int) -> Tensor:
    """The centre square of uint8 ``[C, H, W]``, resized with anti-aliasing to uint8 ``[C, size, size]``."""
    _, height, width = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    crop = image[None, :, top : top + side, left : left + side]
    if side == size:
        return crop[0].clone()
    resized = torch.nn.functional.interpolate(
        crop.float(), size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )
    return resized[0].round().clamp(0, 255).to(torch.uint8)


def signed(images: Tensor) -> Tensor:
    """uint8 [0, 255] -> float32 [-1, 1]."""
    return images.to(torch.float32).div_(127.5).sub_(1)
