"""A drawn face in front of a camera: pose, light on a rounded form, skin and hair, a room out of focus, a sensor.

One call makes one photograph from one generator of random numbers, so a photograph never depends on the others that
are made with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retable.datasets.standins.faces.art import MARGIN, frame
from retable.datasets.standins.faces.people import HAIR_COLOURS, SKINS, Person, rgb
from retable.datasets.standins.faces.strokes import PORTRAIT, lowered

Pixels = npt.NDArray[np.float32]

DETAIL = 96
"""A photograph is made with at least this many pixels per side, and at least twice as many as it will have."""


@dataclass(frozen=True)
class Scene:
    """Where a photograph is taken."""

    view: tuple[float, float, float, float] | None = None
    """What the drawing shows of the person's canvas without its margin: left, top, width, height; None: a cartoon's
    frame."""
    plain: bool = False
    """A studio: even light, a plain light wall, the sitter upright in the middle, a careful exposure."""
    cut_out: bool = False
    """Everything but the person is white afterwards, as photo2cartoon prescribes for its photographs."""


OUTSIDE = Scene()
"""A portrait's: anywhere."""


def _f32(values: npt.NDArray[Any]) -> Pixels:
    return values.astype(np.float32, copy=False)


def master(size: int) -> int:
    """Side of the drawing that a photograph of this size is made from: it shows the frame and its margin."""
    return round((1 + 2 * MARGIN) * max(2 * size, 112))


