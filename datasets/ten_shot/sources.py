"""Where the images come from: drawn avatars (``standin``) or the user's folders (``real``).

A part says who sees the images:

====================  ====================================  ===================================  =================
part                  stand-in                              real, folder                         real, flowers
====================  ====================================  ===================================  =================
``shots``             avatars, drawn by the seed of a pool  drawn by the seed of ``shots``       drawn by the seed
``reference``         other people's avatars                ``reference``                        all, shots too
``fresh``             avatars of others again               none                                 none
``source-near``       photographs                           ``source-near``, or the stand-in's   as in a folder
``source-near-test``  photographs of other people           a quarter of these, held out         as in a folder
``source-far``        street digits                         ``source-far``, or the stand-in's    as in a folder
``source-far-test``   other street digits                   a quarter of these, held out         as in a folder
====================  ====================================  ===================================  =================

With ``split=validation`` the stand-in's ``shots`` and ``reference`` show other people. Shots are nested: the
first five of a seed's ten are its five. What is not drawn does not depend on the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from retable.datasets.errors import DataError
from retable.datasets.files import expect_folder
from retable.datasets.sampling import epoch_order
from retable.datasets.sources import Drawn, ImageSet, Progress, Source, counter, data_root
from retable.datasets.standins.digits import street
from retable.datasets.standins.faces import rendered_set
from retable.datasets.standins.faces.people import GROUPS
from retable.datasets.ten_shot import flowers, shot_folders
from retable.datasets.ten_shot.settings import POOL, TenShotSettings
from retable.datasets.ten_shot.shots import chosen_shots, refuse_duplicates

Part = Literal["shots", "reference", "fresh", "source-near", "source-near-test", "source-far", "source-far-test"]
AVATARS = "avatars"
"""Cache folder of what the stand-in draws."""


class StandIn(Drawn[Part, ImageSet]):
    """Avatars of people who do not exist; for source generators, photographs of others and street digits."""

    settings: TenShotSettings

    def load(self, part: Part, progress: Progress | None = None) -> ImageSet:
        """Rendered now or taken from the cache."""
        if part == "shots":
            pool = self._of_all_groups(_avatars, POOL, part, progress)
            return ImageSet.of(pool[chosen_shots(POOL, self.settings.shots, self.seed)])
        if part in ("reference", "fresh"):
            count = self.settings.n_reference if part == "reference" else self.settings.n_samples
            return ImageSet.of(self._of_all_groups(_avatars, count, part, progress))
        count = self.settings.n_held_out if part.endswith("-test") else self.settings.n_source
        if part.startswith("source-near"):
            return ImageSet.of(self._of_all_groups(rendered_set.portraits, count, part, progress))
        return ImageSet.of(self._digits(part, count, progress))

    def _of_all_groups(
        self, render: Callable[..., ImageSet], count: int, part: Part, progress: Progress | None
    ) -> Tensor:
        """So many pictures of the part's split, image i of group i % 4: any first few show all groups alike."""
        size, split = self.settings.size, self.settings.part(part) if part in ("shots", "reference") else part
        out = torch.empty(count, 3, size, size, dtype=torch.uint8)
        with rendered_set.shared_worker_pool():
            done = 0
            for number, group in enumerate(GROUPS):
                places = out[number :: len(GROUPS)]
                if len(places):
                    tell = counter(progress, f"images of {part}", count, done)
                    rendered = render(self.cache / AVATARS, split, group, len(places), size, progress=tell)
                    places.copy_(rendered.images)
                    done += len(places)
        return out

    def _digits(self, part: Part, count: int, progress: Progress | None) -> Tensor:
        """Street digits of 32 x 32 pixels, enlarged without edges."""
        images = street.street(self.cache / "street", part, count).images[:]
        counter(progress, f"images of {part}", count)(count)
        size = self.settings.size
        if size == street.SIZE:
            return images
        large = interpolate(images.float(), size=(size, size), mode="bilinear", align_corners=False)
        return large.round().clamp(0, 255).to(torch.uint8)


def _avatars(*people: Any, **options: Any) -> ImageSet:
    """Cartoons before a card each: on white, a distance between images would look at the whiteness."""
    return rendered_set.cartoons(*people, **options, card=True)


class Real(Source[Part, ImageSet]):
    """The user's own folders, or Oxford Flowers."""

    settings: TenShotSettings

    def __init__(self, settings: TenShotSettings, cache: Path, seed: int) -> None:
        super().__init__(settings, cache / "ten-shot", seed)
        folders = f"{' and '.join(shot_folders.FOLDERS)} (or {flowers.FOLDER} with data=flowers)"
        self._root = data_root(settings, "ten-shot", folders)
        self._standin = StandIn(settings, cache, seed)

    def verify(self) -> None:
        """Enough images must be there; a source generator's may be missing."""
        if self.settings.stream != "rows":
            self._source_files(self.settings.stream)
        elif self.settings.data == "flowers":
            self._flowers()
        else:
            shot_folders.require(self._root, self.settings.shots)

    def load(self, part: Part, progress: Progress | None = None) -> ImageSet:
        """Read now or taken from the cache."""
        if part == "shots":
            return ImageSet.of(self._shots())
        if part == "reference":
            if self.settings.data == "flowers":
                return self._read(self._flowers(), part, progress)
            return self._read(shot_folders.files_of(self._root, shot_folders.REFERENCE), part, progress)
        files = self._source_files(part.removesuffix("-test"))
        if not files:
            return self._standin.load(part, progress)
        held_out = max(shot_folders.LEAST, min(self.settings.n_held_out, len(files) // 4))
        # Names may stand in an order that means something.
        order = epoch_order(len(files), 0, "held out").tolist()
        chosen = order[:held_out] if part.endswith("-test") else order[held_out:]
        return self._read([files[place] for place in sorted(chosen)], part, progress)

    def _shots(self) -> Tensor:
        """The seed's shots.

        Of a folder all are read: whether it is refused must not depend on the seed.

        Raises:
            DataError: there are too few, or two of them are one picture.
        """
        if self.settings.data == "flowers":
            files = self._flowers()
            files = [files[place] for place in chosen_shots(len(files), self.settings.shots, self.seed).tolist()]
            chosen = torch.arange(len(files))
        else:
            shot_folders.require(self._root, self.settings.shots)
            files = shot_folders.files_of(self._root, shot_folders.SHOTS)
            chosen = chosen_shots(len(files), self.settings.shots, self.seed)
        images = self._read(files, "shots", None).images
        refuse_duplicates(files, images, self._root)
        return images[chosen]

    def _flowers(self) -> list[Path]:
        return flowers.files_of(self._root, self.settings.flower, self.settings.least_flowers)

    def _source_files(self, name: str) -> list[Path]:
        """A source generator's images; none where there is no such folder."""
        expect_folder(self._root, " and ".join(shot_folders.FOLDERS))
        files = shot_folders.files_of(self._root, name)
        least = 2 * shot_folders.LEAST
        if 0 < len(files) < least:
            raise DataError(
                f"{self._root / name}: {len(files)} image{'s' * (len(files) > 1)}, {least} needed; add some, or remove "
                "the folder and the source generator learns from drawn images"
            )
        return files

    def _read(self, files: list[Path], part: Part, progress: Progress | None) -> ImageSet:
        flowery = self.settings.data == "flowers" and part in ("shots", "reference")
        tell = counter(progress, f"images of {part}", len(files))
        name = f"flowers-{part}" if flowery else part
        shards = shot_folders.read(files, self._root, name, self.settings.size, self.cache, tell)
        return ImageSet(shards[:], shards.digest)
