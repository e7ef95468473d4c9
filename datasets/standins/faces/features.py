"""Faces with an expression, for photographs that are looked at closely: eyes, brows, mouth and the lines of age.

python-avatars' own mouths and brows are small; these are drawn anew from the numbers of an expression, larger and
stronger, so that it is plain at 40 pixels. Coordinates are those of its canvas, as in
:mod:`retable.datasets.standins.faces.strokes`.
"""

from __future__ import annotations

from dataclasses import dataclass

from retable.datasets.standins.faces.expressions import Expression
from retable.datasets.standins.faces.people import EYE_COLOURS, HAIR_COLOURS, SKINS, Person, mixed
from retable.datasets.standins.faces.strokes import PORTRAIT

VIEW = (132.0, 36.0, 150.0, 158.0)
"""The part of the canvas that a picture shows: middle, top, width of a face as wide as usual, height."""

_EYES_Y = 113.0
_MOUTH_Y = 156.0
_INK = "#2a1512"
_ROUND = (
    '<radialGradient id="round" gradientUnits="userSpaceOnUse" cx="100" cy="84" r="82" gradientTransform='
    '"translate(100 0) scale(0.84 1) translate(-100 0)"><stop offset="0.6" stop-color="#3a140c" stop-opacity="0"/>'
    '<stop offset="1" stop-color="#3a140c" stop-opacity="0.34"/></radialGradient>'
    '<use transform="translate(32,36)" xlink:href="#transparent_path-1" fill="url(#round)"/>'
)
"""The head turns away from the camera towards its outline, and hair throws a shadow on it."""
_FROWN = "M126,88 q2,8 0,14 M138,88 q-2,8 0,14"
_SNEER = "M123,112 q9,-5 18,0 M122,119 q10,-5 20,0 M115,134 q-3,-10 4,-13 M149,134 q3,-10 -4,-13"
_FOREHEADS = (
    "M104,83 q28,-8 56,0 M108,73 q24,-7 48,0",
    "M102,84 q30,-6 60,0 M106,75 q26,-6 52,0 M112,67 q20,-4 40,0",
    "M106,80 q13,-6 26,-1 q13,-5 26,1 M110,71 q22,-6 44,0",
)
_AGED = (
    (0.62, 2.2, "M89,107 l-9,-6 M88,113 l-11,0 M89,118 l-9,6 M175,107 l9,-6 M176,113 l11,0 M175,118 l9,6"),
    (0.75, 2.8, "M95,123 q10,8 22,1 M147,124 q12,7 22,-1"),
    (0.5, 2.2, "M96,129 q9,5 17,1 M151,130 q8,4 17,-1"),
    (0.5, 2.6, "M108,168 q-3,6 -1,11 M156,168 q3,6 1,11"),
    (0.35, 3.0, "M84,158 q6,12 14,14 M180,158 q-6,12 -14,14"),
)
"""Crow's feet, bags below the eyes (two lines), folds below the mouth's corners, hanging cheeks: how dark, how wide,
where."""


@dataclass(frozen=True)
class Features:
    """SVG elements in the place of python-avatars' mouth and brows, and what the drawing shows."""

    skin: str
    """Painted on the skin, below the nose's shadow, hair and beard."""
    face: str
    """Painted over the skin, below hair and glasses."""
    mouth: str
    """Painted over the beard."""
    view: tuple[float, float, float, float]
    """Left, top, width and height of the part of the canvas that the picture shows."""


def view(who: Person) -> tuple[float, float, float, float]:
    """The part of the canvas that a picture shows, from forehead to chin: left, top, width, height."""
    middle, top, width, height = VIEW
    return middle - width / who.width / 2, top, width / who.width, height


def features(who: Person, expression: Expression) -> Features:
    """The face of a person: a pure function of both. Mouth, brows and eyes of the person itself are not used."""
    return Features(
        skin=_ROUND + _stubble(who) + _lines(who, expression),
        face=_eyes(who, expression) + _brows(who, expression),
        mouth=_mouth(who, expression),
        view=view(who),
    )


def _stubble(who: Person) -> str:
    if not who.stubble:
        return ""
    colour = mixed(HAIR_COLOURS[who.hair_colour][PORTRAIT], "#2a2024", 0.5)
    return (
        '<path d="M76,130 C84,140 96,146 110,142 Q132,136 154,142 C168,146 180,140 188,130'
        f' A56,58 0 0 1 76,130 Z" fill="{colour}" fill-opacity="{0.2 + 0.16 * who.stubble:.3f}"/>'
    )


