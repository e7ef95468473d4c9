"""StyleGAN2's layers: equalised learning rates, filtered resampling, modulated convolutions.

Paper: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv 1912.04958; Section and
equation numbers are that paper's. Plain PyTorch, so that CPU and CUDA run the same code without compiled extensions.

Differences from the paper: a modulated convolution scales its input by the style and its output by the demodulation
instead of the weights of every image (Eqs. 1 to 3 commute with the convolution, so the result is the same up to
rounding): one convolution for the whole batch, where the released code makes a group an image.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE, GAIN = 0.2, math.sqrt(2)
"""Of the leaky ReLU, and what follows it so that variances stay at one."""
TAPS = (1.0, 3.0, 3.0, 1.0)
"""The low-pass filter of all resampling, along each axis."""


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU with slope 0.2, times the square root of two."""
    return functional.leaky_relu(x, SLOPE) * GAIN


def low_pass(gain: float = 1.0) -> Tensor:
    """The filter ``[4, 4]``, the outer product of the taps; its sum is ``gain``."""
    taps = torch.tensor(TAPS)
    kernel = torch.outer(taps, taps)
    return kernel * (gain / kernel.sum())


def upfirdn(x: Tensor, kernel: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Insert zeros, pad with zeros, convolve every channel with a kernel, keep every ``down``-th pixel.

    Args:
        x: ``[N, C, H, W]``.
        kernel: ``[K, K]``; it is convolved (flipped), not correlated.
        up: each pixel becomes the first of ``up`` x ``up`` ones, the others zero.
        down: stride.
        pad: zeros before and after, along both axes.

    Returns:
        ``[N, C, (H up + pad - K) // down + 1, the same of W]``.
    """
    n, c, height, width = x.shape
    if up > 1:
        x = functional.pad(x[:, :, :, None, :, None], (0, up - 1, 0, 0, 0, up - 1)).reshape(
            n, c, height * up, width * up
        )
    x = functional.pad(x, (pad[0], pad[1], pad[0], pad[1]))
    weight = kernel.flip((0, 1)).to(x.dtype).expand(c, 1, -1, -1)
    return functional.conv2d(x, weight, stride=down, groups=c)


class EqualLinear(nn.Module):
    """A linear layer whose weights start at variance one and are scaled when used (StyleGAN, arXiv 1812.04948).

    Args:
        features: of the input.
        out: of the output.
        bias: every bias at the start.
        rate: the layer learns so many times as fast as the others.
        active: whether the activation follows.
    """

    def __init__(self, features: int, out: int, *, bias: float = 0.0, rate: float = 1.0, active: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, features) / rate)
        self.bias = nn.Parameter(torch.full((out,), bias / rate))
        self.scale, self.rate, self.active = rate / math.sqrt(features), rate, active

    def forward(self, x: Tensor) -> Tensor:
        """``[N, features]`` -> ``[N, out]``."""
        out = functional.linear(x, self.weight * self.scale, self.bias * self.rate)
        return activate(out) if self.active else out


class EqualConv(nn.Module):
    """The discriminator's convolution: filtered and strided where it halves the size, then bias and activation.

    Args:
        channels: of the input.
        out: of the output.
        kernel: side, odd.
        down: whether height and width are halved.
        active: whether bias and activation follow; the skip connections have neither.
    """

    kernel: Tensor

    def __init__(self, channels: int, out: int, kernel: int, *, down: bool = False, active: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out)) if active else None
        self.scale, self.down, self.side = 1 / math.sqrt(channels * kernel**2), down, kernel
        self.register_buffer("kernel", low_pass(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, channels, H, W]`` -> ``[N, out, H, W]``, or half of H and W."""
        weight = self.weight * self.scale
        if not self.down:
            out = functional.conv2d(x, weight, self.bias, padding=self.side // 2)
        elif self.side == 1:
            # A 1 x 1 convolution and leaving out pixels commute: filter only what stays.
            out = functional.conv2d(upfirdn(x, self.kernel, down=2, pad=(1, 1)), weight, self.bias)
        else:
            out = functional.conv2d(upfirdn(x, self.kernel, pad=(2, 2)), weight, self.bias, stride=2)
        return out if self.bias is None else activate(out)


class Modulated(nn.Module):
    """A convolution whose weights are scaled by a style, and normalised again (Section 2.2, Eqs. 1 to 3).

    Args:
        channels: of the input.
        out: of the output.
        kernel: side, odd.
        latent: length of w.
        up: whether height and width are doubled: a transposed convolution, then the filter.
        demodulate: whether the outputs are brought back to variance one; toRGB layers do not.
    """

    kernel: Tensor

    def __init__(
        self, channels: int, out: int, kernel: int, latent: int, *, up: bool = False, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, channels, kernel, kernel))
        self.modulation = EqualLinear(latent, channels, bias=1.0)
        self.scale, self.up, self.demodulate, self.side = 1 / math.sqrt(channels * kernel**2), up, demodulate, kernel
        self.register_buffer("kernel", low_pass(4.0), persistent=False)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Features ``[N, channels, H, W]`` and styles ``[N, latent]`` -> ``[N, out, H, W]``, or twice H and W."""
        style, weight = cast(Tensor, self.modulation(w)), self.weight * self.scale
        x = x * style[:, :, None, None].to(x.dtype)
        if self.up:
            x = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = upfirdn(x, self.kernel, pad=(1, 1))
        else:
            x = functional.conv2d(x, weight, padding=self.side // 2)
        if self.demodulate:
            power = functional.linear(style.square(), weight.square().sum((2, 3)))
            x = x * (power + 1e-8).rsqrt()[:, :, None, None].to(x.dtype)
        return x


class Styled(nn.Module):
    """Modulated convolution, noise, bias and activation (Fig. 2c). Arguments as :class:`Modulated`, and ``size``.

    ``noisy = False`` leaves the noise out. In training it is drawn anew; in evaluation mode it is always the same one,
    so that a sample is a function of its latent alone, and neighbours on a path differ by nothing else.
    """

    noise: Tensor

    def __init__(
        self, channels: int, out: int, latent: int, size: int, *, up: bool = False, noisy: bool = True
    ) -> None:
        super().__init__()
        self.conv = Modulated(channels, out, 3, latent, up=up)
        self.strength = nn.Parameter(torch.zeros(1)) if noisy else None
        self.bias = nn.Parameter(torch.zeros(out))
        self.register_buffer("noise", torch.randn(1, 1, size, size))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Features ``[N, channels, H, W]`` and styles ``[N, latent]`` -> ``[N, out, size, size]``."""
        x = self.conv(x, w)
        if self.strength is not None:
            noise = x.new_empty(len(x), 1, *x.shape[2:]).normal_() if self.training else self.noise.to(x.dtype)
            x = x + self.strength * noise
        return activate(x + self.bias[:, None, None])


class ToRGB(nn.Module):
    """Features to an image, added to the image of half the size (Fig. 7b, the skip generator)."""

    kernel: Tensor

    def __init__(self, channels: int, out: int, latent: int) -> None:
        super().__init__()
        self.conv = Modulated(channels, out, 1, latent, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(out))
        self.register_buffer("kernel", low_pass(4.0), persistent=False)

    def forward(self, x: Tensor, w: Tensor, image: Tensor | None) -> Tensor:
        """Features ``[N, channels, H, W]``, styles, and the image so far ``[N, out, H / 2, W / 2]`` -> the next."""
        out: Tensor = self.conv(x, w) + self.bias[:, None, None]
        return out if image is None else out + upfirdn(image, self.kernel, up=2, pad=(2, 1))
