"""Settings of the task ``ten-shot``, and how many images of the stand-in follow from them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from retable.datasets.task import SplitSettings

Stage = Literal["rows", "fresh", "source-near", "source-far"]
NEIGHBOURS = 4
"""Fewest images on either side of a comparison: precision and recall ask for a third neighbour of each."""
POOL = 400
"""People of the stand-in that shots are drawn from: the same for every seed and every number of shots."""
MOST_HELD_OUT = 250
"""Most images that a source generator is compared with, and samples that are asked of it."""


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError(f"{value} is not a power of two; use 32, 64, 128, 256 and so on")
    return value


class TenShotSettings(SplitSettings):
    """How many shots, and how much is asked of what was learned from them."""

    stream: Stage = "rows"
    """What ``prepare`` gets ready: ``rows`` is every stream of the tables, ``fresh`` more images of the stand-in for a
    reference row, the others what a source generator needs."""
    size: Annotated[int, Field(ge=32), AfterValidator(_power_of_two)] = 256
    """Height and width of every image in pixels, a power of two."""
    data: Literal["folder", "flowers"] = "folder"
    """Of the real source: a folder of shots and one of reference images, or Oxford Flowers as torchvision keeps it."""
    flower: int | None = Field(default=None, ge=1, le=102)
    """Of ``flowers``: one class by its number in ``imagelabels.mat``, 1 to 102; ``None``: all of them."""
    shots: int = Field(default=10, ge=2)
    """How many images there are to learn from: of the stand-in at most :data:`POOL`."""
    n_reference: int = Field(default=2000, ge=NEIGHBOURS)
    """Images of the stand-in to compare with; the real source has what it has, :data:`NEIGHBOURS` at least."""
    n_samples: int = Field(default=5000, ge=NEIGHBOURS)
    """How many samples are scored: the paper's number."""
    n_compared: int = Field(default=500, ge=2)
    """How many of them are compared in pairs or with the shots (LPIPS); of a yardstick it is always all images."""
    n_paths: int = Field(default=200, ge=1)
    """Pairs of latents that are almost equal, for the perceptual path length."""
    n_strips: int = Field(default=16, ge=1)
    """Latent interpolations whose steps are compared."""
    strip_points: int = Field(default=24, ge=3)
    """Images of each."""
    n_source: int = Field(default=1000, ge=8)
    """Images that a source generator learns from, of either other domain."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.source == "standin" and self.data != "folder":
            raise ValueError(f"data={self.data} needs source=real and a data_dir; the stand-in draws its own images")
        if self.flower is not None and self.data != "flowers":
            raise ValueError(f"flower={self.flower} needs data=flowers; a folder has no classes")
        if self.source == "standin" and self.shots > POOL:
            raise ValueError(f"shots is {self.shots}, but the stand-in draws them from {POOL} people; use fewer")
        return self

    @property
    def variant(self) -> str:
        """``n`` and the number of shots, or empty where they are ten; ``val`` behind it on the validation split."""
        return self.named("" if self.shots == 10 else f"n{self.shots}")

    @property
    def least_flowers(self) -> int:
        """How many flowers there must be: the shots, and enough to compare with."""
        return max(self.shots, NEIGHBOURS)

    @property
    def n_held_out(self) -> int:
        """Images of a source's domain that its generator does not learn from: a quarter of the others, and not many."""
        return min(max(2, self.n_source // 4), MOST_HELD_OUT)
