"""Which models of DIAT and of CycleGAN a request of the task ``attributes`` needs."""

from itertools import product
from pathlib import Path

import pytest
import torch

from retable.datasets.attributes.settings import AttributesSettings
from retable.datasets.attributes.task import Attributes
from retable.methods.stargan.model_choice import pair_models, target_models

BITS = ("black", "blond", "brown", "male", "young")
CLASSES = {"hair": ("black", "blond", "brown"), "gender": ("female", "male"), "age": ("old", "young")}
PEOPLE = list(product(range(3), range(2), range(2)))
UNKNOWN = [-1] * 5


def bits(hair: int, gender: int, age: int) -> list[int]:
    return [*(int(hair == colour) for colour in range(3)), gender, age]


@pytest.fixture
def info(tmp_path: Path):
    def build(*data: str):
        settings = AttributesSettings.model_validate({"data": data, "targets": ("happy", "angry"), "size": 16})
        return Attributes(settings, tmp_path).info()

    return build


def request(faces=None, expressions=None) -> dict[str, torch.Tensor]:
    given = {"faces": faces, "expressions": expressions}
    pairs = {name: value for name, value in given.items() if value is not None}
    return {
        f"{name}.{side}": torch.tensor(value[i])
        for name, value in pairs.items()
        for i, side in enumerate(("from", "to"))
    }


def steps(row: torch.Tensor) -> list[int]:
    return [int(step) for step in row if step >= 0]


@pytest.mark.parametrize("data", [("faces",), ("faces", "expressions")])
def test_attributes_change_one_after_the_other_from_what_is_there_to_what_is_wanted(info, data) -> None:
    known = info(*data)
    both = list(product(PEOPLE, PEOPLE))
    inputs = request([[bits(*a) for a, _ in both], [bits(*b) for _, b in both]])
    if "expressions" in data:
        inputs |= request(expressions=[[-1] * len(both), [-1] * len(both)])
    targets, pairs = target_models(inputs, known), pair_models(inputs, known)
    for row, (had, to) in enumerate(both):
        names = [known.classes["targets"][step] for step in steps(targets[row])]
        changed = [key for key, a, b in zip(CLASSES, had, to, strict=True) if a != b]
        assert names == [CLASSES[key][to[list(CLASSES).index(key)]] for key in changed]
        have = bits(*had)
        for step in steps(pairs[row]):
            bit = BITS.index(known.classes["pairs"][step // 2])
            assert have[bit] == step % 2, "every generator finds the domain that it starts from"
            have[:3] = [0, 0, 0] if bit < 3 else have[:3]
            have[bit] = 1 - step % 2
        assert have == bits(*to)


def test_what_is_there_may_be_unknown_and_then_everything_wanted_is_a_change(info) -> None:
    known = info("faces", "expressions")
    inputs = request([[UNKNOWN], [[-1, -1, -1, 0, 0]]], [[-1], [2]])
    assert [known.classes["targets"][step] for step in steps(target_models(inputs, known)[0])] == [
        "female",
        "old",
        "angry",
    ]
    male, young, angry = (known.classes["pairs"].index(name) for name in ("male", "young", "angry"))
    assert steps(pair_models(inputs, known)[0]) == [2 * male + 1, 2 * young + 1, 2 * angry]
    without = {name: value for name, value in inputs.items() if name.endswith(".to")}
    assert torch.equal(pair_models(without, known), pair_models(inputs, known))


def test_only_a_pair_leads_back_to_neutral_and_only_from_a_known_expression(info) -> None:
    known = info("expressions")
    inputs = request(expressions=[[0, 0, 1, 2, 2, -1, 1], [1, 2, 0, 0, 1, 0, 1]])
    happy, angry = (known.classes["pairs"].index(name) for name in ("happy", "angry"))
    assert pair_models(inputs, known)[:, 0].tolist() == [
        2 * happy, 2 * angry, 2 * happy + 1, 2 * angry + 1, 2 * happy, -1, -1,
    ]  # fmt: skip
    names = known.classes["targets"]
    assert [[names[step] for step in steps(row)] for row in target_models(inputs, known)] == [
        ["happy"], ["angry"], [], [], ["happy"], [], [],
    ]  # fmt: skip
