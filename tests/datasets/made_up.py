"""Made-up pictures for the tests of tasks: every image carries in its pixels what was asked of the renderer."""

from typing import NamedTuple

import pytest
import torch

from retable.datasets.attributes.task import Attributes
from retable.datasets.cartoon_groups.task import CartoonGroups
from retable.datasets.digits import task as digits_task
from retable.datasets.digits.task import Digits
from retable.datasets.sources import ImageSet, LabelledImages
from retable.datasets.standins.digits import street
from retable.datasets.standins.faces import rendered_set
from retable.datasets.standins.faces.people import EXPRESSIONS, GROUPS
from retable.datasets.ten_shot.task import TenShot

SMALL = {
    Digits: {"n_source": 40, "n_f": 60, "n_test": 20},
    CartoonGroups: {
        "size": 16, "n_photos": (30, 5, 4, 3), "n_cartoons": (9, 3, 2, 1), "n_test": 4, "n_judge": 6,
        "n_identities": 10, "n_shots": 3, "n_pairs": 16,
    },
    Attributes: {
        "size": 16, "targets": ("happy", "angry"), "n_faces": 36, "n_people": 7, "n_test": 12, "n_judge": 24,
        "n_judge_people": 5,
    },
    TenShot: {
        "size": 32, "n_reference": 21, "n_samples": 14, "n_compared": 6, "n_paths": 5, "n_strips": 3,
        "strip_points": 7, "n_source": 20,
    },
}  # fmt: skip
"""Task -> small sizes."""
BOTH, FACES, EXPRESSION = ("faces", "expressions"), ("faces",), ("expressions",)
"""Values of the setting ``data`` of the task ``attributes``."""
KINDS = ("cartoon", "photo", "snapshot", "sitting", "digit")
SPLITS = (
    *("train", "test", "reference", "judge", "judge-test", "train-photo", "train-cartoon", "identities", "pairs"),
    *("extra", "shots", "fresh", "source-near", "source-near-test", "source-far", "source-far-test"),
)


class Shown(NamedTuple):
    """What an image shows."""

    kind: str
    split: str
    person: int
    of: int | str
    """The number of a group, a hair shift, or the name of an expression."""
    shot: int


def images(kind: str, split: str, of: int, count: int, size: int, shots: int = 1) -> torch.Tensor:
    """uint8 images of so many people, ``shots`` of each."""
    coded = torch.zeros(count, shots, 3, size, size, dtype=torch.uint8)
    coded[:, :, 0, 0, 0], coded[:, :, 0, 0, 1], coded[:, :, 0, 0, 3] = KINDS.index(kind), SPLITS.index(split), of
    coded[:, :, 0, 0, 2], coded[:, :, 0, 0, 4] = torch.arange(count)[:, None], torch.arange(shots)
    return coded.flatten(0, 1)


def who(shown: torch.Tensor) -> list[Shown]:
    """What every image in [-1, 1] shows."""
    codes = ((shown[:, 0, 0, :5] + 1) * 127.5).round().long().tolist()
    found = [Shown(KINDS[kind], SPLITS[split], *rest) for kind, split, *rest in codes]
    return [each._replace(of=EXPRESSIONS[each.of]) if each.kind == "sitting" else each for each in found]


def draw(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Make up what would be rendered; returns the list of (kind, split) asked for from now on."""
    calls = []

    def renderer(kind, names=()):
        def render(folder, split, *of_count_size, shots=1, hair_shift=0, progress=None, **_):
            *of, count, size = of_count_size
            number = names.index(*of) if names else hair_shift
            calls.append((kind, split))
            if progress is not None:
                progress(count * shots)
            return ImageSet(images(kind, split, number, count, size, shots), f"{split}-{number}-{count}-{shots}")

        return render

    def digits(folder, split, count, progress=None):
        calls.append(("digit", split))
        return LabelledImages(images("digit", split, 0, count, 32), torch.arange(count) % 10, f"{split}-{count}")

    monkeypatch.setattr(rendered_set, "cartoons", renderer("cartoon", GROUPS))
    monkeypatch.setattr(rendered_set, "portraits", renderer("photo", GROUPS))
    monkeypatch.setattr(rendered_set, "snapshots", renderer("snapshot"))
    monkeypatch.setattr(rendered_set, "sittings", renderer("sitting", EXPRESSIONS))
    for module in (street, digits_task):
        monkeypatch.setattr(module, "street", digits)
    return calls
