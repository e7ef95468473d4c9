"""ResNet-18, from He et al. 2016 (arXiv 1512.03385), Section 3.3 and Table 1: residual blocks of two convolutions.

y = ReLU(F(x) + x) with F = norm(conv(ReLU(norm(conv(x))))); where a block halves the image or changes the number of
channels, x goes through a projection (option B: a 1x1 convolution and a norm).

=========  ====================================  =================
stage      layers                                channels
=========  ====================================  =================
stem       7x7 stride 2, 3x3 max pool stride 2   ``width``
stages     2 blocks each, from the second on     ``width`` * 1, 2,
1 to 4     the first of them with stride 2       4, 8
head       mean over all places, linear          classes
=========  ====================================  =================

Differences from the paper: images of fewer than 96 pixels have a stem of one 3x3 convolution with stride 2 and no
pooling, or the last stage would see a single place; ``width`` scales all channels, 64 is the paper's.
"""

from __future__ import annotations

from torch import Tensor, nn

LARGE = 96
"""Pixels from which an image has the paper's stem."""
STAGES = 4


class Block(nn.Module):
    """One residual block: ``[N, i, H, W]`` -> ``[N, o, H / stride, W / stride]`` (rounded up)."""

    def __init__(self, i: int, o: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(i, o, 3, stride, 1, bias=False),
            nn.BatchNorm2d(o),
            nn.ReLU(inplace=True),
            nn.Conv2d(o, o, 3, 1, 1, bias=False),
            nn.BatchNorm2d(o),
        )
        same = i == o and stride == 1
        projection = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
        self.shortcut: nn.Module = nn.Identity() if same else projection

    def forward(self, x: Tensor) -> Tensor:
        """ReLU(F(x) + x)."""
        out: Tensor = (self.residual(x) + self.shortcut(x)).relu()
        return out


def stem(channels: int, width: int, image_size: int) -> list[nn.Module]:
    """``[N, channels, S, S]`` -> ``[N, width, S / 4, S / 4]``; of small images ``[N, width, S / 2, S / 2]``."""
    large = image_size >= LARGE
    kernel = 7 if large else 3
    layers = [
        nn.Conv2d(channels, width, kernel, 2, kernel // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    ]
    return [*layers, nn.MaxPool2d(3, 2, 1)] if large else layers


def resnet18(channels: int, width: int, image_size: int, classes: int) -> nn.Sequential:
    """Images ``[N, channels, image_size, image_size]`` in [-1, 1] -> logits ``[N, classes]``.

    Convolutions start as He et al. 2015 (arXiv 1502.01852) have it, normal with variance 2 / fan-out.
    """
    layers, i = stem(channels, width, image_size), width
    for stage in range(STAGES):
        o = width * 2**stage
        layers += [Block(i, o, 1 if stage == 0 else 2), Block(o, o, 1)]
        i = o
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(i, classes))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network
