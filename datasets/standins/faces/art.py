"""From a person to a drawing: python-avatars' art with our own strokes, cropped to the face and rasterised.

The drawing is an SVG that is a pure function of the person; the same choices make a cartoon (flat bright colours,
outlines, big eyes, the strokes of the group) and what a camera would see of the same person (natural colours, natural
eyes, no outlines, no strokes).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from retable.datasets.errors import DataError
from retable.datasets.standins.faces import strokes
from retable.datasets.standins.faces.features import Features
from retable.datasets.standins.faces.people import CLOTHES_COLOURS, HAIR_COLOURS, SKINS, Person, mixed
from retable.datasets.standins.faces.strokes import CARTOON, PORTRAIT

MASTER = 144
"""Pixels of the square that a drawing is rasterised to before it is photographed or reduced."""
MARGIN = 0.14
"""What a portrait's drawing shows beyond the cartoon's frame on every side, as a share of the frame: room to move."""

_TONGUE = "#FF4F6D"
"""python-avatars' pink, too bright for a photograph."""
_FIXED_HAIR = ("#944F23", "#A55728")
"""The colours of the one hair style (``straight_2``) that does not take the colour asked for."""

_DYED = re.compile(
    r'(<use\b[^>]*?fill=")#\w{6}("[^>]*/>)\s*<g\b[^>]*clip-path="[^"]*"[^>]*fill="(#\w{6})"[^>]*>\s*'
    r"(<g\b[^>]*>\s*)?<rect\b[^>]*/>\s*(?(4)</g>\s*)</g>"
)
"""A shape painted in one colour and then, through itself as a clip path, all over in another."""
_SHORT_NECK = {"shirt_crew_neck": 5, "shirt_scoop_neck": 4, "shirt_v_neck": 4, "overall": 8}
"""How much higher clothes sit than python-avatars draws them, so that the frame shows some of them."""


def frame(who: Person) -> tuple[float, float, float, float]:
    """The part of the canvas that a cartoon shows: left, top, width, height.

    It is drawn as a square, so a frame narrower than high makes a face wider: children's faces are round and large.
    """
    if who.age == "child":
        width, height, top = 170.0 / who.width, 184.0, 16.0
    else:
        width, height, top = 194.0 / who.width, 203.0, 3.0
    return 132.0 - width / 2, top, width, height


def svg(who: Person, drawn: int, own: Features | None = None) -> str:
    """The drawing: :data:`CARTOON` or :data:`PORTRAIT`. A pure function of its arguments.

    Args:
        who: the person.
        drawn: which of the two.
        own: a face instead of the person's eyes, brows, mouth and strokes, and another frame.

    Raises:
        DataError: a field of the person names art that python-avatars does not have.
    """
    import python_avatars as art  # type: ignore[import-untyped, unused-ignore]

    hair = HAIR_COLOURS[who.hair_colour][drawn]
    try:
        avatar = art.Avatar(
            style=art.AvatarStyle.TRANSPARENT,
            background_color="none",
            top=art.HairType(who.hair),
            hat_color="#777777",
            eyebrows=art.EyebrowType(who.brows),
            eyes="",
            nose=art.NoseType(who.nose),
            mouth=art.MouthType(who.mouth),
            facial_hair=art.FacialHairType(who.beard),
            skin_color=SKINS[who.skin][drawn],
            hair_color=hair,
            facial_hair_color=hair,
            accessory=art.AccessoryType(who.glasses),
            clothing=art.ClothingType(who.clothes),
            clothing_color=CLOTHES_COLOURS[who.clothes_colour][drawn],
            shirt_graphic=art.ClothingGraphic.BAT,
        )
    except (ValueError, KeyError) as error:
        raise DataError(f"cannot draw {who}: {error}; use one of the names that the field documents") from error
    picture = avatar.render()
    for fixed in _FIXED_HAIR:
        picture = picture.replace(fixed, hair)
    down = strokes.lowered(who)
    picture = _insert(picture, "transparent_Body", strokes.behind(who, drawn))
    if drawn == CARTOON:
        picture = _insert(picture, "transparent_Clothing", strokes.outline())
    if own is not None:
        picture = _faced(picture, own)
    else:
        picture = _insert(picture, "transparent_Face", strokes.under(who, drawn))
        after_face = strokes.eyes(who, drawn) + (strokes.over(who) if drawn == CARTOON else "")
        picture = _insert(picture, "transparent_Top", after_face)
        picture = _brows(picture, who, drawn, down)
    picture = picture.replace(
        'id="transparent_Clothing" transform="translate(0.000000, 170.000000)"',
        f'id="transparent_Clothing" transform="translate(0,{170 - _SHORT_NECK.get(who.clothes, 0)})"',
    )
    picture = picture.replace(
        'id="transparent_Nose" transform="translate(28.000000, 40.000000)"',
        f'id="transparent_Nose" transform="translate(28.000000, {40 + 0.6 * down:.1f})"',
    )
    left, top, width, height = frame(who) if own is None else own.view
    if drawn == PORTRAIT:
        picture = picture.replace(_TONGUE, "#a4585a")
        left, top = left - MARGIN * width, top - MARGIN * height
        width, height = (1 + 2 * MARGIN) * width, (1 + 2 * MARGIN) * height
    view = (
        f'width="100" height="100" viewBox="{left:.3f} {top:.3f} {width:.3f} {height:.3f}" preserveAspectRatio="none"'
    )
    picture = picture.replace('width="264px" height="280px" viewBox="0 0 264 280"', view, 1)
    # Every mask of this art is one white shape: as clip paths they give the same pixels in less time.
    picture = re.sub(r"<(/?)mask\b", r"<\1clipPath", picture)
    picture = picture.replace('mask="url(', 'clip-path="url(')
    # Painted in the second colour at once, a shape takes a third of the time and keeps no fringe of the first. Older
    # pictures keep theirs.
    return picture if own is None else _DYED.sub(r"\1\3\2", picture)


