"""Where the faces come from: drawn people (``standin``) or the paper's folders (``real``).

A part says who sees the images:

==============  =============================  ===========  =============
part            stand-in (split)               real, photo  real, cartoon
==============  =============================  ===========  =============
``train``       ``train-photo``, ``-cartoon``  trainA       trainB
``truth``       ``train-photo``                none         none
``test``        ``test``                       testA        testB
``reference``   ``reference``                  testA        testB
``judge``       ``judge``                      testA        testB
``judge-test``  ``judge-test``                 trainA       trainB
``identities``  ``identities``                 trainA       none
``pairs``       ``pairs``                      testA        none
==============  =============================  ===========  =============

With ``split=validation`` the stand-in's ``test`` and ``reference`` are ``validation-test`` and
``validation-reference``.

``truth`` holds the true cartoons of the first training photos, for the evaluation alone. Every split has its own
people, so training is unpaired, and no judge knows a person that a method sees.
"""

from __future__ import annotations

from functools import cache as memoised
from pathlib import Path
from typing import Literal

from retable.datasets.cartoon_groups import group_folders
from retable.datasets.cartoon_groups.settings import CartoonGroupsSettings
from retable.datasets.sources import Drawn, ImageSet, Progress, Source, counter, data_root
from retable.datasets.standins.faces import rendered_set
from retable.datasets.standins.faces.people import GROUPS

Part = Literal["train", "truth", "test", "reference", "judge", "judge-test", "identities", "pairs"]
Domain = Literal["photo", "cartoon"]
Faces = tuple[Part, Domain, int]
"""A part, a domain, and a group by number."""


class StandIn(Drawn[Faces, ImageSet]):
    """People who do not exist, in photographs and cartoons (:mod:`~retable.datasets.standins.faces.rendered_set`)."""

    settings: CartoonGroupsSettings

    def load(self, part: Faces, progress: Progress | None = None) -> ImageSet:
        """Rendered now or taken from the cache; several photographs of a person stand one after the other."""
        name, domain, number = part
        split = {"train": f"train-{domain}", "truth": "train-photo"}.get(name, name)
        if name in ("test", "reference"):
            split = self.settings.part(name)
        count, group = self.settings.count(name, domain, number), GROUPS[number]
        shots = {"identities": self.settings.n_shots, "pairs": 2}.get(name, 1)
        tell = counter(progress, f"{domain}s of {group}, {name}", count * shots)
        folder, size = self.cache / "faces", self.settings.size
        if domain == "cartoon":
            return rendered_set.cartoons(folder, split, group, count, size, progress=tell)
        return rendered_set.portraits(folder, split, group, count, size, shots=shots, progress=tell, cut_out=True)


class Real(Source[Faces, ImageSet]):
    """The paper's folders on the user's disk (:mod:`~retable.datasets.cartoon_groups.group_folders`)."""

    def __init__(self, settings: CartoonGroupsSettings, cache: Path) -> None:
        super().__init__(settings, cache)
        folders = f"{', '.join(GROUPS)} with {', '.join(group_folders.FOLDERS)} each"
        self._root = data_root(settings, "cartoon-groups", folders)
        folder = cache / "cartoon-groups"
        # Several parts are one folder, which is read once.
        self._read = memoised(lambda group, sub: group_folders.read(self._root, group, sub, settings.size, folder))

    def verify(self) -> None:
        """Every folder must be there with enough images."""
        group_folders.require(self._root)

    def load(self, part: Faces, progress: Progress | None = None) -> ImageSet:
        """Read now or taken from the cache."""
        name, domain, group = part
        half = "train" if name in ("train", "judge-test", "identities") else "test"
        return self._read(GROUPS[group], half + ("A" if domain == "photo" else "B"))
