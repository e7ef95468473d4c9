"""Where the faces come from: drawn people (``standin``) or CelebA and RaFD on the user's disk (``real``).

A part says who sees the images:

==============  ===================  =======================================
part            stand-in (split)     real
==============  ===================  =======================================
``train``       ``train``            ``train``
``test``        ``test``             ``test``
``reference``   ``reference``        ``judge-test``, which no method sees
``judge``       ``judge``            ``judge``
``judge-test``  ``judge-test``       ``judge-test``
==============  ===================  =======================================

With ``split=validation`` the stand-in's ``test`` and ``reference`` are ``validation-test`` and
``validation-reference``. No image is in two parts, and no person but CelebA's, whose split like the paper's does not
keep people apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from retable.datasets.attributes.labels import KEYS, bits
from retable.datasets.attributes.settings import AttributesSettings, Set, set_of
from retable.datasets.files import refuse
from retable.datasets.sources import Drawn, ImageSet, LabelledImages, Progress, Share, Source, counter, data_root
from retable.datasets.standins.faces import rendered_set
from retable.datasets.standins.faces.labelled_people import labels_of

Part = Literal["train", "test", "reference", "judge", "judge-test"]
SetPart = tuple[Set, Part]


class StandIn(Drawn[SetPart, LabelledImages]):
    """People who do not exist: snapshots with labels, studio portraits with expressions
    (:mod:`retable.datasets.standins.faces.rendered_set`).

    Sitters are not the people of the snapshots, and the two sets are taken by different cameras.
    """

    settings: AttributesSettings

    def load(self, part: SetPart, progress: Progress | None = None) -> LabelledImages:
        """Rendered now or taken from the cache; sitters in the same order under every expression, neutral first."""
        of, name = part
        return self._snapshots(name, progress) if of == "faces" else self._sittings(name, progress)

    def recoloured(self, part: Part, shift: int, progress: Progress | None = None) -> ImageSet:
        """The same snapshots of the same people with the ``shift``-th next colour of hair."""
        count, size = self._faces(part), self.settings.size
        tell = counter(progress, f"snapshots, {part}, other hair", count)
        split = self._split(part)
        return rendered_set.snapshots(self.cache / "faces", split, count, size, hair_shift=shift, progress=tell)

    def _snapshots(self, part: Part, progress: Progress | None) -> LabelledImages:
        count = self._faces(part)
        tell = counter(progress, f"snapshots, {part}", count)
        split, size = self._split(part), self.settings.size
        images = rendered_set.snapshots(self.cache / "faces", split, count, size, progress=tell).images
        labels = [labels_of(split, index) for index in range(count)]
        return LabelledImages.of(images, bits({key: torch.tensor([getattr(x, key) for x in labels]) for key in KEYS}))

    def _sittings(self, part: Part, progress: Progress | None) -> LabelledImages:
        s, folder = self.settings, self.cache / "faces"
        count = {"train": s.n_people, "judge": s.n_judge_people}.get(part, s.n_test)
        images, total = [], count * len(s.expressions)
        for turn, expression in enumerate(s.expressions):
            tell = counter(progress, f"portraits, {part}", total, turn * count)
            split = self._split(part)
            images.append(rendered_set.sittings(folder, split, expression, count, s.size, progress=tell).images)
        return LabelledImages.of(torch.cat(images), torch.arange(len(s.expressions)).repeat_interleave(count))

    def _split(self, part: Part) -> str:
        return self.settings.part(part) if part in ("test", "reference") else part

    def _faces(self, part: Part) -> int:
        s = self.settings
        return {"train": s.n_faces, "judge": s.n_judge}.get(part, s.n_test)


class Real(Source[SetPart, LabelledImages]):
    """CelebA and RaFD below ``data_dir`` (:mod:`retable.datasets.attributes.celeba`,
    :mod:`retable.datasets.attributes.rafd`)."""

    settings: AttributesSettings

    def __init__(self, settings: AttributesSettings, cache: Path) -> None:
        super().__init__(settings, cache / "attributes")
        either = "celeba and rafd (one of them is enough for the rows that are trained on it alone)"
        self._root = data_root(settings, "attributes", either)
        self._read: dict[tuple[Set, Share], LabelledImages] = {}

    def verify(self) -> None:
        """The folders and lists of the sets that are needed must be there, with enough images for all that is asked."""
        from retable.datasets.attributes import celeba, rafd
        from retable.datasets.attributes.requirements import lacking

        sets, labels = needed_sets(self.settings), dict[tuple[Set, Share], Tensor]()
        if "faces" in sets:
            labels |= {("faces", part): shown for part, shown in celeba.labels(self._root).items()}
        if "expressions" in sets:
            shown = rafd.labels(self._root, self.settings.expressions)
            labels |= {("expressions", part): classes for part, classes in shown.items()}
        refuse(self._root, lacking(self.settings, labels))

    def load(self, part: SetPart, progress: Progress | None = None) -> LabelledImages:
        """Read now or taken from the cache."""
        from retable.datasets.attributes import celeba, rafd

        of, name = part
        share: Share = "judge-test" if name == "reference" else name
        if (of, share) not in self._read:
            arguments = (self._root, self.settings.size, self.cache, share)
            if of == "faces":
                self._read[of, share] = celeba.read(*arguments, progress)
            else:
                self._read[of, share] = rafd.read(*arguments, self.settings.expressions, progress)
        return self._read[of, share]


def needed_sets(settings: AttributesSettings) -> tuple[Set, ...]:
    """The sets whose images the settings' stream needs."""
    return asked_sets(settings) if settings.stream == "rows" else (set_of(settings.stream),)


def asked_sets(settings: AttributesSettings) -> tuple[Set, ...]:
    """The sets whose test images rows are asked about.

    Rows of ``expressions`` alone are asked about snapshots too where there are any: always of the stand-in, and where
    the user's folder holds CelebA.
    """
    if settings.source == "real" and "faces" not in settings.data:
        from retable.datasets.attributes import celeba

        if settings.data_dir is None or not celeba.is_layout(Path(settings.data_dir).expanduser()):
            return settings.data
    return settings.data if "faces" in settings.data else ("faces", *settings.data)
