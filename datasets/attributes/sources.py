"""Where the faces come from: drawn people (``standin``) or CelebA and RaFD on the user's disk (``real``).

Both answer "the images of this set and part, with their labels". A part is who sees them:

==============  ===================  =======================================
part            stand-in (split)     real
==============  ===================  =======================================
``train``       ``train``            ``train``
``test``        ``test``             ``test``
``reference``   ``reference``        ``judge-test``, which no method sees
``judge``       ``judge``            ``judge``
``judge-test``  ``judge-test``       ``judge-test``
==============  ===================  =======================================

No image is in two parts, and no person but CelebA's, whose split like the paper's does not keep people apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from retable.datasets import cache
from retable.datasets.attributes.settings import AttributesSettings, Set
from retable.datasets.attributes.wishes import Wish, bits
from retable.datasets.errors import DataError
from retable.datasets.faces import album
from retable.datasets.faces.album import Album
from retable.datasets.faces.looks import look
from retable.datasets.folders import refuse_folder_of_standin
from retable.datasets.shards import Images

Part = Literal["train", "test", "reference", "judge", "judge-test"]
Progress = Callable[[str, int, int], None]
"""Told what is rendered, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Labelled:
    """Images of one set with its labels."""

    images: Images
    """uint8 ``[N, 3, S, S]``; a tensor, except for what is too large for memory."""
    labels: Tensor
    """int64: bits ``[N, 5]`` of ``faces``, classes ``[N]`` of ``expressions``."""
    digest: str
    """SHA-256 of images and labels, 64 hex digits."""

    def where(self, chosen: Tensor) -> Labelled:
        """The rows that the boolean mask ``chosen [N]`` picks, in memory; the digest stays that of them all."""
        return Labelled(self.images[chosen], self.labels[chosen], self.digest)

    def __len__(self) -> int:
        return len(self.images)


class Source(Protocol):
    """What the task asks its images of."""

    def verify(self, sets: tuple[Set, ...]) -> None:
        """See that the data of these sets are there before much is read."""

    def load(self, of: Set, part: Part, progress: Progress | None = None) -> Labelled:
        """The images of a set and part."""


class StandIn:
    """People who do not exist: snapshots with looks, studio portraits with expressions
    (:mod:`retable.datasets.faces.album`).

    Sitters are not the people of the snapshots, and the two sets are taken by different cameras.
    """

    def __init__(self, settings: AttributesSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder / "faces"

    def verify(self, sets: tuple[Set, ...]) -> None:
        """Nothing can be missing: whatever is, is rendered.

        Raises:
            DataError: a folder is named that it does not read.
        """
        refuse_folder_of_standin(self._settings.data_dir)

    def load(self, of: Set, part: Part, progress: Progress | None = None) -> Labelled:
        """Rendered now or taken from the cache; sitters in the same order under every expression, neutral first."""
        return self._snapshots(part, progress) if of == "faces" else self._sittings(part, progress)

    def recoloured(self, part: Part, shift: int, progress: Progress | None = None) -> Album:
        """The same snapshots of the same people with the ``shift``-th next colour of hair."""
        count, size = self._faces(part), self._settings.size
        tell = _tell(progress, f"snapshots, {part}, other hair", 0, count)
        return album.snapshots(self._folder, part, count, size, hair_shift=shift, progress=tell)

    def _snapshots(self, part: Part, progress: Progress | None) -> Labelled:
        count, size = self._faces(part), self._settings.size
        tell = _tell(progress, f"snapshots, {part}", 0, count)
        images = album.snapshots(self._folder, part, count, size, progress=tell).images
        looks = [look(part, index) for index in range(count)]
        numbers = {
            "hair": torch.tensor([each.hair for each in looks]),
            "gender": torch.tensor([each.gender for each in looks]),
            "age": torch.tensor([each.age for each in looks]),
        }
        return _labelled(images, bits(Wish(count, numbers)))

    def _sittings(self, part: Part, progress: Progress | None) -> Labelled:
        s = self._settings
        count = {"train": s.n_people, "judge": s.n_judge_people}.get(part, s.n_test)
        images, total = [], count * len(s.expressions)
        for turn, expression in enumerate(s.expressions):
            tell = _tell(progress, f"portraits, {part}", turn * count, total)
            images.append(album.sittings(self._folder, part, expression, count, s.size, progress=tell).images)
        return _labelled(torch.cat(images), torch.arange(len(s.expressions)).repeat_interleave(count))

    def _faces(self, part: Part) -> int:
        s = self._settings
        return {"train": s.n_faces, "judge": s.n_judge}.get(part, s.n_test)


class Real:
    """CelebA and RaFD below ``data_dir`` (:mod:`retable.datasets.attributes.celeba`,
    :mod:`retable.datasets.attributes.rafd`)."""

    def __init__(self, settings: AttributesSettings, folder: Path) -> None:
        if settings.data_dir is None:
            raise DataError(
                "the task attributes with source real needs data_dir, the folder that holds celeba and rafd "
                "(one of them is enough for the rows that are trained on it alone); or use source standin"
            )
        self._settings = settings
        self._root = Path(settings.data_dir).expanduser()
        self._folder = folder / "attributes"
        self._read: dict[tuple[Set, Part], Labelled] = {}

    def verify(self, sets: tuple[Set, ...]) -> None:
        """The folders and lists of these sets must be there.

        Raises:
            DataError: the first that is not, by name.
        """
        from retable.datasets.attributes import celeba, rafd

        if "faces" in sets:
            celeba.require(self._root)
        if "expressions" in sets:
            rafd.require(self._root)

    def load(self, of: Set, part: Part, progress: Progress | None = None) -> Labelled:
        """Read now or taken from the cache."""
        from retable.datasets.attributes import celeba, rafd

        own: Literal["train", "test", "judge", "judge-test"] = "judge-test" if part == "reference" else part
        if (of, own) not in self._read:
            size = self._settings.size
            if of == "faces":
                faces = celeba.read(self._root, size, self._folder, own, progress)
                found = Labelled(faces.images, faces.bits, faces.digest)
            else:
                shown = rafd.read(self._root, size, self._folder, own, self._settings.expressions, progress)
                found = Labelled(shown.images, shown.expression, shown.digest)
            self._read[of, own] = found
        return self._read[of, own]


def has_faces(settings: AttributesSettings) -> bool:
    """Whether there are snapshots to be had: always of the stand-in, and where the folder holds CelebA."""
    if settings.source == "standin":
        return True
    from retable.datasets.attributes import celeba

    return settings.data_dir is not None and celeba.is_layout(Path(settings.data_dir).expanduser())


def _labelled(images: Tensor, labels: Tensor) -> Labelled:
    return Labelled(images, labels, cache.content_digest({"images": images, "labels": labels}))


def _tell(progress: Progress | None, what: str, before: int, total: int) -> Callable[[int], None]:
    def tell(done: int) -> None:
        if progress is not None:
            progress(what, before + done, total)

    return tell
