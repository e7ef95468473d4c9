"""What is asked of a trained method, and the pictures of it.

=====================  =============================================================  =======================
request                inputs and what is wanted of them                              truth
=====================  =============================================================  =======================
``hair``               snapshot i to the (1 + i % 2)-th next colour                   the person, same camera
``gender``, ``age``    snapshots to the other one
``hair-gender``, ...   two or all three of these at once
``faces-cycle``        as ``hair``, and from the answer back                          the input
``expressions``        every neutral portrait to every target                         the sitter, same camera
``expressions-cycle``  as ``expressions``, and from the answer back to neutral        the input
``across``             a quarter of the snapshots to every target
``wrong-mask``         as ``expressions``, with the mask of the set ``faces``
``across-wrong-mask``  as ``across``, with the mask of the set ``faces``
=====================  =============================================================  =======================

Portraits and snapshots that go to every target stand person by person. The truth is known of the stand-in alone,
except for the inputs. In ``expressions-cycle`` a method with one model for every target has none for neutral: its
first answer counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import torch
from torch import Tensor

from retable.datasets.attributes.edits import Edit
from retable.datasets.attributes.labels import CHOICES, KEYS, Vocabulary, joined
from retable.datasets.task import Request

COLUMNS = 12
"""Pictures in a row of previews."""


@dataclass(frozen=True)
class Faces:
    """Snapshots with hair, gender and age."""

    images: Tensor
    """float32 ``[N, 3, S, S]`` in [-1, 1]."""
    classes: Mapping[str, Tensor]
    """int64 ``[N]`` by key."""
    recoloured: tuple[Tensor, ...] = ()
    """The same with the next colour of hair, and with the one after, where they are known."""

    def __len__(self) -> int:
        return len(self.images)

    def at(self, places: Tensor) -> Faces:
        """Those at these places, without their truth."""
        return Faces(self.images[places], {key: value[places] for key, value in self.classes.items()})


@dataclass(frozen=True)
class Sitters:
    """Neutral portraits, and the same people with every target expression where they are known."""

    images: Tensor
    """float32 ``[P, 3, S, S]`` in [-1, 1]."""
    expressive: Tensor | None = None
    """float32 ``[P, T, 3, S, S]``."""

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> Sitters:
        """The first ``count``."""
        return Sitters(self.images[:count], None if self.expressive is None else self.expressive[:count])


@dataclass(frozen=True)
class RequestBuilder:
    """All requests and previews, of the test images that a row is asked about."""

    words: Vocabulary
    faces: Faces | None
    """``None``: not on disk, or not needed."""
    sitters: Sitters | None
    """``None``: not needed."""

    def requests(self) -> list[Request]:
        """In table order."""
        found = []
        if "faces" in self.words.data and self.faces is not None:
            found += self._attributes(self.faces)
        if self.sitters is not None:
            found += self._expressions(self.sitters)
        if self._crossing is not None:
            found += self._across(self._crossing)
        return found

    def previews(self) -> list[Request]:
        """Rows of 12 pictures, or as many targets as there are."""
        found = []
        if self.sitters is not None:
            people = max(1, COLUMNS // self._targets)
            found.append(self._portraits("expressions", self.sitters.first(people)))
            if self.faces is not None:
                shown = self._across(self.faces.at(torch.arange(len(self.faces))[:people]))
                found += [request for request in shown if "across" in request.name]
        if "faces" in self.words.data and self.faces is not None:
            found.append(self._every_change(self.faces.at(_two(self.faces))))
        return found

    @property
    def _targets(self) -> int:
        return len(self.words.expressions) - 1

    @property
    def _crossing(self) -> Faces | None:
        """A quarter of the snapshots, where methods know expressions."""
        if self.faces is None or "expressions" not in self.words.data:
            return None
        return self.faces.at(torch.arange(max(1, len(self.faces) // 4)))

    def _attributes(self, faces: Faces) -> list[Request]:
        found = [self._changed(faces, keys) for length in (1, 2, 3) for keys in combinations(KEYS, length)]
        cycle = found[0]
        had = faces.classes
        back = Edit(len(faces), had, _changes(had, ("hair",))).inputs(self.words)
        found.append(replace(cycle, name="faces-cycle", labels=joined(had), truth=faces.images, then=back))
        return found

    def _changed(self, faces: Faces, keys: tuple[str, ...]) -> Request:
        to = _changes(faces.classes, keys)
        truth = None
        if keys == ("hair",) and faces.recoloured:
            odd = (torch.arange(len(faces)) % 2 == 1)[:, None, None, None]
            truth = faces.recoloured[1].where(odd, faces.recoloured[0])
        inputs = {"image": faces.images, **Edit(len(faces), to, faces.classes).inputs(self.words)}
        return Request("-".join(keys), "translate", inputs, joined(to), truth)

    def _portraits(self, name: str, sitters: Sitters) -> Request:
        to = torch.arange(1, self._targets + 1).repeat(len(sitters))
        edit = Edit(len(to), {"expression": to}, {"expression": torch.zeros_like(to)})
        inputs = {"image": sitters.images.repeat_interleave(self._targets, 0), **edit.inputs(self.words)}
        truth = None if sitters.expressive is None else sitters.expressive.flatten(0, 1)
        return Request(name, "translate", inputs, {"expression": to}, truth)

    def _expressions(self, sitters: Sitters) -> list[Request]:
        plain = self._portraits("expressions", sitters)
        had = plain.labels["expression"]
        neutral = {"expression": torch.zeros_like(had)}
        back = Edit(len(had), neutral, {"expression": had}).inputs(self.words)
        cycle = replace(plain, name="expressions-cycle", labels=neutral, truth=plain.inputs["image"], then=back)
        return [plain, cycle, *self._mistaken(replace(plain, truth=None), "wrong-mask")]

    def _across(self, faces: Faces) -> list[Request]:
        to = torch.arange(1, self._targets + 1).repeat(len(faces))
        # A snapshot's own expression is unknown: every target counts as a change.
        inputs = {
            "image": faces.images.repeat_interleave(self._targets, 0),
            **Edit(len(to), {"expression": to}).inputs(self.words),
        }
        stays = {key: value.repeat_interleave(self._targets) for key, value in faces.classes.items()}
        plain = Request("across", "translate", inputs, {"expression": to, **joined(stays)})
        return [plain, *self._mistaken(plain, "across-wrong-mask")]

    def _mistaken(self, request: Request, name: str) -> list[Request]:
        """The same with the mask of the set ``faces``, where a method knows that set beside ``expressions``."""
        if "faces" not in self.words.data:
            return []
        mask = torch.full((len(request),), self.words.data.index("faces"))
        return [replace(request, name=name, inputs={**request.inputs, "mask": mask})]

    def _every_change(self, faces: Faces) -> Request:
        """Everybody with each colour of hair, the other gender, the other age, and all of it at once."""
        one = [torch.full((len(faces),), colour) for colour in range(len(CHOICES["hair"]))]
        changed = [{**faces.classes, "hair": colour} for colour in one]
        changed += [_changes(faces.classes, keys) for keys in (("gender",), ("age",), KEYS)]
        to = {key: torch.stack([change[key] for change in changed], 1).flatten() for key in KEYS}
        had = {key: value.repeat_interleave(len(changed)) for key, value in faces.classes.items()}
        inputs = Edit(len(to["hair"]), to, had).inputs(self.words)
        return Request(
            "faces", "translate", {"image": faces.images.repeat_interleave(len(changed), 0), **inputs}, joined(to)
        )


def _changes(classes: Mapping[str, Tensor], keys: tuple[str, ...]) -> dict[str, Tensor]:
    """These keys changed, the others as they are."""
    order = torch.arange(len(classes["hair"]))
    changed = {
        "hair": (classes["hair"] + 1 + order % 2) % len(CHOICES["hair"]),
        "gender": 1 - classes["gender"],
        "age": 1 - classes["age"],
    }
    return {key: changed[key] if key in keys else classes[key] for key in KEYS}


def _two(faces: Faces) -> Tensor:
    """The first woman and the first man, or the first two people."""
    genders = faces.classes["gender"].tolist()
    if len(set(genders)) == len(CHOICES["gender"]):
        return torch.tensor(sorted(genders.index(gender) for gender in range(len(CHOICES["gender"]))))
    return torch.arange(min(2, len(faces)))
