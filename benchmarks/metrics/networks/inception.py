"""FID-InceptionV3 (Szegedy et al. 2016, arXiv 1512.00567; the 2015-12-05 TensorFlow weights that FID was defined with).
Reference: clean-fid 0.1.35, mode "clean": PIL bicubic to 299 x 299, (x - 128) / 128, 2048 pooled features.

Which file, and why. clean-fid can read these weights in two forms: NVIDIA's TorchScript archive, and the state dict
that pytorch-fid ported. A TorchScript archive is a program, and loading it runs what it says; nothing here executes
code from a data file, so only the state dict is read, with ``weights_only=True``, strictly, after its SHA-256 has been
compared with the pinned one. The network around it is put together from clean-fid's own patched blocks, so both forms
describe the same function up to rounding. The file is never downloaded: it is looked for, and its absence is an error.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from retable.benchmarks.metrics.images import quantise, resize_pil, to_rgb
from retable.benchmarks.metrics.networks import weights
from retable.benchmarks.metrics.tolerance import Tolerance

TOLERANCE = Tolerance(
    "clean-fid's network on the same (random) weights, pooled and spatial features",
    "float32 convolutions in another memory layout; relative to the largest feature",
    relative=1e-4,
)
FILE = "pt_inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SIDE = 299
RESIZE, DIMENSION, MAP, MAP_SIDE = f"pil-bicubic-{SIDE}", 2048, "Mixed_6e", 17


class Inception(nn.Module):
    """torchvision's InceptionV3 with the pooling of the FID network, up to the last average."""

    def __init__(self) -> None:
        super().__init__()
        from cleanfid.inception_pytorch import FIDInceptionA, FIDInceptionC, FIDInceptionE_1, FIDInceptionE_2
        from torchvision.models import inception_v3

        net = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False, transform_input=False)
        net.Mixed_5b, net.Mixed_5c, net.Mixed_5d = (
            FIDInceptionA(width, pool_features=pool) for width, pool in ((192, 32), (256, 64), (288, 64))
        )
        net.Mixed_6b, net.Mixed_6c, net.Mixed_6d, net.Mixed_6e = (
            FIDInceptionC(768, channels_7x7=width) for width in (128, 160, 160, 192)
        )
        net.Mixed_7b, net.Mixed_7c = FIDInceptionE_1(1280), FIDInceptionE_2(2048)
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images float32 ``[N, 3, 299, 299]`` in 0..255 -> pooled features ``[N, 2048]`` and a map.

        The map is the output of Mixed_6e, ``[N, 768, 17, 17]``.
        """
        net, h = self.net, (x - 128) / 128
        for layer in (net.Conv2d_1a_3x3, net.Conv2d_2a_3x3, net.Conv2d_2b_3x3):
            h = layer(h)
        h = functional.max_pool2d(h, kernel_size=3, stride=2)
        h = net.Conv2d_4a_3x3(net.Conv2d_3b_1x1(h))
        h = functional.max_pool2d(h, kernel_size=3, stride=2)
        for layer in (net.Mixed_5b, net.Mixed_5c, net.Mixed_5d):
            h = layer(h)
        for layer in (net.Mixed_6a, net.Mixed_6b, net.Mixed_6c, net.Mixed_6d, net.Mixed_6e):
            h = layer(h)
        middle = h
        for layer in (net.Mixed_7a, net.Mixed_7b, net.Mixed_7c):
            h = layer(h)
        return h.mean(dim=(2, 3)), middle


def prepare(images: Tensor) -> Tensor:
    """Checked images in [-1, 1] -> float32 ``[N, 3, 299, 299]`` in 0..255."""
    return to_rgb(resize_pil(quantise(images), SIDE))


def weights_file() -> Path:
    """Where the state dict lies: ``RETABLE_WEIGHTS`` first, then the cache that clean-fid downloads it to.

    Raises:
        UserError: it is in neither place; the message names both ways out.
    """
    return weights.find(
        FILE,
        "extractor 'inception'",
        "or use the embedded extractor 'lite0'. The file (95.6 MB) is the pytorch-fid project's release fid_weights; "
        "NVIDIA's TorchScript archive of the same weights is not read, because loading it would run code from it",
    )


def load(path: Path) -> Inception:
    """The network with the weights in ``path``, frozen and in evaluation mode.

    Raises:
        UserError: the file's SHA-256 is not the published one.
    """
    weights.verify(path, SHA256)
    with torch.device("meta"):  # no random numbers are drawn for weights that are about to be replaced
        wrapped = Inception()
    state = torch.load(path, map_location="cpu", weights_only=True)
    wrapped.net.load_state_dict(state, strict=True, assign=True)
    return wrapped.eval().requires_grad_(False)
