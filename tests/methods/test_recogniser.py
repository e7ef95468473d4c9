from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import pydantic
import pytest
import torch
from torch import Tensor

from retable.methods.cartoon.mobilefacenet import MobileFaceNet
from retable.methods.cartoon.recogniser import Recogniser, SmallEmbedder, Verifier, cropped, jittered, nt_xent
from retable.methods.training import Frozen
from tests.methods.helpers import evaluated, faces, images, made, moved, train, weights

SMALL = {"architecture": "small", "steps": 150, "batch_size": 16, "width": 4, "features": 32, "lr": 1e-2}


def small() -> Any:
    return made("cartoon/recogniser", faces(), **SMALL)


@pytest.fixture(scope="module")
def published() -> Any:
    return evaluated(made("cartoon/recogniser", faces(64)))


def photographs(colours: Tensor, generator: torch.Generator) -> Tensor:
    """One photograph of everybody ``[N, 3, 32, 32]``: two discs in her colours ``[N, 2, 3]`` before any background."""
    n = len(colours)
    background = torch.randn(n, 3, 3, 3, generator=generator)
    out = torch.nn.functional.interpolate(background, size=32, mode="bicubic").tanh()
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    for disc, centre in enumerate((11, 21)):
        move = torch.randint(-2, 3, (2, n, 1, 1), generator=generator)
        inside = (rows - centre - move[0]) ** 2 + (columns - 16 - move[1]) ** 2 < 25
        out = torch.where(inside[:, None], colours[:, disc, :, None, None], out)
    return (out + 0.05 * torch.randn(out.shape, generator=generator)).clamp(-1, 1)


def people(n: int, seed: int) -> dict[str, Tensor]:
    """Two photographs of each of ``n`` made-up people."""
    generator = torch.Generator().manual_seed(seed)
    colours = 2 * torch.rand(n, 2, 3, generator=generator) - 1
    return {"image": photographs(colours, generator), "other": photographs(colours, generator)}


def verification_accuracy(recogniser: Recogniser) -> float:
    """Percent right over people never seen in training: half of the pairs show one person, half two."""
    shown = people(100, seed=10_000)
    answers = [
        recogniser.predict({"image": shown["image"], "other": shown["other"].roll(shift, 0)}).argmax(1)
        for shift in (0, 1)
    ]
    return float(torch.cat([answers[0] == 1, answers[1] == 0]).float().mean() * 100)


def test_a_hundred_and_fifty_steps_teach_it_to_tell_people_apart_whom_it_has_never_seen():
    recogniser = small()
    assert verification_accuracy(recogniser) < 65
    history = train(recogniser, [people(16, seed) for seed in range(150)])
    assert history[-1]["l_nt_xent"] < 0.6 * history[0]["l_nt_xent"]
    assert history[-1]["accuracy"] > history[0]["accuracy"] + 20
    assert verification_accuracy(recogniser) > 75


def test_learning_the_threshold_never_moves_the_features():
    recogniser = small()
    recogniser.opt["embed"].step = lambda *_: None
    before = weights(recogniser)
    train(recogniser, [people(4, 0)])
    assert moved(recogniser, before) == {"verifier.threshold", "verifier.log_scale"}


@pytest.mark.parametrize("image_size", [8, 32, 48, 100])
def test_small_features_have_unit_length_at_any_image_size_and_a_gradient_to_the_image(image_size):
    embed = SmallEmbedder(3, 4, image_size, 16)
    x = (2 * torch.rand(3, 3, image_size, image_size) - 1).requires_grad_()
    features = embed(x)
    assert features.shape == (3, 16)
    assert torch.allclose(features.norm(dim=1), torch.ones(3), atol=1e-5)
    features[:, 0].sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).any((1, 2, 3)).all()


def test_the_features_of_an_image_are_the_same_in_training_and_after_it_and_in_any_company():
    embed = small().embed
    x = images(5, 3)
    assert torch.allclose(embed.train()(x)[:1], embed.eval()(x[:1]), atol=1e-5)


