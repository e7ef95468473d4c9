"""Where the images come from: drawn avatars (``standin``) or the user's folders (``real``), behind one call.

Both answer "the images of this part". A part is who sees them:

====================  ====================================  ===================================  =================
part                  stand-in                              real, folder                         real, flowers
====================  ====================================  ===================================  =================
``shots``             avatars, drawn by the seed of a pool  drawn by the seed of ``shots``       drawn by the seed
``reference``         other people's avatars                ``reference``                        all, shots too
``source-near``       photographs                           ``source-near``, or the stand-in's   as in a folder
``source-near-test``  photographs of other people           a quarter of these, held out         as in a folder
``source-far``        street digits                         ``source-far``, or the stand-in's    as in a folder
``source-far-test``   other street digits                   a quarter of these, held out         as in a folder
====================  ====================================  ===================================  =================

Shots are nested: the first five of a seed's ten are its five. What is not drawn does not depend on the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from retable.datasets import cache as caches
from retable.datasets.digits import street
from retable.datasets.errors import DataError
from retable.datasets.faces import album
from retable.datasets.faces.album import Album
from retable.datasets.faces.people import GROUPS
from retable.datasets.folders import refuse_folder_of_standin
from retable.datasets.sampling import epoch_order
from retable.datasets.ten_shot import flowers, folders
from retable.datasets.ten_shot.settings import NEIGHBOURS, POOL, TenShotSettings

Part = Literal["shots", "reference", "source-near", "source-near-test", "source-far", "source-far-test"]
Progress = Callable[[str, int, int], None]
"""Told what is made, how much of it is done, and how much there is."""
AVATARS = "avatars"
"""Cache folder of what the stand-in draws."""


class Source(Protocol):
    """What the task asks its images of."""

    def verify(self) -> None:
        """See that the data are there before much is read."""

    def load(self, part: Part, progress: Progress | None = None) -> Album:
        """The images of a part."""


class StandIn:
    """People who do not exist, as avatars; photographs of others, and street digits, to come from."""

    def __init__(self, settings: TenShotSettings, cache: Path, seed: int) -> None:
        self._settings = settings
        self._cache = cache
        self._seed = seed

    def verify(self) -> None:
        """Nothing can be missing: whatever is, is made.

        Raises:
            DataError: a folder is named that it does not read.
        """
        refuse_folder_of_standin(self._settings.data_dir)

    def load(self, part: Part, progress: Progress | None = None) -> Album:
        """Rendered now or taken from the cache."""
        if part == "shots":
            pool = self._alike(album.cartoons, "shots", POOL, part, progress)
            return _album(pool[drawn(POOL, self._settings.shots, self._seed)])
        if part == "reference":
            return _album(self._alike(album.cartoons, part, self._settings.n_reference, part, progress))
        count = self._settings.n_held_out if part.endswith("-test") else self._settings.n_source
        if part.startswith("source-near"):
            return _album(self._alike(album.portraits, part, count, part, progress))
        return _album(self._digits(part, count, progress))

    def _alike(
        self, draw: Callable[..., Album], split: str, count: int, part: Part, progress: Progress | None
    ) -> Tensor:
        """So many pictures, image i of group i % 4: any first few show all groups alike."""
        out = torch.empty(count, 3, self._settings.size, self._settings.size, dtype=torch.uint8)
        with album.one_crew():
            done = 0
            for number, group in enumerate(GROUPS):
                places = out[number :: len(GROUPS)]
                if len(places):
                    shown = draw(
                        self._cache / AVATARS,
                        split,
                        group,
                        len(places),
                        self._settings.size,
                        progress=partial(_tell_more, progress, part, count, done),
                    )
                    places.copy_(shown.images)
                    done += len(places)
        return out

    def _digits(self, part: Part, count: int, progress: Progress | None) -> Tensor:
        """Street digits of 32 x 32 pixels, enlarged without edges."""
        images = street.street(self._cache / "street", part, count).images
        _tell(progress, part, count, count)
        size = self._settings.size
        if size == street.SIZE:
            return images
        large = interpolate(images.float(), size=(size, size), mode="bilinear", align_corners=False)
        return large.round().clamp(0, 255).to(torch.uint8)


class Real:
    """The user's own folders, or Oxford Flowers."""

    def __init__(self, settings: TenShotSettings, cache: Path, seed: int) -> None:
        if settings.data_dir is None:
            raise DataError(
                "the task ten-shot with source real needs data_dir, the folder that holds "
                f"{' and '.join(folders.FOLDERS)} (or {flowers.FOLDER} with data=flowers); or use source standin"
            )
        self._root = Path(settings.data_dir).expanduser()
        self._settings = settings
        self._cache = cache / "ten-shot"
        self._seed = seed
        self._drawn = StandIn(settings, cache, seed)

    def verify(self) -> None:
        """Enough images must be there; a source generator's may be missing.

        Raises:
            DataError: what is missing, by name.
        """
        if self._settings.stream != "rows":
            self._of_source(self._settings.stream)
        elif self._settings.data == "flowers":
            self._flowers()
        else:
            folders.require(self._root, self._settings.shots)

    def load(self, part: Part, progress: Progress | None = None) -> Album:
        """Read now or taken from the cache."""
        if part == "shots":
            return _album(self._shots())
        if part == "reference":
            if self._settings.data == "flowers":
                return self._read(self._flowers(), part, progress)
            return self._read(folders.files_of(self._root, folders.REFERENCE), part, progress)
        files = self._of_source(part.removesuffix("-test"))
        if not files:
            return self._drawn.load(part, progress)
        held_out = max(folders.LEAST, min(self._settings.n_held_out, len(files) // 4))
        # Names may stand in an order that means something.
        order = epoch_order(len(files), 0, "held out").tolist()
        chosen = order[:held_out] if part.endswith("-test") else order[held_out:]
        return self._read([files[place] for place in sorted(chosen)], part, progress)

    def _shots(self) -> Tensor:
        """The seed's, or an error if there are too few or two of them are one picture."""
        if self._settings.data == "flowers":
            files = self._flowers()
            files = [files[place] for place in drawn(len(files), self._settings.shots, self._seed).tolist()]
            images = self._read(files, "shots", None).images
            folders.refuse_twins(files, images, self._root)
            return images
        folders.require(self._root, self._settings.shots)
        files = folders.files_of(self._root, folders.SHOTS)
        # All are read: whether a folder is refused must not depend on the seed.
        images = self._read(files, "shots", None).images
        folders.refuse_twins(files, images, self._root)
        return images[drawn(len(files), self._settings.shots, self._seed)]

    def _flowers(self) -> list[Path]:
        return flowers.files_of(self._root, self._settings.flower, max(self._settings.shots, NEIGHBOURS))

    def _of_source(self, name: str) -> list[Path]:
        if not self._root.is_dir():
            raise DataError(f"{self._root}: no such folder; expected one that holds {' and '.join(folders.FOLDERS)}")
        files = folders.files_of(self._root, name)
        least = 2 * folders.LEAST
        if 0 < len(files) < least:
            raise DataError(
                f"{self._root / name}: {len(files)} image{'s' * (len(files) > 1)}, {least} needed; add some, or remove "
                "the folder and the source generator learns from drawn images"
            )
        return files

    def _read(self, files: list[Path], part: Part, progress: Progress | None) -> Album:
        flowery = self._settings.data == "flowers" and part in ("shots", "reference")

        def tell(done: int) -> None:
            _tell(progress, part, done, len(files))

        name = f"flowers-{part}" if flowery else part
        shards = folders.read(files, self._root, name, self._settings.size, self._cache, tell)
        return Album(shards[:], shards.digest)


def drawn(among: int, shots: int, seed: int) -> Tensor:
    """Which images the shots of a seed are, int64 ``[shots]``; more of them start with the fewer ones."""
    return epoch_order(among, 0, "shots", seed)[:shots].clone()


def _album(images: Tensor) -> Album:
    return Album(images, caches.content_digest({"images": images}))


def _tell_more(progress: Progress | None, part: Part, total: int, before: int, done: int) -> None:
    _tell(progress, part, before + done, total)


def _tell(progress: Progress | None, part: Part, done: int, total: int) -> None:
    if progress is not None:
        progress(f"images of {part}", done, total)
