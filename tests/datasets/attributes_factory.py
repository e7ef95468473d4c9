"""Made-up people for the tests of the task ``attributes``: every image carries who it shows in its pixels."""

import pytest
import torch

from retable.datasets.attributes.settings import AttributesSettings
from retable.datasets.attributes.task import Attributes
from retable.datasets.sources import ImageSet
from retable.datasets.standins.faces import rendered_set
from retable.datasets.standins.faces.labelled_people import AGES, GENDERS, labels_of
from retable.datasets.standins.faces.people import EXPRESSIONS

SMALL = {
    "size": 16,
    "targets": ("happy", "angry"),
    "n_faces": 36,
    "n_people": 7,
    "n_test": 12,
    "n_judge": 24,
    "n_judge_people": 5,
}
SHOWN = ("neutral", "happy", "angry")
SPLITS = ("train", "test", "reference", "judge", "judge-test")
BOTH, FACES, EXPRESSION = ("faces", "expressions"), ("faces",), ("expressions",)
DATA = (BOTH, FACES, EXPRESSION)


def coded(kind, split, count, size, detail):
    """uint8 images of a set, split and hair shift (or number of an expression), one of every person."""
    images = torch.zeros(count, 3, size, size, dtype=torch.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = kind, SPLITS.index(split)
    images[:, 0, 0, 2], images[:, 0, 0, 3] = torch.arange(count), detail
    return images


def made_up_sets(monkeypatch: pytest.MonkeyPatch) -> list:
    """Coded images for rendered ones; the list of (set, split, hair shift or expression) asked for from now on."""
    calls = []

    def snapshots(folder, split, count, size, hair_shift=0, seed=0, progress=None):
        calls.append(("faces", split, hair_shift))
        return ImageSet(coded(0, split, count, size, hair_shift), f"{split}-{count}-{hair_shift}")

    def sittings(folder, split, expression, count, size, seed=0, progress=None):
        calls.append(("expressions", split, expression))
        images = coded(1, split, count, size, tuple(EXPRESSIONS).index(expression))
        return ImageSet(images, f"{split}-{count}-{expression}")

    monkeypatch.setattr(rendered_set, "snapshots", snapshots)
    monkeypatch.setattr(rendered_set, "sittings", sittings)
    return calls


def prepared(cache, **settings) -> Attributes:
    task = Attributes(AttributesSettings(**SMALL | settings), cache)
    task.prepare()
    return task


def who(images):
    """(set, split, person, hair shift or expression) of every image."""
    codes = ((images[:, 0, 0, :4] + 1) * 127.5).round().long().tolist()
    names = tuple(EXPRESSIONS)
    return [(BOTH[k], SPLITS[s], i, names[d] if k else d) for k, s, i, d in codes]


def known(person):
    """(hair, gender, age) of a snapshot, as numbers."""
    of, split, index, shift = person
    assert of == "faces"
    seen = labels_of(split, index)
    return (seen.hair + shift) % 3, seen.gender, seen.age


def bits(hair, gender, age):
    """The label as the paper has it: black, blond, brown, male, young."""
    return [int(hair == i) for i in range(3)] + [int(GENDERS[gender] == "male"), int(AGES[age] == "young")]


def requests(task):
    return {request.name: request for request in task.requests("translate", "train")}
