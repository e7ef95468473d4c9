"""What is drawn by hand on top of python-avatars' art: eyes, lips, stubble, bunches, and the strokes of the groups.

Coordinates are those of its 264 x 280 canvas: the face is 112 wide around x = 132, its chin is at y = 186. Colours are
chosen by the caller's ``drawn``: 0 for the cartoon, 1 for the portrait.
"""

from __future__ import annotations

from retable.datasets.standins.faces.people import EYE_COLOURS, HAIR_COLOURS, Person, mixed

CARTOON, PORTRAIT = 0, 1
_EYES_X = (106.0, 158.0)
_MOUTHS = {
    "default": (118, 146, 149, 163),
    "smile": (113, 151, 149, 166),
    "big_smile": (107, 157, 147, 169),
    "twinkle": (118, 146, 150, 158),
    "serious": (120, 144, 150, 155),
}
"""Left, right, top and bottom of python-avatars' mouths."""


def lowered(who: Person) -> float:
    """How much lower than a grown-up's the eyes stand: a child's face has a high forehead."""
    return 9.0 if who.age == "child" else 0.0


def behind(who: Person, drawn: int) -> str:
    """Bunches, behind the head."""
    if not who.bunches:
        return ""
    hair = HAIR_COLOURS[who.hair_colour][drawn]
    return "".join(
        f'<ellipse cx="{x}" cy="104" rx="19" ry="30" transform="rotate({turn} {x} 104)" fill="{hair}"/>'
        f'<circle cx="{tie}" cy="82" r="6" fill="{("#ff5d8f", "#9a5a66")[drawn]}"/>'
        for x, turn, tie in ((60, 18, 71), (204, -18, 193))
    )


def outline() -> str:
    """The line around a cartoon's face and neck, behind the clothes."""
    return (
        '<use transform="translate(32,36)" xlink:href="#transparent_path-1" fill="none" stroke="#4a2f2a"'
        ' stroke-width="2.6" stroke-opacity="0.75"/>'
    )


def under(who: Person, drawn: int) -> str:
    """Between the skin and the face's features: stubble and lips."""
    parts = []
    if who.stubble:
        colour = mixed(HAIR_COLOURS[who.hair_colour][drawn], "#2a2024", 0.5)
        parts.append(
            '<path d="M76,132 C84,140 96,144 112,141 Q132,137 152,141 C168,144 180,140 188,132'
            f' A56,56 0 0 1 76,132 Z" fill="{colour}" fill-opacity="{0.13 + 0.15 * who.stubble:.3f}"/>'
        )
    if who.gender == "female":
        left, right, top, bottom = _MOUTHS.get(who.mouth, _MOUTHS["default"])
        grown = who.age != "child"
        colour = (("#f2949b", "#e2375a")[grown and who.age == "adult"], "#a9605a")[drawn]
        strength = (0.95, 0.6)[drawn] if grown else 0.35
        left, right, top, bottom = left - 4, right + 4, top + 1, bottom + 6
        parts.append(
            f'<path d="M{left},{top} Q{126},{top - 9} {132},{top - 5} Q{138},{top - 9} {right},{top}'
            f' Q{right - 5},{bottom} {132},{bottom} Q{left + 5},{bottom} {left},{top} Z" fill="{colour}"'
            f' fill-opacity="{strength}"/>'
        )
    return "".join(parts)


