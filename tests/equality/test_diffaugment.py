"""DiffAugment's changes are those of its released code (mit-han-lab/data-efficient-gans).

``diffaugment.safetensors``: four random images of 16 pixels, changed by the released functions one after the other, and
the numbers that these drew, in that order.
"""

from __future__ import annotations

import pytest
import torch

from retable.methods.mixdl.diffaugment import CHANGES
from tests.equality.official import Official


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def official(request: pytest.FixtureRequest) -> Official:
    return Official("diffaugment", request.param)


def test_every_change_is_the_released_one(official: Official, monkeypatch: pytest.MonkeyPatch) -> None:
    colours = torch.stack([official[f"draw {name}"] for name in ("brightness", "saturation", "contrast")])
    # Ours draws across before down, and where a pixel goes instead of where it comes from.
    places = iter([-official["draw right"], -official["draw down"]])
    holes = iter([official["draw hole down"][:, None], official["draw hole right"][:, None]])
    monkeypatch.setattr(torch, "rand", lambda *_, **__: colours[:, :, None, None, None])
    x = CHANGES["color"](official["x"])
    official.check(x, "color")
    monkeypatch.setattr(torch, "randint", lambda *_, **__: next(places))
    x = CHANGES["translation"](x)
    official.check(x, "translation")
    monkeypatch.setattr(torch, "randint", lambda *_, **__: next(holes))
    official.check(CHANGES["cutout"](x), "cutout")
