"""Where the faces come from: drawn people (``standin``) or the paper's folders (``real``), behind one call.

Both answer "the images of this part, domain and group". A part is who sees them:

==============  =============================  ===========  =============
part            stand-in (album splits)        real, photo  real, cartoon
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

``truth`` holds the true cartoons of the first training photos, for the evaluation alone. Every split has its own
people, so training is unpaired, and nobody whom a method sees is known to a judge.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from retable.datasets.cartoon_groups import layout
from retable.datasets.cartoon_groups.settings import CartoonGroupsSettings
from retable.datasets.errors import DataError
from retable.datasets.faces import album
from retable.datasets.faces.album import Album
from retable.datasets.faces.people import GROUPS
from retable.datasets.folders import refuse_folder_of_standin

Part = Literal["train", "truth", "test", "reference", "judge", "judge-test", "identities", "pairs"]
Domain = Literal["photo", "cartoon"]
Progress = Callable[[str, int, int], None]
"""Told what is rendered, how much of it is done, and how much there is."""


class Source(Protocol):
    """What the task asks its images of."""

    def verify(self) -> None:
        """See that the data are there before much is read."""

    def load(self, part: Part, domain: Domain, group: int, progress: Progress | None = None) -> Album:
        """The images of a part, domain and group."""


class StandIn:
    """People who do not exist, in photographs and cartoons (:mod:`retable.datasets.faces.album`)."""

    def __init__(self, settings: CartoonGroupsSettings, cache: Path) -> None:
        self._settings = settings
        self._folder = cache / "faces"

    def verify(self) -> None:
        """Nothing can be missing: whatever is, is rendered.

        Raises:
            DataError: a folder is named that it does not read.
        """
        refuse_folder_of_standin(self._settings.data_dir)

    def load(self, part: Part, domain: Domain, group: int, progress: Progress | None = None) -> Album:
        """Rendered now or taken from the cache; several photographs of a person stand one after the other."""
        split = f"train-{domain}" if part == "train" else "train-photo" if part == "truth" else part
        count, name = self._settings.count(part, domain, group), GROUPS[group]
        shots = {"identities": self._settings.n_shots, "pairs": 2}.get(part, 1)

        def tell(done: int) -> None:
            if progress is not None:
                progress(f"{domain}s of {name}, {part}", done, count * shots)

        size = self._settings.size
        if domain == "cartoon":
            return album.cartoons(self._folder, split, name, count, size, progress=tell)
        return album.portraits(self._folder, split, name, count, size, shots=shots, progress=tell)


class Real:
    """The paper's folders on the user's disk (:mod:`retable.datasets.cartoon_groups.layout`)."""

    def __init__(self, settings: CartoonGroupsSettings, cache: Path) -> None:
        if settings.data_dir is None:
            raise DataError(
                "the task cartoon-groups with source real needs data_dir, the folder that holds "
                f"{', '.join(GROUPS)} with {', '.join(layout.FOLDERS)} each; or use source standin"
            )
        self._root = Path(settings.data_dir).expanduser()
        self._size = settings.size
        self._folder = cache / "cartoon-groups"
        self._read: dict[tuple[str, str], Album] = {}

    def verify(self) -> None:
        """Every folder must be there with enough images.

        Raises:
            DataError: the first that is not, by name.
        """
        layout.require(self._root)

    def load(self, part: Part, domain: Domain, group: int, progress: Progress | None = None) -> Album:
        """Read now or taken from the cache."""
        letter = "A" if domain == "photo" else "B"
        half = "train" if part in ("train", "judge-test", "identities") else "test"
        key = (GROUPS[group], half + letter)
        if key not in self._read:
            self._read[key] = layout.read(self._root, *key, self._size, self._folder)
        return self._read[key]