def _eyes(who: Person, expression: Expression) -> str:
    woman, old = who.gender == "female", who.age == "old"
    width = (11.6 if woman else 10.4) * who.eye_size * (0.92 if old else 1)
    height = (6.3 if woman else 5.3) * who.eye_size * expression.lids * (0.8 if old else 1)
    iris = (5.3 if woman else 4.9) * who.eye_size
    low = height * (0.85 - 0.6 * expression.squint)
    colour = EYE_COLOURS[who.eye_colour][PORTRAIT]
    made_up = woman and not old
    lid = mixed(SKINS[who.skin][PORTRAIT], _shade(who), 0.16)
    parts = []
    for x, side in ((106.0, -1), (158.0, 1)):
        y, lift = _EYES_Y, 1.2 * height
        top = f"M{x - width:.2f},{y} C{x - 0.7 * width:.2f},{y - lift:.2f} {x + 0.7 * width:.2f},{y - lift:.2f}"
        top += f" {x + width:.2f},{y}"
        bottom = f"C{x + 0.7 * width:.2f},{y + 1.2 * low:.2f} {x - 0.7 * width:.2f},{y + 1.2 * low:.2f}"
        almond = f"{top} {bottom} {x - width:.2f},{y} Z"
        look = y - 0.12 * height
        # The lids are painted over the iris, in half the time of a clip path.
        wide, high = width + 1.5, max(height, iris + 0.12 * height) + 1.2
        socket = f"M{x - wide:.2f},{y} a{wide:.2f},{high:.2f} 0 1 1 {2 * wide:.2f},0 a{wide:.2f},{high:.2f} 0 1 1 "
        socket += f"{-2 * wide:.2f},0 Z"
        parts.append(
            f'<path d="{almond}" fill="#e2dad3"/><circle cx="{x}" cy="{look:.2f}" r="{iris:.2f}" fill="{colour}"/>'
            f'<circle cx="{x}" cy="{look:.2f}" r="{0.5 * iris:.2f}" fill="#120d10"/>'
            f'<circle cx="{x + 0.3 * iris:.2f}" cy="{look - 0.35 * iris:.2f}" r="{0.2 * iris:.2f}" fill="#fff"/>'
            f'<path d="{socket} {almond}" fill="{lid}" fill-rule="evenodd"/>'
            f'<path d="{top}" fill="none" stroke="{_INK}" stroke-width="{3.2 if made_up else 1.7}"'
            f' stroke-linecap="round" stroke-opacity="{0.92 if made_up else 0.7}"/>'
        )
        if made_up:
            parts.append(
                f'<path d="M{x + side * width:.2f},{y} l{side * 4.5},-4" stroke="{_INK}" stroke-width="2.6"'
                ' stroke-linecap="round" stroke-opacity="0.9" fill="none"/>'
            )
        if old:
            # The lid hangs over the eye's outer corner.
            parts.append(
                f'<path d="M{x - side * 0.8 * width:.2f},{y - lift - 1.5:.2f} Q{x + side * 0.5 * width:.2f},'
                f'{y - lift - 3:.2f} {x + side * (width + 4):.2f},{y + 3}" fill="none" stroke="{_shade(who)}"'
                ' stroke-width="2.4" stroke-opacity="0.7" stroke-linecap="round"/>'
            )
    return "".join(parts)


def _brows(who: Person, expression: Expression) -> str:
    """Brows in the colour of the hair, heavier on men; light hair goes with darker brows, or they would vanish."""
    colour = mixed(HAIR_COLOURS[who.hair_colour][PORTRAIT], "#33211a", 0.55)
    thick = {"female": 3.9, "male": 6.4}[who.gender]
    parts = []
    for side in (-1, 1):
        raised = max(0.0, expression.aside) * (0.75 if side > 0 else -0.1)
        base = 97.0 - raised
        inner, arch, outer = (base - rise for rise in (expression.inner, expression.arch, expression.outer))
        parts.append(
            f"M{132 + side * 12},{inner + 1:.2f} Q{132 + side * 27},{2 * arch - 0.5 * (inner + outer) - 5:.2f}"
            f" {132 + side * 43},{outer + 2:.2f}"
        )
    return (
        f'<path d="{" ".join(parts)}" fill="none" stroke="{colour}" stroke-width="{thick}" stroke-linecap="round"'
        ' stroke-opacity="0.95"/>'
    )