def photograph(
    who: Person, face: Pixels, size: int, draws: np.random.Generator, scene: Scene = OUTSIDE
) -> npt.NDArray[np.uint8]:
    """One photograph of a person.

    Args:
        who: the person, for the place and the colours of what the light falls on.
        face: the portrait's drawing with its margin, float32 ``[M, M, 4]`` in [0, 1], premultiplied.
        size: pixels of a side.
        draws: where the camera, the light, the background and the pose come from; how much is drawn from it
            depends on the size alone.
        scene: where it is taken.

    Returns:
        uint8 ``[size, size, 3]``.
    """
    from scipy.ndimage import gaussian_filter

    factor = max(2, -(-DETAIL // size))
    work = factor * size
    seen, x, y = _posed(face, work, draws, 0.4 if scene.plain else 1.0)
    # An edge of a photograph is soft.
    seen = gaussian_filter(seen, (0.005 * work, 0.005 * work, 0))
    cover = seen[..., 3:]
    lit = _textured(who, seen[..., :3], work, draws)
    lit = lit * _light(who, cover[..., 0], x, y, draws, scene)
    picture = lit + (1 - cover) * (_wall if scene.plain else _room)(work, draws)
    picture = picture.reshape(size, factor, size, factor, 3).mean((1, 3))
    shown = _developed(picture, draws, 0.4 if scene.plain else 1.0)
    if not scene.cut_out:
        return shown
    inside = cover.reshape(size, factor, size, factor, 1).mean((1, 3))
    cut: npt.NDArray[np.uint8] = (255 + inside * (shown - np.float32(255))).round().astype(np.uint8)
    return cut


def _posed(face: Pixels, work: int, draws: np.random.Generator, loose: float) -> tuple[Pixels, Pixels, Pixels]:
    """The face turned, moved and scaled a little, and where on the person's canvas every pixel looks."""
    from scipy.ndimage import affine_transform

    angle = loose * np.clip(draws.normal(0, 2.4), -6, 6) * np.pi / 180
    zoom = np.clip(draws.normal(1.0, 0.03 * loose), 0.94, 1.07)
    shift = loose * np.clip(draws.normal(0, 0.018, 2), -0.045, 0.045)
    side = len(face)
    scale = side / ((1 + 2 * MARGIN) * work * zoom)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([side / 2, side / 2]) - 0.5 + shift * side
    offset = centre - turn @ np.array([work / 2 - 0.5, work / 2 - 0.5])
    seen = np.stack([affine_transform(face[..., c], turn, offset, (work, work), order=1) for c in range(4)], -1)
    row, column = np.meshgrid(np.arange(work), np.arange(work), indexing="ij")
    # In shares of the cartoon's frame.
    y = ((turn[0, 0] * row + turn[0, 1] * column + offset[0] + 0.5) / side) * (1 + 2 * MARGIN) - MARGIN
    x = ((turn[1, 0] * row + turn[1, 1] * column + offset[1] + 0.5) / side) * (1 + 2 * MARGIN) - MARGIN
    return _f32(seen), _f32(x), _f32(y)


def _near(colour: Pixels, pixels: Pixels, width: float) -> Pixels:
    """1 where the pixels have this colour, falling to 0 with the distance."""
    return _f32(np.exp(-np.square(pixels - colour).sum(-1) / (2 * width * width)))


def _smooth(work: int, cells: tuple[int, int], draws: np.random.Generator) -> Pixels:
    """Smooth noise of about unit variance, ``cells`` down and across: ``[work, work]``."""
    from scipy.ndimage import zoom

    coarse = draws.standard_normal(cells).astype(np.float32)
    return _f32(zoom(coarse, (work / cells[0], work / cells[1]), order=1, mode="nearest", grid_mode=True))


def _textured(who: Person, pixels: Pixels, work: int, draws: np.random.Generator) -> Pixels:
    """Skin that is not one colour and hair in strands, whose shine varies."""
    skin = _near(rgb(SKINS[who.skin][PORTRAIT]), pixels, 0.12)
    hair = _near(rgb(HAIR_COLOURS[who.hair_colour][PORTRAIT]), pixels, 0.07) * (1 - skin)
    # Old skin is less even.
    age = 1.8 if who.age == "old" else 1.0
    pores = 0.014 * _smooth(work, (work // 2, work // 2), draws) + 0.02 * age * _smooth(work, (9, 9), draws)
    strands = 0.1 * _smooth(work, (8, work // 3), draws) + 0.1 * _smooth(work, (5, 9), draws)
    tint = np.array([1.0, 0.75, 0.7], np.float32)
    pixels = pixels * (1 + (skin * pores)[..., None] * tint)
    shine = float(draws.uniform(0.02, 0.06))
    return _f32(pixels * (1 + (hair * strands)[..., None]) + (hair * np.maximum(strands, 0) * shine)[..., None])


def _light(who: Person, cover: Pixels, x: Pixels, y: Pixels, draws: np.random.Generator, scene: Scene) -> Pixels:
    """How bright every pixel is, by colour: light from one side on a round head, its nose and its eye sockets."""
    from scipy.ndimage import gaussian_filter

    left, top, width, height = scene.view or frame(who)
    u, v = left + width * x, top + height * y
    down = lowered(who)

    def spot(at_u: float, at_v: float, wide: float, high: float) -> Pixels:
        return _f32(np.exp(-0.5 * (np.square((u - at_u) / wide) + np.square((v - at_v) / high))))

    side = float(draws.choice((-1.0, 1.0)) * draws.uniform(0.35, 1.0))
    rise = float(draws.uniform(-0.75, -0.2))
    strength = float(draws.uniform(0.2, 0.34)) * (0.4 if scene.plain else 1.0)
    # The head is an ellipsoid; hair and shoulders are rounded off towards the outline of everything.
    nx, ny = np.clip((u - 132) / 78, -1, 1), np.clip((v - 112) / 100, -1, 1)
    facing = np.sqrt(np.clip(1 - 0.8 * (nx * nx + ny * ny), 0.05, 1))
    bulk = gaussian_filter(cover, 0.05 * len(cover))
    slope_y, slope_x = np.gradient(bulk)
    lambert = 0.62 * (nx * side + ny * rise) - len(cover) * 0.05 * (slope_x * side + slope_y * rise)
    shade = 0.965 + strength * lambert + 0.16 * (facing - 0.75)
    eyes = spot(106, 108 + down, 15, 9) + spot(158, 108 + down, 15, 9)
    ridge = spot(132, 116 + down, 5, 18)
    flank = spot(132 - 11 * side, 124 + down, 7, 16)
    tip = spot(132 + 2 * side, 131 + 0.6 * down, 5, 5)
    below = spot(132, 142 + 0.6 * down, 13, 3.5) + 0.8 * spot(132, 172, 16, 5)
    chin = np.clip((v - 184) / 10, 0, 1) * spot(132, 196, 48, 18)
    cheeks = spot(98, 136, 16, 12) + spot(166, 136, 16, 12)
    shade = shade - 0.11 * eyes + 0.13 * ridge - 0.17 * flank + 0.14 * tip - 0.1 * below - 0.22 * chin + 0.05 * cheeks
    if who.age == "old":
        # Hollows, not lines: below the eyes and beside the mouth.
        hollows = spot(106, 124, 10, 3) + spot(158, 124, 10, 3) + spot(106, 146, 4, 9) + spot(158, 146, 4, 9)
        shade = shade - 0.07 * hollows
    # Skin in shadow is redder than skin in light, and cheeks are warm.
    warmth = np.array([0.03, -0.02, -0.03], np.float32)
    return _f32(np.clip(shade, 0.35, 1.35)[..., None] * (1 + (0.8 * cheeks + 1.2 * (1 - shade))[..., None] * warmth))


def _room(work: int, draws: np.random.Generator) -> Pixels:
    """A wall or a room out of focus: a soft gradient between two quiet colours and a few large blurred things."""
    base = 0.6 + 0.14 * draws.standard_normal() * np.ones(3) + 0.017 * draws.standard_normal(3)
    base = np.clip(base, 0.38, 0.84)
    other = np.clip(base + 0.08 * draws.standard_normal() + 0.02 * draws.standard_normal(3), 0.3, 0.9)
    axis = np.linspace(-1, 1, work)
    turn = draws.uniform(0, 2 * np.pi)
    along = 0.5 + 0.35 * (np.cos(turn) * axis[None] + np.sin(turn) * axis[:, None])
    room = base + along[..., None] * (other - base)
    for _ in range(3):
        at, wide = draws.uniform(-1.1, 1.1, 2), draws.uniform(0.25, 0.7, 2)
        blob = np.exp(-0.5 * (((axis - at[0]) / wide[0])[None] ** 2 + ((axis - at[1]) / wide[1])[:, None] ** 2))
        room = room + blob[..., None] * (0.05 * draws.standard_normal() + 0.015 * draws.standard_normal(3))
    return _f32(room)


def backdrop(side: int, draws: np.random.Generator) -> Pixels:
    """What stands behind an avatar: a card of two pale colours that run into each other, with a grain.

    Args:
        side: pixels of a side.
        draws: where colours, direction and grain come from.

    Returns:
        float32 ``[side, side, 3]`` in [0, 1].
    """
    pale = draws.uniform(0.45, 0.9, (2, 3))
    axis = np.linspace(-1, 1, side)
    turn = draws.uniform(0, 2 * np.pi)
    along = 0.5 + 0.35 * (np.cos(turn) * axis[None] + np.sin(turn) * axis[:, None])
    card = pale[0] + along[..., None] * (pale[1] - pale[0])
    return _f32(np.clip(card + 0.03 * _smooth(side, (12, 12), draws)[..., None], 0, 1))


def _wall(work: int, draws: np.random.Generator) -> Pixels:
    """A light grey-white wall, a little darker to one side and below."""
    axis = np.linspace(-1, 1, work)
    grey = draws.uniform(0.8, 0.88) + 0.006 * draws.standard_normal(3)
    fall = 0.025 * draws.uniform(-1, 1) * axis[None] - 0.02 * axis[:, None]
    return _f32(grey + fall[..., None])


def _developed(picture: Pixels, draws: np.random.Generator, loose: float) -> npt.NDArray[np.uint8]:
    """Exposure, a small colour cast, blur, the corners' falling light and the sensor's noise."""
    from scipy.ndimage import gaussian_filter

    size = len(picture)
    axis = np.linspace(-1, 1, size)
    corners = 1 - 0.09 * (axis[None] ** 2 + axis[:, None] ** 2) * draws.uniform(0.2, 1)
    cast = 1 + np.clip(0.018 * loose * draws.standard_normal(3), -0.04, 0.04)
    exposure = 1.04 + np.clip(0.05 * loose * draws.standard_normal(), -0.1, 0.1)
    picture = _f32(picture * (exposure * corners)[..., None] * cast)
    sigma = draws.uniform(0.2, 0.5) * (size / 48) ** 0.5
    picture = gaussian_filter(picture, (sigma, sigma, 0))
    grain = draws.standard_normal((size, size, 3))
    grain = 0.5 * grain + 0.5 * grain[..., :1]
    picture = _f32(picture + draws.uniform(0.005, 0.013) * grain)
    shown: npt.NDArray[np.uint8] = (255 * np.clip(picture, 0, 1)).round().astype(np.uint8)
    return shown
