"""Settings of the task ``cartoon-groups``, and how many images of the stand-in follow from them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from retable.datasets.task import SplitSettings

Stage = Literal["rows", "identities", "judge-cartoon", "judge-photo"]
Two = Annotated[int, Field(ge=2)]
One = Annotated[int, Field(ge=1)]


class CartoonGroupsSettings(SplitSettings):
    """Image size, and the sizes of the stand-in; the real source has what its folders hold."""

    stream: Stage = "rows"
    """What ``prepare`` gets ready: ``rows`` is every stream of the tables; other data are made when first asked for."""
    size: int = Field(default=256, ge=16)
    """Height and width of every image in pixels."""
    n_photos: tuple[Two, Two, Two, Two] = (1000, 75, 50, 50)
    """Photos to train on by group, the paper's."""
    n_cartoons: tuple[One, One, One, One] = (200, 15, 10, 10)
    """Cartoons to train on by group, the paper's; never of the people in the photos."""
    n_test: int = Field(default=100, ge=2)
    """Per group: people to test on, people whose images are the reference, and people to check a judge on."""
    n_judge: int = Field(default=500, ge=1)
    """Per group: people whom a judge learns from."""
    n_identities: int = Field(default=300, ge=4)
    """People whom the recogniser learns to tell apart, of all groups together."""
    n_shots: int = Field(default=4, ge=2)
    """Photographs of each of them."""
    n_pairs: int = Field(default=400, ge=16, multiple_of=8)
    """Pairs of photographs that check the recogniser: half show one person, half two of one group."""

    @property
    def variant(self) -> str:
        """``val`` on the validation split, else empty."""
        return self.named("")

    def count(self, part: str, domain: str, group: int) -> int:
        """How many people of the stand-in a part, domain and group has
        (:mod:`~retable.datasets.cartoon_groups.sources`)."""
        if part == "train":
            return (self.n_photos if domain == "photo" else self.n_cartoons)[group]
        groups = len(self.n_photos)
        return {
            "truth": self.n_asked(self.n_photos, group),
            "judge": self.n_judge,
            "identities": self.n_identities // groups + (group < self.n_identities % groups),
            "pairs": self.n_pairs // (2 * groups),
        }.get(part, self.n_test)

    @staticmethod
    def n_asked(photos: tuple[int, ...], group: int) -> int:
        """Training photos of a group in the request ``train``: all of a rare group, as many in all of group 0."""
        return photos[group] if group else min(photos[0], sum(photos[1:]))
