from __future__ import annotations

import pytest
import torch

from retable.methods.dtn.dtn import DTN
from retable.methods.dtn.networks import Decoder, Discriminator, Encoder, checked_size
from retable.methods.judges import judge_network
from tests.methods.helpers import TinyInfo, images


def test_codes_images_and_logits_have_the_stated_shapes_and_ranges():
    code = Encoder(width=4)(images(5, 3))
    assert code.shape == (5, 128)
    assert code.abs().max() <= 1
    out = Decoder(width=4)(code)
    assert out.shape == (5, 1, 32, 32)
    assert out.abs().max() <= 1
    assert Discriminator(width=4)(out).shape == (5, 3)
    assert Discriminator(width=4, roles=2)(out).shape == (5, 2)
    assert judge_network(1, 4, 32, 10)(out).shape == (5, 10)


def test_the_encoder_reads_a_grey_image_as_its_replication():
    encoder, grey = Encoder(width=4).eval(), images(3, 1)
    assert torch.equal(encoder(grey), encoder(grey.repeat(1, 3, 1, 1)))


def test_the_encoder_refuses_images_of_the_wrong_number_of_channels():
    with pytest.raises(ValueError, match="2 channels where 3"):
        Encoder(width=4)(torch.zeros(1, 2, 32, 32))


def test_a_task_that_does_not_fit_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="32 pixels; this task has 64"):
        checked_size(TinyInfo(image_size=64))
    with pytest.raises(ValueError, match=r"lacks \['t'\]"):
        DTN(DTN.Settings(), TinyInfo(channels={"s": 3}))
