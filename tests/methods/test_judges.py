from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retable.methods.judges import (
    AgeJudge,
    CartoonGroupJudge,
    ExpressionJudge,
    FaceJudge,
    GenderJudge,
    GroupJudge,
    HairJudge,
    MnistJudge,
    PhotoGroupJudge,
    face_network,
)
from retable.methods.resnet import resnet18
from tests.methods.helpers import TinyInfo, images, train

JUDGES = [CartoonGroupJudge, PhotoGroupJudge]
GROUPS = ("woman", "man", "kids", "old")
TRAITS = {
    "hair": ("black", "blond", "brown"),
    "gender": ("female", "male"),
    "age": ("old", "young"),
    "expression": ("neutral", "happy", "angry", "surprised"),
}
FACE_JUDGES = {"hair": HairJudge, "gender": GenderJudge, "age": AgeJudge, "expression": ExpressionJudge}


def faces(image_size: int = 32) -> TinyInfo:
    channels = {"photo": 3, "cartoon": 3}
    return TinyInfo(image_size, channels, {"group": GROUPS, "to": ("photo", "cartoon")})


def built(cls: type[GroupJudge], seed: int = 0, **settings: float) -> GroupJudge:
    torch.manual_seed(seed)
    values = {"steps": 25, "width": 4, "lr": 2e-2, "shift": 1.0, "rotate": 3.0, "scale": 0.02} | settings
    judge = cls(cls.Settings.model_validate(values), faces())
    judge.opt = judge.optimizers()
    return judge


def batch(seed: int, size: int = 32) -> dict[str, Tensor]:
    """Four fixed patterns in noise, one a group."""
    generator = torch.Generator().manual_seed(seed)
    group = torch.arange(size) % 4
    noise = 0.3 * torch.randn(size, 3, 32, 32, generator=generator)
    return {"image": (images(4, 3, seed=77)[group] + noise).clamp(-1, 1), "group": group}


@pytest.mark.parametrize("cls", JUDGES)
def test_twenty_five_steps_teach_a_group_judge_four_patterns_and_their_mirror_images(cls):
    judge = built(cls)
    history = train(judge, [batch(seed) for seed in range(25)])
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    test = batch(1000)
    for shown in (test["image"], test["image"].flip(-1)):
        logits = judge.predict({"image": shown})
        assert logits.shape == (32, 4)
        assert logits.dtype == torch.float32
        assert (logits.argmax(1) == test["group"]).float().mean() > 0.8


def test_a_group_judge_is_shown_mirrored_and_unmirrored_images_in_training():
    judge = built(CartoonGroupJudge, shift=0.0, rotate=0.0, scale=0.0)
    seen = []
    judge.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    shown = batch(0)
    train(judge, [shown])
    as_it_was = (seen[0] == shown["image"]).flatten(1).all(1)
    mirrored = (seen[0] == shown["image"].flip(-1)).flatten(1).all(1)
    assert (as_it_was ^ mirrored).all()
    assert 0 < mirrored.sum() < len(mirrored)


@pytest.mark.parametrize(("image_size", "side"), [(32, 4), (48, 6), (64, 4), (100, 7), (128, 4), (256, 4)])
def test_the_network_for_faces_halves_any_image_to_4_to_7_pixels_and_hardly_grows(image_size, side):
    network = face_network(3, 4, image_size, 4).eval()
    maps = []
    pool = next(layer for layer in network if isinstance(layer, torch.nn.AdaptiveAvgPool2d))
    pool.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0].shape))
    assert network(torch.zeros(2, 3, image_size, image_size)).shape == (2, 4)
    assert maps == [(2, 16, side, side)]
    assert sum(p.numel() for p in network.parameters()) < 20_000


def test_every_judge_has_a_stream_of_its_own_that_no_row_learns_from_and_judges_its_own_domain():
    judges = (*JUDGES, MnistJudge, *FACE_JUDGES.values())
    found = {cls: (cls.task, cls.stream, cls.domain, cls.label) for cls in judges}
    assert found == {
        **{cls: ("attributes", f"judge-{key}", None, key) for key, cls in FACE_JUDGES.items()},
        CartoonGroupJudge: ("cartoon-groups", "judge-cartoon", "cartoon", "group"),
        PhotoGroupJudge: ("cartoon-groups", "judge-photo", "photo", "group"),
        MnistJudge: ("digits", "judge-mnist", "t", "digit"),
    }


def test_the_digit_judge_keeps_the_layout_that_recorded_weights_have():
    judge = MnistJudge(MnistJudge.Settings(width=4), TinyInfo())
    shapes = {name: tuple(value.shape) for name, value in judge.network.named_parameters()}
    assert shapes == {
        "0.weight": (4, 1, 5, 5),
        "1.weight": (4,),
        "1.bias": (4,),
        "3.weight": (8, 4, 3, 3),
        "4.weight": (8,),
        "4.bias": (8,),
        "6.weight": (16, 8, 3, 3),
        "7.weight": (16,),
        "7.bias": (16,),
        "12.weight": (10, 256),
        "12.bias": (10,),
    }


def trait_judge(cls: type[FaceJudge], sets: tuple[str, ...] = ("faces", "expressions"), **settings: float) -> FaceJudge:
    torch.manual_seed(0)
    values = {"steps": 25, "width": 4, "lr": 1e-2, "shift": 1.0, "rotate": 3.0, "scale": 0.02} | settings
    judge = cls(cls.Settings.model_validate(values), TinyInfo(32, dict.fromkeys(sets, 3), TRAITS))
    judge.opt = judge.optimizers()
    return judge


@pytest.mark.parametrize("sets", [("faces",), ("expressions",), ("faces", "expressions")])
@pytest.mark.parametrize("key", FACE_JUDGES)
def test_a_judge_of_a_trait_is_the_same_whichever_sets_a_row_is_trained_on(key, sets):
    judge = trait_judge(FACE_JUDGES[key], sets)
    assert judge.predict({"image": images(3, 3)}).shape == (3, len(TRAITS[key]))
    layout = [tuple(p.shape) for p in resnet18(3, 4, 32, len(TRAITS[key])).parameters()]
    assert [tuple(p.shape) for p in judge.network.parameters()] == layout


def test_a_judge_of_a_trait_has_the_papers_width_unless_told_otherwise():
    assert {cls.Settings().width for cls in FACE_JUDGES.values()} == {64}


def test_twenty_five_steps_teach_the_judge_of_expressions_four_patterns_and_their_mirror_images():
    judge = trait_judge(ExpressionJudge)
    shown = [batch(seed) for seed in range(26)]
    history = train(judge, [{"image": b["image"], "expression": b["group"]} for b in shown[:25]])
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    for seen in (shown[25]["image"], shown[25]["image"].flip(-1)):
        right = judge.predict({"image": seen}).argmax(1) == shown[25]["group"]
        assert right.float().mean() > 0.8