def eyes(who: Person, drawn: int) -> str:
    """Both eyes: a cartoon's are large and round, a portrait's have their natural size and shape."""
    y = 112.0 + lowered(who)
    kind = "woman" if who.age == "adult" and who.gender == "female" else who.age
    width, height, iris = {
        "woman": ((13.0, 15.5, 9.6), (9.6, 5.6, 4.7)),
        "adult": ((9.5, 9.5, 6.2), (9.0, 4.8, 4.3)),
        "child": ((14.0, 15.0, 11.0), (10.6, 7.2, 5.8)),
        "old": ((8.6, 7.4, 5.2), (8.6, 4.3, 4.0)),
    }[kind][drawn]
    width, height, iris = (who.eye_size * length for length in (width, height, iris))
    height *= {"narrow": 0.62, "smiling": 0.85}.get(who.eyes, 1.0)
    white, lid = (("#ffffff", "#2a1c22"), ("#e9e3dc", "#4a332b"))[drawn]
    colour = EYE_COLOURS[who.eye_colour][drawn]
    parts = []
    for number, x in enumerate(_EYES_X):
        # An almond: two arcs whose lower one is flatter, flatter still when the eyes smile.
        low = height * (0.45 if who.eyes == "smiling" else 0.9)
        almond = (
            f"M{x - width:.2f},{y:.2f} C{x - 0.8 * width:.2f},{y - 1.3 * height:.2f} {x + 0.8 * width:.2f},"
            f"{y - 1.3 * height:.2f} {x + width:.2f},{y:.2f} C{x + 0.8 * width:.2f},{y + 1.3 * low:.2f}"
            f" {x - 0.8 * width:.2f},{y + 1.3 * low:.2f} {x - width:.2f},{y:.2f} Z"
        )
        upper = almond.split(" C")[0] + " C" + almond.split(" C")[1]
        clip = f"eye-{number}"
        thickness = ((5.2 if kind == "woman" else 2.8), 1.5)[drawn]
        parts.append(
            f'<clipPath id="{clip}"><path d="{almond}"/></clipPath><path d="{almond}" fill="{white}"/>'
            f'<g clip-path="url(#{clip})"><circle cx="{x}" cy="{y:.2f}" r="{iris:.2f}" fill="{colour}"/>'
            f'<circle cx="{x}" cy="{y:.2f}" r="{0.52 * iris:.2f}" fill="#120d10"/>'
            f'<circle cx="{x + 0.3 * iris:.2f}" cy="{y - 0.35 * iris:.2f}" r="{(0.3, 0.16)[drawn] * iris:.2f}"'
            f' fill="#ffffff"/></g>'
            f'<path d="{upper}" fill="none" stroke="{lid}" stroke-width="{thickness}" stroke-linecap="round"'
            f' stroke-opacity="{(1.0, 0.7)[drawn]}"/>'
        )
        if drawn == CARTOON and kind == "woman":
            parts.append(_lashes(x, y, width, height, (-1, 1)[number]))
    return "".join(parts)


def _lashes(x: float, y: float, width: float, height: float, side: int) -> str:
    """Bold lashes at the outer corner of an eye."""
    strokes = "".join(
        f"M{x + side * along * width:.2f},{y - up * height:.2f} l{side * dx},{dy}"
        for along, up, dx, dy in ((0.98, 0.05, 9, -3), (0.86, 0.5, 8.5, -7), (0.55, 0.85, 6, -8))
    )
    return f'<path d="{strokes}" fill="none" stroke="#2a1c22" stroke-width="3.6" stroke-linecap="round"/>'


def over(who: Person) -> str:
    """The cartoon's strokes of age: an old person's wrinkles, a child's blush and freckles."""
    if who.age == "child":
        cheeks = '<ellipse cx="{x}" cy="146" rx="12" ry="8.5" fill="#ff6f7d" fill-opacity="0.5"/>'
        dots = "".join(
            f'<circle cx="{132 + side * dx}" cy="{y}" r="2" fill="#a8532c" fill-opacity="0.8"/>'
            for side in (-1, 1)
            for dx, y in ((22, 138), (30, 141), (38, 137), (27, 147), (36, 148))
        )
        return cheeks.format(x=93) + cheeks.format(x=171) + (dots if who.freckles else "")
    if who.age != "old":
        return ""
    forehead = (
        "M108,78 q24,-7 48,0 M112,68 q20,-5 40,0",
        "M106,80 q26,-6 52,0 M110,71 q22,-6 44,0 M116,62 q16,-4 32,0",
        "M104,76 q28,-7 56,0",
    )[who.folds]
    folds = "M112,134 q-11,8 -8,21 M152,134 q11,8 8,21"
    corners = "M90,108 l-9,-5 M90,112 l-10,0 M90,116 l-9,5 M174,108 l9,-5 M174,112 l10,0 M174,116 l9,5"
    bags = "M97,123 q9,6 18,1 M149,124 q9,5 18,-1"
    return (
        f'<path d="{forehead} {folds} {corners} {bags}" fill="none" stroke="#4a2418" stroke-opacity="0.72"'
        ' stroke-width="3" stroke-linecap="round"/>'
    )
