"""MobileFaceNet: the face recogniser behind the Face-ID loss at the paper's scale. Its weights come from a file.

Paper: Chen, Liu, Gao & Han, "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile
Devices", 2018, arXiv 1804.07573, Table 1:

    input      operator        t    c    n  s
    112x112x3  conv 3x3        -    64   1  2
    56x56x64   depthwise 3x3   -    64   1  1
    56x56x64   bottleneck      2    64   5  2
    28x28x64   bottleneck      4   128   1  2
    14x14x128  bottleneck      2   128   6  1
    14x14x128  bottleneck      4   128   1  2
    7x7x128    bottleneck      2   128   2  1
    7x7x128    conv 1x1        -   512   1  1
    7x7x512    linear GDConv   -   512   1  1
    1x1x512    linear 1x1      -   128   1  1

A bottleneck is MobileNetV2's (Sandler et al. 2018): widen t times by 1x1, depthwise 3x3, narrow by a linear 1x1; with a
shortcut where neither the size nor the channels change. Batch norm follows every convolution, PReLU every one that is
not linear.

The parameters are named as in TreB1eN/InsightFace_Pytorch, whose trained file photo2cartoon uses, so that this file
loads as it is. It differs from the table in two points: the embedding has 512 dimensions, and the last layer is a
linear one without a bias, with its batch norm. Its features are of unit length.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from torch import Tensor, nn
from torch.nn import functional

FEATURES = 512
"""Dimensions of the published embedding."""
IMAGE_SIZE = 112
"""Height and width of what the network looks at, in pixels."""


def _unit(i: int, o: int, kernel: int, stride: int = 1, groups: int = 1, *, linear: bool = False) -> nn.Sequential:
    """Convolution and batch norm, then PReLU unless ``linear``. The global one (7x7) has no padding."""
    padding = 1 if kernel == 3 else 0
    layers: dict[str, nn.Module] = {
        "conv": nn.Conv2d(i, o, kernel, stride, padding, groups=groups, bias=False),
        "bn": nn.BatchNorm2d(o),
    }
    if not linear:
        layers["prelu"] = nn.PReLU(o)
    return nn.Sequential(OrderedDict(layers))


class Bottleneck(nn.Sequential):
    """Widen ``t`` times, look at each channel alone, narrow: ``[N, i, H, W]`` -> ``[N, o, H / stride, W / stride]``."""

    def __init__(self, i: int, o: int, t: int, stride: int = 1) -> None:
        wide = t * i
        layers: dict[str, nn.Module] = {
            "conv": _unit(i, wide, 1),
            "conv_dw": _unit(wide, wide, 3, stride, groups=wide),
            "project": _unit(wide, o, 1, linear=True),
        }
        super().__init__(OrderedDict(layers))
        self.shortcut = stride == 1 and i == o

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps to feature maps."""
        out = x
        for layer in self:
            out = layer(out)
        return out + x if self.shortcut else out


def _repeated(channels: int, t: int, n: int) -> nn.Sequential:
    """``n`` bottlenecks with a shortcut each."""
    blocks = nn.Sequential(*(Bottleneck(channels, channels, t) for _ in range(n)))
    return nn.Sequential(OrderedDict({"model": blocks}))


class MobileFaceNet(nn.Sequential):
    """Faces float32 ``[N, 3, 112, 112]`` in [-1, 1] -> features ``[N, 512]`` of unit length."""

    def __init__(self, features: int = FEATURES) -> None:
        layers: dict[str, nn.Module] = {
            "conv1": _unit(3, 64, 3, stride=2),
            "conv2_dw": _unit(64, 64, 3, groups=64),
            "conv_23": Bottleneck(64, 64, t=2, stride=2),
            "conv_3": _repeated(64, t=2, n=4),
            "conv_34": Bottleneck(64, 128, t=4, stride=2),
            "conv_4": _repeated(128, t=2, n=6),
            "conv_45": Bottleneck(128, 128, t=4, stride=2),
            "conv_5": _repeated(128, t=2, n=2),
            "conv_6_sep": _unit(128, 512, 1),
            "conv_6_dw": _unit(512, 512, 7, groups=512, linear=True),
            "conv_6_flatten": nn.Flatten(),
            "linear": nn.Linear(512, features, bias=False),
            "bn": nn.BatchNorm1d(features),
        }
        super().__init__(OrderedDict(layers))
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        """Faces to features.

        Raises:
            ValueError: the images are not 112 pixels high and wide with three channels.
        """
        if x.shape[1:] != (3, IMAGE_SIZE, IMAGE_SIZE):
            raise ValueError(f"MobileFaceNet takes images [N, 3, 112, 112], not {list(x.shape)}")
        for layer in self:
            x = layer(x)
        return functional.normalize(x)

    def take(self, state: Mapping[str, Tensor]) -> None:
        """Take trained weights over, every one of them.

        Counters of batches (``num_batches_tracked``) may be missing: nothing here reads them, and files written by
        PyTorch before 0.4.1 have none.

        Raises:
            RuntimeError: weights are missing, unexpected or of another shape; the message names them.
        """
        own = self.state_dict()
        counters = {name for name in own if name.endswith("num_batches_tracked")}
        faults = {
            "missing": own.keys() - state.keys() - counters,
            "unexpected": state.keys() - own.keys(),
            "of another shape": {name for name in own.keys() & state.keys() if own[name].shape != state[name].shape},
        }
        if any(faults.values()):
            found = "; ".join(f"{fault}: {_listed(names)}" for fault, names in faults.items() if names)
            raise RuntimeError(
                f"these are not the weights of a MobileFaceNet with {self.features} features as "
                f"TreB1eN/InsightFace_Pytorch publishes it ({found})"
            )
        self.load_state_dict(own | dict(state))


def _listed(names: Iterable[str], most: int = 4) -> str:
    """The first names in order, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more
