"""f and the judges: what they learn, whom they are shown, and how their networks are laid out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retable.methods.judges import face_network
from retable.methods.resnet import resnet18
from tests.methods.helpers import TinyInfo, evaluated, faces, images, made, parameters, train

TRAITS = {
    "hair": ("black", "blond", "brown"),
    "gender": ("female", "male"),
    "age": ("old", "young"),
    "expression": ("neutral", "happy", "angry", "surprised"),
}
SMALL = {"steps": 25, "width": 4, "lr": 1e-2, "shift": 1.0, "rotate": 3.0, "scale": 0.02}


def traits(*sets: str) -> TinyInfo:
    return TinyInfo(32, dict.fromkeys(sets or ("faces", "expressions"), 3), TRAITS)


ROWS = {
    "dtn/f": (TinyInfo(), "f", "s", "digit"),
    "judges/mnist": (TinyInfo(), "judge-mnist", "t", "digit"),
    "judges/cartoon-group": (faces(), "judge-cartoon", "cartoon", "group"),
    "judges/photo-group": (faces(), "judge-photo", "photo", "group"),
    **{f"judges/{trait}": (traits(), f"judge-{trait}", None, trait) for trait in TRAITS},
}
"""Row -> what it is told of its task, its stream, its domain, and what it tells apart."""


def batch(row: str, seed: int, size: int = 32) -> dict[str, Tensor]:
    """Fixed patterns in noise, one per class."""
    info, _, domain, key = ROWS[row]
    generator = torch.Generator().manual_seed(seed)
    classes, channels = len(info.classes[key]), info.channels[domain or "faces"]
    label = torch.arange(size) % classes
    noise = 0.3 * torch.randn(size, channels, 32, 32, generator=generator)
    return {"image": (images(classes, channels, seed=77)[label] + noise).clamp(-1, 1), key: label}


@pytest.mark.parametrize("row", ["dtn/f", "judges/mnist", "judges/cartoon-group", "judges/expression"])
def test_twenty_five_steps_teach_a_classifier_patterns_and_of_faces_their_mirror_images(row: str) -> None:
    info, _, _, key = ROWS[row]
    method = made(row, info, **SMALL)
    history = train(method, [batch(row, seed) for seed in range(25)])
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    test = batch(row, 1000)
    for shown in (test["image"], test["image"].flip(-1))[: 1 if key == "digit" else 2]:
        logits = method.predict({"image": shown})
        assert logits.shape == (32, len(info.classes[key]))
        assert logits.dtype == torch.float32
        assert (logits.argmax(1) == test[key]).float().mean() > 0.8


def test_a_judge_of_faces_is_shown_mirrored_and_unmirrored_images_in_training() -> None:
    judge = made("judges/cartoon-group", faces(), **{**SMALL, "shift": 0.0, "rotate": 0.0, "scale": 0.0})
    seen = []
    judge.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    shown = batch("judges/cartoon-group", 0)
    train(judge, [shown])
    as_it_was = (seen[0] == shown["image"]).flatten(1).all(1)
    mirrored = (seen[0] == shown["image"].flip(-1)).flatten(1).all(1)
    assert (as_it_was ^ mirrored).all()
    assert 0 < mirrored.sum() < len(mirrored)


def test_every_judge_has_a_stream_of_its_own_that_no_row_learns_from_and_judges_its_own_domain() -> None:
    for row, (info, stream, domain, key) in ROWS.items():
        method = made(row, info, width=4)
        assert (method.stream, getattr(method, "domain", "s"), method.label) == (stream, domain, key)


def test_the_mnist_judge_reads_a_coloured_image_as_its_grey_one() -> None:
    judge, x = evaluated(made("judges/mnist", TinyInfo(), width=4)), images(4, 1)
    assert torch.allclose(judge.predict({"image": x.expand(-1, 3, -1, -1)}), judge.predict({"image": x}), atol=1e-5)


def test_f_gives_a_bounded_code_of_128_numbers_and_classifies_from_it() -> None:
    f, x = evaluated(made("dtn/f", TinyInfo(), width=4)), images(4, 1)
    code = f.code(x)
    assert code.shape == (4, 128)
    assert code.abs().max() <= 1
    assert torch.allclose(f.head(code), f.predict({"image": x}))


@pytest.mark.parametrize(("image_size", "side"), [(32, 4), (48, 6), (64, 4), (100, 7), (128, 4), (256, 4)])
def test_the_network_for_faces_halves_any_image_to_4_to_7_pixels_and_hardly_grows(image_size: int, side: int) -> None:
    network = face_network(3, 4, image_size, 4).eval()
    maps = []
    pool = next(layer for layer in network if isinstance(layer, torch.nn.AdaptiveAvgPool2d))
    pool.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0].shape))
    assert network(torch.zeros(2, 3, image_size, image_size)).shape == (2, 4)
    assert maps == [(2, 16, side, side)]
    assert parameters(network) < 20_000


def test_the_digit_judge_keeps_the_layout_that_recorded_weights_have() -> None:
    judge = made("judges/mnist", TinyInfo(), width=4)
    norms = {"1": (4,), "4": (8,), "7": (16,)}
    assert {name: tuple(value.shape) for name, value in judge.network.named_parameters()} == {
        "0.weight": (4, 1, 5, 5),
        "3.weight": (8, 4, 3, 3),
        "6.weight": (16, 8, 3, 3),
        **{f"{layer}.{name}": shape for layer, shape in norms.items() for name in ("weight", "bias")},
        "12.weight": (10, 256),
        "12.bias": (10,),
    }


@pytest.mark.parametrize("sets", [("faces",), ("expressions",), ("faces", "expressions")])
@pytest.mark.parametrize("key", TRAITS)
def test_a_judge_of_a_trait_is_the_same_whichever_sets_a_row_is_trained_on(key: str, sets: tuple[str, ...]) -> None:
    judge = made(f"judges/{key}", traits(*sets), width=4)
    layout = [tuple(p.shape) for p in resnet18(3, 4, 32, len(TRAITS[key])).parameters()]
    assert [tuple(p.shape) for p in judge.network.parameters()] == layout
