"""The two discriminators of a domain, global and local, with CAM and with a head that tells the groups apart.

Source: U-GAT-IT (arXiv 1907.10830) as photo2cartoon sets it up; every convolution but the CAM's is spectrally
normalised (Miyato et al. 2018). The group head is the few-shot paper's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.parametrizations import spectral_norm


class Seen(NamedTuple):
    """What one discriminator says about images."""

    patches: Tensor
    """Logits ``[N, 1, h, w]``, one for each patch."""
    cam: Tensor
    """CAM logits ``[N, 2]``."""
    groups: Tensor
    """Scores of the groups ``[N, G]``; ``[N, 0]`` without a group head."""


class Discriminator(nn.Module):
    """``layers - 2`` halving convolutions of 4 x 4, one that keeps the size, CAM, and one to the patch logits.

    Args:
        channels: of the images.
        width: channels of the first layer (32); every further one doubles them.
        layers: 7 for the global, 5 for the local one; at least 3.
        groups: outputs of the group head; 0 for none.
    """

    def __init__(self, channels: int = 3, width: int = 32, layers: int = 7, groups: int = 0) -> None:
        super().__init__()
        convs: list[nn.Module] = []
        i, o = channels, width
        for index in range(layers - 1):
            stride = 2 if index < layers - 2 else 1
            # Padded by reflection with one pixel, as everywhere in these networks.
            convs += [nn.ReflectionPad2d(1), spectral_norm(nn.Conv2d(i, o, 4, stride)), nn.LeakyReLU(0.2)]
            i, o = o, 2 * o
        self.body = nn.Sequential(*convs)
        self.gap: Any = spectral_norm(nn.Linear(i, 1, bias=False))
        self.gmp: Any = spectral_norm(nn.Linear(i, 1, bias=False))
        self.attend = nn.Conv2d(2 * i, i, 1)
        self.last = spectral_norm(nn.Conv2d(i, 1, 4, bias=False))
        self.group = spectral_norm(nn.Conv2d(i, groups, 1, bias=False)) if groups else None

    def forward(self, images: Tensor) -> Seen:
        """Images ``[N, C, S, S]`` in [-1, 1] -> what is seen in them."""
        x = self.body(images)
        cam = torch.cat([self.gap(x.mean((2, 3))), self.gmp(x.amax((2, 3)))], 1)
        # The logits come from the normalised weights, the attention from the weights as they are, as in the code.
        gap, gmp = (head.parametrizations.weight.original for head in (self.gap, self.gmp))
        attended = torch.cat([x * gap[..., None, None], x * gmp[..., None, None]], 1)
        x = nn.functional.leaky_relu(self.attend(attended), 0.2)
        x = pad(x, (1, 1, 1, 1), mode="reflect")
        pooled = x.mean((2, 3), keepdim=True)
        groups = pooled[:, :0] if self.group is None else self.group(pooled)
        return Seen(self.last(x), cam, groups[:, :, 0, 0])


class Discriminators(nn.Module):
    """The global and the local discriminator of one domain."""

    def __init__(self, channels: int, width: int, layers: tuple[int, int], groups: int = 0) -> None:
        super().__init__()
        self.both = nn.ModuleList(Discriminator(channels, width, count, groups) for count in layers)

    def forward(self, images: Tensor, group: Tensor) -> list[Seen]:
        """What each of the two says; they see the images alone, not which group they are to be of."""
        return [one(images) for one in self.both]

    def start_from(self, base: Discriminators) -> None:
        """Take over everything but the group heads, which ``base`` may lack."""
        mine = self.state_dict()
        self.load_state_dict(mine | {name: value for name, value in base.state_dict().items() if name in mine})


def halves(seen: list[Seen]) -> tuple[list[Seen], list[Seen]]:
    """What was seen in the first and in the second half of the images; spectral norm asks for one pass over both."""
    n = len(seen[0].cam) // 2
    return [Seen(*(part[:n] for part in one)) for one in seen], [Seen(*(part[n:] for part in one)) for one in seen]