def test_the_verifier_says_same_above_its_threshold_and_different_below():
    logits = Verifier(threshold=0.3, scale=4.0)(torch.tensor([-1.0, 0.2, 0.3, 0.4, 1.0])).detach()
    assert logits.shape == (5, 2)
    assert logits.argmax(1)[[0, 1, 3, 4]].tolist() == [0, 0, 1, 1]
    assert logits[2, 0] == logits[2, 1]
    assert float(logits[4].softmax(0)[1]) == pytest.approx(1 / (1 + math.exp(-4.0 * 0.7)))


def test_nt_xent_is_the_mean_of_minus_log_p_of_the_partner_written_out():
    generator = torch.Generator().manual_seed(0)
    z, other = torch.nn.functional.normalize(torch.randn(2, 3, 5, generator=generator), dim=-1)
    rows = [row.tolist() for row in torch.cat([z, other])]

    def similarity(i: int, k: int) -> float:
        return math.exp(sum(a * b for a, b in zip(rows[i], rows[k], strict=True)) / 0.5)

    terms = [similarity(i, (i + 3) % 6) / sum(similarity(i, k) for k in range(6) if k != i) for i in range(6)]
    expected = -sum(math.log(term) for term in terms) / 6
    assert float(nt_xent(z, other, 0.5)) == pytest.approx(expected, rel=1e-5)


def test_jitter_of_nothing_only_mirrors_some_images():
    x = images(16)
    out = jittered(x, 0.0)
    kept, mirrored = (torch.isclose(out, y, atol=1e-6).flatten(1).all(1) for y in (x, x.flip(-1)))
    assert (kept ^ mirrored).all()
    assert 0 < mirrored.sum() < 16


def test_jitter_changes_contrast_by_a_factor_and_brightness_by_a_shift_within_the_amount_and_the_range():
    x = 0.3 * images(64)
    out = jittered(x, 0.2)
    shift = out.mean((1, 2, 3)) - x.mean((1, 2, 3))
    factor = out.flatten(1).std(1) / x.flatten(1).std(1)
    for change in (shift, factor - 1):
        assert 0.1 < -change.min() <= 0.2 + 1e-4
        assert 0.1 < change.max() <= 0.2 + 1e-4
    assert jittered(images(16), 2.0).abs().max() <= 1


@pytest.mark.parametrize(("size", "top", "side", "left"), [(256, 57, 162, 47), (64, 14, 40, 12), (32, 7, 20, 6)])
def test_the_crop_of_an_image_has_the_published_corners(size, top, side, left):
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    known = torch.stack([rows, columns]).float()[None]
    out = cropped(known)
    assert out.shape == (1, 2, 112, 112)
    # aligned corners: the outermost pixels are those of the crop, and steps between are equal
    torch.testing.assert_close(out[0, 0, :, 5], torch.linspace(top, top + side - 1, 112))
    torch.testing.assert_close(out[0, 1, 5], torch.linspace(left, left + side - 1, 112))


CONV, PRELU = ("weight",), ("weight",)
BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def unit(prefix: str, *, linear: bool = False) -> set[str]:
    parts = {"conv": CONV, "bn": BATCH_NORM} | ({} if linear else {"prelu": PRELU})
    return {f"{prefix}.{part}.{name}" for part, names in parts.items() for name in names}


def expected_names() -> set[str]:
    """The names in the published file, by the prefixes of its layers."""
    bottlenecks = ["conv_23", "conv_34", "conv_45"]
    for stage, n in (("conv_3", 4), ("conv_4", 6), ("conv_5", 2)):
        bottlenecks += [f"{stage}.model.{i}" for i in range(n)]
    names = unit("conv1") | unit("conv2_dw") | unit("conv_6_sep") | unit("conv_6_dw", linear=True)
    for prefix in bottlenecks:
        names |= unit(f"{prefix}.conv") | unit(f"{prefix}.conv_dw") | unit(f"{prefix}.project", linear=True)
    return names | {"linear.weight"} | {f"bn.{name}" for name in BATCH_NORM}


def test_mobilefacenet_has_exactly_the_names_of_the_published_file():
    assert set(MobileFaceNet().state_dict()) == expected_names()