def _shade(who: Person) -> str:
    """The colour of a fold in this skin."""
    return mixed(SKINS[who.skin][PORTRAIT], "#2e120c", 0.72)


def _lines(who: Person, expression: Expression) -> str:
    """Folds and wrinkles: those of the expression, and on an old face those of age."""
    aged = 1.0 if who.age == "old" else 0.0
    out, end = 8 + 5 * expression.cheeks, 9 + 7 * expression.cheeks
    drawn = [
        (0.75 * expression.frown, 3.0, _FROWN),
        (0.6 * expression.sneer, 2.4, _SNEER),
        (max(0.75 * aged, 0.4 * expression.worry), 2.6, _FOREHEADS[who.folds]),
        (max(0.8 * aged, 0.5 * expression.cheeks), 3.0, f"M113,137 q-{out},9 -{end},22 M151,137 q{out},9 {end},22"),
    ]
    if aged:
        drawn += _AGED
    colour = _shade(who)
    return "".join(
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width * broad:.1f}" stroke-linecap="round"'
        f' stroke-opacity="{strength * share:.3f}"/>'
        for strength, width, path in drawn
        # A fold has a soft edge: a narrow line on a broad faint one.
        for broad, share in ((2.3, 0.34), (1.0, 0.95))
        if strength > 0
    )


def _mouth(who: Person, expression: Expression) -> str:
    """Lips, and between them what an open mouth shows."""
    woman, old = who.gender == "female", who.age == "old"
    skin = SKINS[who.skin][PORTRAIT]
    if woman and not old:
        lip, opacity = mixed(skin, "#96283a", 0.68), 0.95
    else:
        lip, opacity = mixed(skin, "#84332f", 0.6 if woman else 0.36), 0.9
    above, below = (4.6, 6.4) if woman else (2.8, 4.2)
    above, below = (0.55 * above, 0.6 * below) if old else (above, below)
    left, right = 132 - expression.wide, 132 + expression.wide
    y_left = _MOUTH_Y - expression.corners
    y_right = y_left - expression.aside
    middle = _MOUTH_Y + 0.35 * expression.corners
    high, low = middle - expression.upper, middle + max(expression.lower, -expression.upper)

    def shape(more: float, up: float, down: float) -> str:
        """The closed curve between two curves from corner to corner whose middles are at these heights."""
        inward = (right - left) * expression.square
        (x0, y0), (x1, y1) = (left - more, y_left), (right + more, y_right)

        def control(at: float, corner: float) -> float:
            return (4 * at - corner) / 3

        return (
            f"M{x0:.2f},{y0:.2f} C{x0 + inward:.2f},{control(up, y0):.2f} {x1 - inward:.2f},{control(up, y1):.2f}"
            f" {x1:.2f},{y1:.2f} C{x1 - inward:.2f},{control(down, y1):.2f} {x0 + inward:.2f},"
            f"{control(down, y0):.2f} {x0:.2f},{y0:.2f} Z"
        )

    parts = [f'<path d="{shape(2.2, high - above, low + below)}" fill="{lip}" fill-opacity="{opacity}"/>']
    if low - high > 3:
        opening = shape(0, high, low)
        teeth = shape(0, high - 1, high + expression.teeth * (low - high))
        parts.append(f'<path d="{opening}" fill="#2c0d0f"/>')
        if expression.teeth > 0.05:
            parts.append(f'<path d="{teeth}" fill="#e3dbd1"/>')
        if expression.teeth > 0.9:
            # Clenched: a line between the rows.
            parts.append(
                f'<path d="M{left + 2:.2f},{(y_left + high + low) / 3:.2f} Q132,{(high + low) / 2:.2f} {right - 2:.2f},'
                f'{(y_right + high + low) / 3:.2f}" fill="none" stroke="#3a1a18" stroke-width="1.6"/>'
            )
    else:
        line = shape(0, middle - 0.8, middle + 0.8)
        parts.append(f'<path d="{line}" fill="{_INK}" stroke="{_INK}" stroke-width="1.7" opacity="0.85"/>')
    return "".join(parts)
