"""What reference rows make of what they are shown."""

import pytest
import torch

from retable.methods.anchors.shown import Samples, Shown
from retable.methods.anchors.truth import Truth, blurred
from retable.methods.anchors.untouched import Untouched
from tests.methods.helpers import images


@pytest.mark.parametrize(("cls", "kind"), [(Shown, "translate"), (Samples, "sample")])
def test_what_is_shown_is_answered_as_it_is(info, cls, kind):
    method = cls(cls.Settings(), info)
    shown = images(3, 3)
    assert torch.equal(getattr(method, kind)({"image": -shown, method.stream: shown}), shown)
    assert method.settings.steps == 0
    assert method.networks() == {}


def test_of_a_users_own_images_nothing_is_shown(info):
    with pytest.raises(NotImplementedError, match="is a reference row"):
        Shown(Shown.Settings(stream="mean"), info).translate({"image": images(1, 3)})


def test_the_untouched_image_stays_in_colour_where_no_domain_is_grey(info):
    coloured = type("Coloured", (), {"image_size": 32, "channels": {"photo": 3, "cartoon": 3}, "classes": {}})()
    x = images(2, 3)
    assert torch.equal(Untouched(Untouched.Settings(), coloured).translate({"image": x}), x)
    assert Untouched(Untouched.Settings(), info).translate({"image": x}).shape == (2, 1, 32, 32)


def test_noise_on_the_truth_is_as_strong_as_it_says_each_images_own_and_the_same_every_time(info):
    method = Truth(Truth.Settings(noise=0.2), info)
    truth = images(4, 3) / 4
    noise = method.translate({"truth": truth}) - truth
    assert float(noise.std()) == pytest.approx(0.2, rel=0.05)
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)
    assert not torch.allclose(noise[0], noise[1], atol=0.1)
    assert torch.equal(method.translate({"truth": truth[2:3]}) - truth[2:3], noise[2:3])


def test_a_blur_spreads_a_point_by_its_sigma_and_leaves_what_is_even(info):
    point = torch.zeros(1, 1, 33, 33)
    point[..., 16, 16] = 1
    spread = blurred(point, 1.5)[0, 0]
    places = torch.arange(33) - 16.0
    assert float(spread.sum()) == pytest.approx(1, abs=1e-5)
    for axis in (0, 1):
        assert float((spread.sum(axis) * places**2).sum().sqrt()) == pytest.approx(1.5, rel=0.02)
    even = torch.full((1, 3, 8, 8), 0.5)
    torch.testing.assert_close(blurred(even, 1.5), even)
    x = images(1, 3)
    assert torch.equal(Truth(Truth.Settings(), info).translate({"truth": x}), x)
