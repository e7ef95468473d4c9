"""Picture files as a viewer shows them: upright, in the colours of sRGB, transparency laid over white."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

FORMATS = ("PNG", "JPEG", "WEBP")
LARGEST_TEXT = 2**26
"""Bytes of text and colour profile in a PNG file; Pillow's own limit of 1 MiB is less than a print profile takes."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what brings the picture upright (EXIF 2.32, tag 0x0112)."""
_CONVERTIBLE = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "La", "RGBa"}
_GREYS = {"1", "L", "LA", "La"}
_LEVELS = {"L;2": 85, "L;4": 17}
"""Grey of few bits -> how many of 255 levels one of its own takes: Pillow scales the pixels, not their transparency."""


class UnfitImageError(ValueError):
    """A sound image that is not read; the words say why and what to do."""


def decoded(file: BinaryIO, max_pixels: int) -> Image.Image:
    """The picture in a file, of any mode that converts to grey and RGB.

    Args:
        file: open for reading.
        max_pixels: a larger image is refused before it is decoded.

    Raises:
        UnfitImageError: too large, or neither 8 nor 16 bits a channel.
        Exception: Pillow's, for what is damaged or no image.
    """
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = LARGEST_TEXT
    with Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise UnfitImageError(
                f"{width} x {height} pixels exceed the limit of {max_pixels:,}; make the image smaller"
            )
        raw = image.tile[0].args if image.format == "PNG" and image.tile else None
        image.load()
        if image.mode not in _CONVERTIBLE and not image.mode.startswith("I;16"):
            raise UnfitImageError(f"mode {image.mode!r} has neither 8 nor 16 bits a channel; save it as 8-bit RGB")
        # Not ImageOps.exif_transpose: it also writes the EXIF anew, and fails where a field of it is damaged.
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        profile = image.info.get("icc_profile")
        seen = image.copy()
    if seen.mode not in _CONVERTIBLE:
        seen = _eight_bits(seen)
    transparent = seen.info.get("transparency")
    if raw in _LEVELS and isinstance(transparent, int):
        seen.info["transparency"] = transparent * _LEVELS[raw]
    elif raw == "RGB;16B" and isinstance(transparent, tuple):
        del seen.info["transparency"]
        seen.putalpha(_opaque(_sixteen_bits(file, seen), transparent))
    flat = _over_white(seen, profile)
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return flat if turn is None else flat.transpose(turn)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits as grey of 8: Pillow's own conversion would clip it, while it takes the upper byte of colours."""
    values = np.asarray(image)
    grey = Image.fromarray((values >> 8).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(_opaque(values[..., None], (transparent,)))
    return grey


def _sixteen_bits(file: BinaryIO, upper: Image.Image) -> npt.NDArray[np.uint16]:
    """All bits of a PNG file's colours, ``[H, W, 3]``: Pillow gives the upper bytes, and here also the lower ones."""
    file.seek(0)
    with Image.open(file, formats=FORMATS) as lower:
        # Read as if the bytes of each value were swapped.
        lower.tile = [tile._replace(args="RGB;16L") for tile in lower.tile]
        values: npt.NDArray[np.uint16] = np.asarray(upper).astype(np.uint16) << 8 | np.asarray(lower)
        return values


def _opaque(values: npt.NDArray[np.integer], transparent: tuple[int, ...]) -> Image.Image:
    """0 where ``[H, W, C]`` has the transparent colour, else 255."""
    return Image.fromarray(np.where((values == np.array(transparent)).all(2), 0, 255).astype(np.uint8))


def _over_white(image: Image.Image, profile: bytes | None) -> Image.Image:
    clear = image.convert("RGBA") if image.has_transparency_data else None
    colours = image
    if profile:
        if image.mode not in ("L", "RGB", "CMYK"):
            colours = image.convert("L" if image.mode in _GREYS else "RGB")
        transform = _to_srgb(profile, colours.mode)
        colours = image if transform is None else transform.apply(colours)
    if clear is None:
        return colours
    if colours is not image:
        alpha, clear = clear.getchannel("A"), colours.convert("RGBA")
        clear.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)


@lru_cache(maxsize=8)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a colour profile to sRGB; ``None`` where it is damaged or of other colours: viewers do without it then."""
    try:
        return ImageCms.buildTransform(io.BytesIO(profile), ImageCms.createProfile("sRGB"), mode, "RGB")
    except ImageCms.PyCMSError:
        return None