def test_mobilefacenet_halves_a_face_to_7_pixels_and_looks_at_them_all_at_once():
    network = MobileFaceNet().eval()
    wanted = {
        "conv2_dw": (64, 56, 56),
        "conv_3": (64, 28, 28),
        "conv_4": (128, 14, 14),
        "conv_5": (128, 7, 7),
        "conv_6_sep": (512, 7, 7),
        "conv_6_dw": (512, 1, 1),
        "bn": (512,),
    }
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in network.named_children():
        layer.register_forward_hook(lambda _, __, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    with torch.no_grad():
        network(torch.zeros(1, 3, 112, 112))
    assert {name: shape for name, shape in shapes.items() if name in wanted} == wanted


def test_mobilefacenet_refuses_images_of_another_size():
    with pytest.raises(ValueError, match=r"\[N, 3, 112, 112\], not \[1, 3, 64, 64\]"):
        MobileFaceNet()(torch.zeros(1, 3, 64, 64))


def test_the_recogniser_takes_a_file_of_mobilefacenet_and_answers_with_it(published):
    torch.manual_seed(1)
    trained = MobileFaceNet().eval()
    assert published.files(published.settings) == {"mobilefacenet": "mobilefacenet.pth"}
    x = images(2, 3)
    before = published.embed(x)
    published.take_file("mobilefacenet", trained.state_dict())
    with torch.no_grad():
        features = published.embed(x)
        assert torch.equal(features, trained(cropped(x)))
    assert features.shape == (2, 512)
    assert torch.allclose(features.norm(dim=1), torch.ones(2), atol=1e-5)
    assert not torch.allclose(features, before)


def test_a_file_without_counters_of_batches_loads_too(published):
    state = MobileFaceNet().state_dict()
    old = OrderedDict((name, value) for name, value in state.items() if "num_batches_tracked" not in name)
    assert len(old) < len(state)
    published.take_file("mobilefacenet", old)
    assert torch.equal(published.embed.state_dict()["network.linear.weight"], state["linear.weight"])


def test_a_wrong_file_is_refused_with_the_names_that_do_not_fit_and_changes_nothing(published):
    state = MobileFaceNet().state_dict()
    before = weights(published)
    wrong = {name: value for name, value in state.items() if name != "conv1.conv.weight"}
    wrong |= {"fc.weight": torch.zeros(3), "linear.weight": torch.zeros(128, 512)}
    with pytest.raises(RuntimeError) as caught:
        published.take_file("mobilefacenet", wrong)
    message = str(caught.value)
    assert "missing: conv1.conv.weight;" in message
    assert "unexpected: fc.weight;" in message
    assert "of another shape: linear.weight)" in message
    with pytest.raises(RuntimeError, match=r"missing: bn\.bias, .* and \d+ more\)"):
        published.take_file("mobilefacenet", {})
    assert not moved(published, before)


def test_only_the_architecture_that_needs_a_file_names_one_or_takes_one(published):
    recogniser = small()
    assert recogniser.files(recogniser.settings) == {}
    with pytest.raises(ValueError, match="'small' takes no file as 'mobilefacenet'"):
        recogniser.take_file("mobilefacenet", MobileFaceNet().state_dict())
    with pytest.raises(ValueError, match="'mobilefacenet' takes no file as 'face'"):
        published.take_file("face", MobileFaceNet().state_dict())


def test_the_published_network_is_frozen_but_lets_gradients_through_to_the_image(published):
    assert published.optimizers() == {}
    x = images(2, 3).requires_grad_()
    (1 - (Frozen(published.embed)(x) * published.embed(images(2, 3, seed=5))).sum(1)).sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).any((1, 2, 3)).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"steps": 5}, "'mobilefacenet' is not trained.*set steps = 0 \\(now 5\\) or architecture = 'small'"),
        ({"architecture": "small"}, "set steps to at least 1"),
        ({"architecture": "small", "steps": 5, "batch_size": 1}, "set batch_size to 2 or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_the_way_out(values, words):
    with pytest.raises(pydantic.ValidationError, match=words):
        Recogniser.Settings.model_validate(values)


def test_the_published_network_refuses_a_task_without_colours():
    with pytest.raises(ValueError, match="images of 3 channels; this task's photos have 1"):
        Recogniser(Recogniser.Settings(), faces(channels=1))
