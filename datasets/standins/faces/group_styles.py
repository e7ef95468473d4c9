"""What the people of each group are drawn from: what makes a group, and how much its people vary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class GroupStyle:
    """What the people of a group are drawn from; a choice given twice is twice as frequent."""

    hair: Mapping[str, tuple[str, ...]]
    colours: tuple[str, ...]
    beards: tuple[str, ...]
    glasses: tuple[str, ...]
    clothes: tuple[str, ...]
    mouths: tuple[str, ...]
    brows: tuple[str, ...]


_YOUNG = ("black", "black", "brown", "brown", "chestnut", "auburn", "ginger", "blond", "blond")
DEEP_SKINS = ("brown", "dark")
"""Skins whose hair is mostly dark."""
_SPECTACLES = ("prescription_02", "round")
_PLAIN = ("default_natural", "default", "raised_excited_natural")
GROUP_STYLES: Mapping[str, GroupStyle] = {
    "woman": GroupStyle(
        hair={
            "female": (
                "big_hair",
                "bob",
                "curly",
                "curvy",
                "long_not_too_long",
                "mia_wallace",
                "straight_1",
                "straight_2",
                "straight_strand",
                "loose_hair",
            )
        },
        colours=_YOUNG,
        beards=("",),
        glasses=("",) * 9 + ("round",),
        clothes=("shirt_scoop_neck", "shirt_v_neck", "shirt_crew_neck", "collar_sweater", "blazer_shirt"),
        mouths=("smile", "default", "twinkle", "serious", "twinkle", "big_smile"),
        brows=_PLAIN,
    ),
    "man": GroupStyle(
        hair={
            "male": (
                "short_flat",
                "short_round",
                "short_waved",
                "caesar",
                "caesar_side_part",
                "short_curly",
                "buzzcut",
                "quiff",
                "pompadour",
                "elvis",
                "frizzle",
                "short_dreads_1",
            )
        },
        colours=_YOUNG,
        beards=("",) * 5 + ("beard_light", "beard_medium", "beard_medium", "beard_magestic", "moustache_magnum"),
        glasses=("",) * 8 + _SPECTACLES,
        clothes=("shirt_crew_neck", "shirt_v_neck", "hoodie", "blazer_shirt", "collar_sweater", "shirt_wick"),
        mouths=("smile", "default", "twinkle", "serious", "serious"),
        brows=("flat_natural", "flat_natural", "default_natural", "default_natural", "default"),
    ),
    "kids": GroupStyle(
        hair={
            "female": ("short_round", "pixie", "shaggy", "bun", "caesar_side_part"),
            "male": ("shaggy", "mowgli", "pixie", "short_round", "short_curly", "caesar"),
        },
        colours=_YOUNG,
        beards=("",),
        glasses=("",) * 11 + ("round",),
        clothes=("shirt_crew_neck", "overall", "hoodie", "shirt_scoop_neck"),
        mouths=("smile", "default", "twinkle", "big_smile", "tongue"),
        brows=_PLAIN,
    ),
    "old": GroupStyle(
        hair={
            "female": ("bun", "short_curly", "curly", "bob", "short_waved", "bun"),
            "male": ("sides", "sides", "sides", "short_flat", "caesar_side_part", "einstein_hair", "short_waved"),
        },
        colours=("grey", "silver", "silver", "white", "white"),
        beards=("",) * 5 + ("beard_medium", "beard_magestic", "moustache_magnum"),
        glasses=("", "", "prescription_02", "round"),
        clothes=("blazer_sweater", "collar_sweater", "blazer_shirt", "shirt_v_neck"),
        mouths=("smile", "twinkle", "serious", "serious", "default"),
        brows=("default_natural", "sad_concerned_natural", "flat_natural", "default"),
    ),
}
