from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retable.benchmarks.plan.registry import get_settings
from retable.methods.judges import face_network
from retable.methods.resnet import resnet18
from tests.methods.helpers import TinyInfo, images, made, train

GROUPS = ("woman", "man", "kids", "old")
TRAITS = {
    "hair": ("black", "blond", "brown"),
    "gender": ("female", "male"),
    "age": ("old", "young"),
    "expression": ("neutral", "happy", "angry", "surprised"),
}


def faces(image_size: int = 32) -> TinyInfo:
    channels = {"photo": 3, "cartoon": 3}
    return TinyInfo(image_size, channels, {"group": GROUPS, "to": ("photo", "cartoon")})


SMALL = {"steps": 25, "width": 4, "lr": 2e-2, "shift": 1.0, "rotate": 3.0, "scale": 0.02}


def batch(seed: int, size: int = 32) -> dict[str, Tensor]:
    """Four fixed patterns in noise, one a group."""
    generator = torch.Generator().manual_seed(seed)
    group = torch.arange(size) % 4
    noise = 0.3 * torch.randn(size, 3, 32, 32, generator=generator)
    return {"image": (images(4, 3, seed=77)[group] + noise).clamp(-1, 1), "group": group}


@pytest.mark.parametrize("name", ["cartoon", "photo"])
def test_twenty_five_steps_teach_a_group_judge_four_patterns_and_their_mirror_images(name):
    judge = made(f"judges/{name}-group", faces(), **SMALL)
    history = train(judge, [batch(seed) for seed in range(25)])
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    test = batch(1000)
    for shown in (test["image"], test["image"].flip(-1)):
        logits = judge.predict({"image": shown})
        assert logits.shape == (32, 4)
        assert logits.dtype == torch.float32
        assert (logits.argmax(1) == test["group"]).float().mean() > 0.8


def test_a_group_judge_is_shown_mirrored_and_unmirrored_images_in_training():
    judge = made("judges/cartoon-group", faces(), **{**SMALL, "shift": 0.0, "rotate": 0.0, "scale": 0.0})
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
    info = {"mnist": TinyInfo(), **dict.fromkeys(("cartoon-group", "photo-group"), faces())}
    judges = {name: made(f"judges/{name}", info.get(name, traits()), width=4) for name in (*info, *TRAITS)}
    assert {name: (judge.task, judge.stream, judge.domain, judge.label) for name, judge in judges.items()} == {
        **{key: ("attributes", f"judge-{key}", None, key) for key in TRAITS},
        "cartoon-group": ("cartoon-groups", "judge-cartoon", "cartoon", "group"),
        "photo-group": ("cartoon-groups", "judge-photo", "photo", "group"),
        "mnist": ("digits", "judge-mnist", "t", "digit"),
    }


def test_the_digit_judge_keeps_the_layout_that_recorded_weights_have():
    judge = made("judges/mnist", TinyInfo(), width=4)
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


def traits(sets: tuple[str, ...] = ("faces", "expressions")) -> TinyInfo:
    return TinyInfo(32, dict.fromkeys(sets, 3), TRAITS)


@pytest.mark.parametrize("sets", [("faces",), ("expressions",), ("faces", "expressions")])
@pytest.mark.parametrize("key", TRAITS)
def test_a_judge_of_a_trait_is_the_same_whichever_sets_a_row_is_trained_on(key, sets):
    judge = made(f"judges/{key}", traits(sets), width=4)
    assert judge.predict({"image": images(3, 3)}).shape == (3, len(TRAITS[key]))
    layout = [tuple(p.shape) for p in resnet18(3, 4, 32, len(TRAITS[key])).parameters()]
    assert [tuple(p.shape) for p in judge.network.parameters()] == layout


def test_a_judge_of_a_trait_has_the_papers_width_unless_told_otherwise():
    assert {get_settings(f"judges/{key}").width for key in TRAITS} == {64}


def test_twenty_five_steps_teach_the_judge_of_expressions_four_patterns_and_their_mirror_images():
    judge = made("judges/expression", traits(), **{**SMALL, "lr": 1e-2})
    shown = [batch(seed) for seed in range(26)]
    history = train(judge, [{"image": b["image"], "expression": b["group"]} for b in shown[:25]])
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    for seen in (shown[25]["image"], shown[25]["image"].flip(-1)):
        right = judge.predict({"image": seen}).argmax(1) == shown[25]["group"]
        assert right.float().mean() > 0.8