def _insert(picture: str, before: str, element: str) -> str:
    """``element`` as the sibling that is painted just before the group of this id."""
    return picture.replace(f'<g id="{before}"', f'{element}<g id="{before}"', 1)


def _faced(picture: str, own: Features) -> str:
    """The picture with another face in the place of python-avatars' mouth and brows."""
    for part, following in (("Mouth", "Nose"), ("Eyebrow", "Top")):
        start, end = (picture.index(f'<g id="transparent_{name}"') for name in (part, following))
        # The brows are the last of the face's group, whose end stays.
        picture = picture[:start] + ("</g>" if part == "Eyebrow" else "") + picture[end:]
    picture = _insert(picture, "transparent_Face", own.skin)
    picture = _insert(picture, "transparent_Top", own.face)
    end = picture.rindex("</svg>")
    return picture[:end] + own.mouth + picture[end:]


def _brows(picture: str, who: Person, drawn: int, down: float) -> str:
    """Brows in the colour of the hair; higher above a cartoon's big eyes, heavier on men."""
    start, end = (picture.index(f'<g id="transparent_{part}"') for part in ("Eyebrow", "Top"))
    grown_man = who.gender == "male" and who.age != "child"
    heavy = (1.75, 1.35)[drawn] if grown_man else (1.2, 1.0)[drawn]
    big_eyed = drawn == CARTOON and not grown_man and who.age != "old"
    rise = (-9.0 if big_eyed else -2.0) + down - 14 * (heavy - 1)
    # Light hair goes with darker brows, or they would vanish against the skin.
    colour = "#7d7a78" if who.age == "old" else mixed(HAIR_COLOURS[who.hair_colour][drawn], "#33211a", 0.45)
    brows = picture[start:end].replace('fill="#000000"', f'fill="{colour}"')
    brows = re.sub(r'fill-opacity="[^"]*"', 'fill-opacity="1"', brows)
    place = f'transform="translate(0,{rise:.2f}) scale(1,{heavy})" '
    return picture[:start] + brows.replace("<g ", f"<g {place}", 1) + picture[end:]


def raster(who: Person, drawn: int, size: int, own: Features | None = None) -> npt.NDArray[np.float32]:
    """The drawing as pixels with transparency: float32 ``[size, size, 4]`` in [0, 1], colours premultiplied."""
    import resvg_py
    from PIL import Image

    data = resvg_py.svg_to_bytes(svg_string=svg(who, drawn, own), width=size, height=size, skip_system_fonts=True)
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"), np.float32) / np.float32(255)
    pixels[..., :3] *= pixels[..., 3:]
    return pixels


def cartoon(
    who: Person, size: int, behind: Callable[[int], npt.NDArray[np.float32]] | None = None
) -> npt.NDArray[np.uint8]:
    """The cartoon, reduced by area from at least twice as many pixels.

    Args:
        who: the person.
        size: pixels of a side.
        behind: what stands behind the person, from the side of the drawing in pixels: float32 ``[side, side, 3]`` in
            [0, 1]; ``None`` for white.

    Returns:
        uint8 ``[size, size, 3]``.
    """
    from PIL import Image
    from scipy.ndimage import grey_dilation

    master = size * max(2, -(-MASTER // size))
    pixels = raster(who, CARTOON, master)
    # The outline of everything that was drawn, hair included.
    reach = max(1, round(0.008 * master))
    outline = grey_dilation(pixels[..., 3], size=(2 * reach + 1, 2 * reach + 1))
    ink = np.array([0.22, 0.15, 0.16], np.float32)
    paper = np.float32(1) if behind is None else behind(master)
    shown = pixels[..., :3] + (1 - pixels[..., 3:]) * (ink * outline[..., None] + (1 - outline[..., None]) * paper)
    picture = Image.fromarray((255 * shown).round().clip(0, 255).astype(np.uint8))
    return np.asarray(picture.reduce(master // size))
