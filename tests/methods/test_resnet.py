from __future__ import annotations

import pytest
import torch

from retable.methods.resnet import Block, resnet18
from tests.methods.helpers import parameters


def test_at_full_width_it_has_the_parameters_of_torchvisions_resnet18():
    from torchvision import models

    with torch.device("meta"):
        ours, theirs = resnet18(3, 64, 128, 8), models.resnet18(num_classes=8)
        assert sorted(tuple(p.shape) for p in ours.parameters()) == sorted(tuple(p.shape) for p in theirs.parameters())
    assert parameters(ours) == parameters(theirs) == 11_180_616


def test_with_torchvisions_weights_it_gives_torchvisions_answers():
    from torchvision import models

    torch.manual_seed(0)
    theirs = models.resnet18(num_classes=8).eval()
    ours = resnet18(3, 64, 96, 8).eval()
    # Both list stem, blocks and head in order; torchvision's blocks are residual first, shortcut last, as ours are.
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("image_size", "sides"), [(32, [16, 8, 4, 2]), (40, [20, 10, 5, 3]), (95, [48, 24, 12, 6]), (128, [32, 16, 8, 4])]
)
def test_small_images_keep_more_places_than_the_papers_stem_would_leave_them(image_size, sides):
    network = resnet18(3, 4, image_size, 5).eval()
    seen = []
    for block in (module for module in network if isinstance(module, Block)):
        block.register_forward_hook(lambda _, inputs, out: seen.append(tuple(out.shape[1:])))
    with torch.no_grad():
        assert network(torch.zeros(2, 3, image_size, image_size)).shape == (2, 5)
    assert seen[1::2] == [(4 * 2**i, side, side) for i, side in enumerate(sides)]


def test_a_block_adds_its_input_and_cuts_off_below_zero():
    block = Block(4, 4, 1).eval()
    for parameter in block.residual[4].parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(x), x.relu())
