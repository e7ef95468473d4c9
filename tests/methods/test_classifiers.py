from __future__ import annotations

import pytest
import torch
from torch import Tensor

from retable.methods.dtn.f import F
from retable.methods.judges import DigitJudge
from tests.methods.helpers import TinyInfo, images, train

CLASSIFIERS = [(F, 3), (DigitJudge, 1)]


def batches(channels: int, n: int) -> list[dict[str, Tensor]]:
    """Ten fixed patterns in noise, one a class."""
    patterns = images(10, channels, seed=77)
    generator = torch.Generator().manual_seed(5)
    out = []
    for _ in range(n):
        digit = torch.randint(0, 10, (32,), generator=generator)
        noise = 0.2 * torch.randn(32, channels, 32, 32, generator=generator)
        out.append({"image": (patterns[digit] + noise).clamp(-1, 1), "digit": digit})
    return out


def built(cls: type, seed: int = 0, steps: int = 30):
    torch.manual_seed(seed)
    method = cls(cls.Settings(steps=steps, width=4, lr=1e-2, shift=1.0, rotate=3.0, scale=0.02), TinyInfo())
    method.opt = method.optimizers()
    return method


@pytest.mark.parametrize(("cls", "channels"), CLASSIFIERS)
def test_thirty_steps_teach_a_classifier_ten_patterns(cls, channels):
    method = built(cls)
    history = train(method, batches(channels, 30))
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    test = batches(channels, 1)[0]
    logits = method.predict({"image": test["image"]})
    assert logits.shape == (32, 10)
    assert logits.dtype == torch.float32
    assert (logits.argmax(1) == test["digit"]).float().mean() > 0.8


def test_the_mnist_judge_reads_a_coloured_image_as_its_grey_one():
    judge = built(DigitJudge)
    judge.network.eval()
    x = images(4, 1)
    assert torch.allclose(judge.predict({"image": x.expand(-1, 3, -1, -1)}), judge.predict({"image": x}), atol=1e-5)


def test_f_gives_a_bounded_code_of_128_numbers_and_classifies_from_it():
    f = built(F)
    for network in f.networks().values():
        network.eval()
    x = images(4, 1)
    code = f.code(x)
    assert code.shape == (4, 128)
    assert code.abs().max() <= 1
    assert torch.allclose(f.head(code), f.predict({"image": x}))
