"""FastGAN's generator G and discriminator D, for images of 32 to 1,024 pixels.

Paper: Liu, Zhu, Song & Elgammal, "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image
Synthesis", ICLR 2021, arXiv 2101.04775, Figures 3 and 4. Skip-layer excitation (Eq. 1 and 2): maps y of one
resolution are gated, channel by channel, by those of one 16 times lower, y' = F(x) y. D's last maps (8 x 8) and those
before them (16 x 16) are decoded into images again. All convolutions are spectrally normalised and have no bias.

Channels by resolution, with ``width`` w:

    resolution            4    8   16   32   64  128  256  512  1024
    G                   16w   8w   4w   2w   2w    w  w/2  w/4   w/8
    D, whole image             8w   4w   2w    w  w/2  w/4  w/8
    D, small image             4w   2w    w  w/2   (128: the image)
    decoders                        2w    w    w  w/2

At 256 px with w = 64 and latents of 256 dimensions, G has 29,127,846 parameters and D 11,526,160, its
three decoders included.

Differences from the paper:

- Widths and kernels, which Figures 3 and 4 leave open, are those of the released code, and so are two of its departures
  from the text: Swish and not leaky ReLU in F, and a gate from 4 to 64 pixels besides the three of Figure 3. D has
  gates too, each from the maps eight times larger.
- Below 256 px the layers of the resolutions that an image does not have are left out: of G the last blocks, of D the
  first ones, and with them their gates. At 32 px none would be left; there one leads from 4 to 32 pixels in G, and one
  from 32 to 8 in D. The released code has no such sizes.
- The small image, and what the decoders draw, has half the side of the image, and at most 128 pixels: at 256 px and
  above that is the paper's 128.
- tanh ends G at every size; the code leaves it out at 256 and 512 px.
- G adds noise to its features only while it learns, so that an image depends on its latent alone. (A constant noise
  in its place shows as a pattern that all images of a short training share.)
- Means over squares make images smaller, where the code takes the nearest pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

SIZES = (32, 64, 128, 256, 512, 1024)
SLOPE = 0.2
"""Of D's leaky ReLU."""
LAST = 8
"""Height and width of D's last maps, which the decoders start from."""
LARGEST_SMALL = 128
"""Height and width in pixels of the second image that G draws and D looks at, for large images."""
WIDEST = 256
"""D brings larger images to this size by plain strided convolutions."""


def small_side(size: int) -> int:
    """Pixels of the small image's side for images of this size.

    Raises:
        ValueError: FastGAN has no such size.
    """
    if size not in SIZES:
        raise ValueError(f"FastGAN draws images of {', '.join(map(str, SIZES))} pixels, not {size}; change task.size")
    return min(size // 2, LARGEST_SMALL)


def smaller(images: Tensor, side: int) -> Tensor:
    """Means over squares: ``[N, C, H, H]`` -> ``[N, C, side, side]``; the side divides H."""
    return functional.avg_pool2d(images, images.shape[3] // side) if images.shape[3] > side else images


def _generator_widths(width: int) -> dict[int, int]:
    multiples = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 1 / 2, 512: 1 / 4, 1024: 1 / 8}
    return {resolution: max(1, int(multiple * width)) for resolution, multiple in multiples.items()}


def _resolutions(first: int, last: int) -> list[int]:
    """Powers of two from one to another, both included."""
    return [1 << k for k in range(first.bit_length() - 1, last.bit_length())]


def _conv(i: int, o: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Module:
    return _started(nn.Conv2d(i, o, kernel, stride, padding, bias=False))


def _started(conv: nn.Conv2d | nn.ConvTranspose2d) -> nn.Module:
    """Weights from N(0, 0.02^2), as in the released code, under spectral norm."""
    nn.init.normal_(conv.weight, 0.0, 0.02)
    return spectral_norm(conv)


def _norm(channels: int) -> nn.Module:
    """Batch norm; its scale starts near one, as in the released code."""
    norm = nn.BatchNorm2d(channels)
    nn.init.normal_(norm.weight, 1.0, 0.02)
    return norm


class Excitation(nn.Module):
    """y' = F(x) y: pooled to 4 x 4, one 4 x 4 and one 1 x 1 convolution, a sigmoid (Section 3.1).

    Args:
        low: channels of x.
        high: channels of y.
    """

    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), _conv(low, high, 4), nn.SiLU(), _conv(high, high, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Maps ``[N, low, h, h]``, h at least 4, and ``[N, high, H, H]`` -> maps like y."""
        out: Tensor = self.gate(x) * y
        return out


class Noise(nn.Module):
    """In training, one normal number for every place, the same for all channels; its learned strength starts at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[N, C, H, W]`` -> the same shape."""
        return x + self.strength * torch.randn_like(x[:, :1]) if self.training else x


def _up(i: int, o: int, *, double: bool) -> nn.Sequential:
    """Twice the resolution: one convolution and a gated linear unit, or two, with noise."""
    layers: list[nn.Module] = [nn.Upsample(scale_factor=2)]
    for channels in (i, o) if double else (i,):
        layers += [_conv(channels, 2 * o, 3, padding=1), *([Noise()] if double else []), _norm(2 * o), nn.GLU(1)]
    return nn.Sequential(*layers)


class Generator(nn.Module):
    """G: a latent -> the image, and a small one from an earlier layer.

    Args:
        size: of the image in pixels, one of :data:`SIZES`.
        channels: of the image.
        latent: dimensions of z, 256 in the paper.
        width: w above, 64 in the paper.

    Raises:
        ValueError: no such size.
    """

    def __init__(self, size: int, channels: int = 3, latent: int = 256, width: int = 64) -> None:
        super().__init__()
        self.small = small_side(size)
        widths, sizes = _generator_widths(width), _resolutions(8, size)
        first = _started(nn.ConvTranspose2d(latent, 2 * widths[4], 4, bias=False))
        self.start = nn.Sequential(first, _norm(2 * widths[4]), nn.GLU(1))
        self.up = nn.ModuleList(_up(widths[side // 2], widths[side], double=k % 2 == 0) for k, side in enumerate(sizes))
        self.sources = {side: side // 16 for side in sizes if 64 <= side <= 512} or {size: 4}
        """Resolution that is gated -> resolution that gates it."""
        self.excite = nn.ModuleDict(
            {str(to): Excitation(widths[source], widths[to]) for to, source in self.sources.items()}
        )
        self.to_small = _conv(widths[self.small], channels, 1)
        self.to_image = _conv(widths[size], channels, 3, padding=1)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Latents ``[N, latent]``.

        Returns:
            Images ``[N, C, size, size]`` and small ones ``[N, C, side, side]``, both in [-1, 1], and the maps of 4, 8,
            16 and 32 pixels.
        """
        maps = {4: self.start(z[:, :, None, None])}
        for block in self.up:
            low = next(reversed(maps))
            x, to = block(maps[low]), 2 * low
            maps[to] = self.excite[str(to)](maps[self.sources[to]], x) if to in self.sources else x
        image, small = self.to_image(maps[next(reversed(maps))]), self.to_small(maps[self.small])
        return image.tanh(), small.tanh(), [maps[side] for side in (4, 8, 16, 32)]


class Down(nn.Module):
    """Half the resolution: two convolutions, averaged with a pooled 1 x 1 one (Figure 4)."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            _conv(i, o, 4, 2, 1), _norm(o), nn.LeakyReLU(SLOPE), _conv(o, o, 3, 1, 1), _norm(o), nn.LeakyReLU(SLOPE)
        )
        self.direct = nn.Sequential(nn.AvgPool2d(2), _conv(i, o, 1), _norm(o), nn.LeakyReLU(SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[N, i, H, H]`` -> ``[N, o, H / 2, H / 2]``."""
        out: Tensor = (self.main(x) + self.direct(x)) / 2
        return out


def _decoder(i: int, channels: int, side: int, width: int) -> nn.Sequential:
    """Maps ``[N, i, 8, 8]`` -> images ``[N, channels, side, side]`` in [-1, 1]."""
    widths = {LAST: i} | {16: 2 * width, 32: width, 64: width, 128: max(1, width // 2)}
    blocks = [_up(widths[to // 2], widths[to], double=False) for to in _resolutions(2 * LAST, side)]
    return nn.Sequential(*blocks, _conv(widths[side], channels, 3, padding=1), nn.Tanh())


class Judgement(NamedTuple):
    """What D says of images."""

    scores: Tensor
    """``[N, 50]``: of 5 x 5 patches of the image and of the small one; above zero for real."""
    pictures: list[Tensor]
    """What was asked to be decoded, ``[N, C, side, side]`` in [-1, 1]: the image, the small one, the quarter."""
    features: Tensor
    """``[N, projection]``; ``[N, 0]`` without a projection."""


class Discriminator(nn.Module):
    """D: are the patches of an image and of its small copy real, and what do they show?

    Args:
        size: of the image in pixels, one of :data:`SIZES`.
        channels: of the image.
        width: w above, 64 in the paper.
        projection: outputs of a linear layer on the last maps, for MixDL's distances; 0 for no such layer.

    Raises:
        ValueError: no such size.
    """

    def __init__(self, size: int, channels: int = 3, width: int = 64, projection: int = 0) -> None:
        super().__init__()
        small = small_side(size)

        def wide(resolution: int) -> int:
            """8w for maps of 8 x 8, half as many for twice the side."""
            return max(1, 8 * LAST * width // resolution)

        top = min(size, WIDEST)
        # An image of more than 256 pixels is brought to 256 first; the last of these layers has the channels of 256.
        steps = {512: [wide(256)], 1024: [wide(512), wide(256)]}.get(size)
        stem: list[nn.Module] = [] if steps else [_conv(channels, wide(top), 3, 1, 1), nn.LeakyReLU(SLOPE)]
        for k, o in enumerate(steps or []):
            i = steps[k - 1] if steps and k else channels
            stem += [_conv(i, o, 4, 2, 1), *([_norm(o)] if k else []), nn.LeakyReLU(SLOPE)]
        self.stem = nn.Sequential(*stem)
        sides = [side for side in reversed(_resolutions(LAST, top)) if side < top]
        self.down = nn.ModuleList(Down(wide(2 * side), wide(side)) for side in sides)
        self.sources = {side: 8 * side for side in sides if 8 * side <= top} or {LAST: top}
        """Resolution that is gated -> resolution that gates it."""
        self.excite = nn.ModuleDict(
            {str(to): Excitation(wide(source), wide(to)) for to, source in self.sources.items()}
        )
        self.top = top
        self.score = nn.Sequential(
            _conv(wide(8), 2 * wide(8), 1), _norm(2 * wide(8)), nn.LeakyReLU(SLOPE), _conv(2 * wide(8), 1, 4)
        )

        def narrow(resolution: int) -> int:
            return max(1, wide(resolution) // 2)

        layers: list[nn.Module] = [_conv(channels, narrow(small // 2), 4, 2, 1), nn.LeakyReLU(SLOPE)]
        for side in reversed(_resolutions(LAST, small // 4)):
            layers += [_conv(narrow(2 * side), narrow(side), 4, 2, 1), _norm(narrow(side)), nn.LeakyReLU(SLOPE)]
        self.down_small = nn.Sequential(*layers)
        self.score_small = _conv(narrow(8), 1, 4)

        self.decode = _decoder(wide(8), channels, small, width)
        self.decode_small = _decoder(narrow(8), channels, small, width)
        self.decode_quarter = _decoder(wide(16), channels, small, width)
        self.project = spectral_norm(nn.Linear(LAST * LAST * wide(8), projection)) if projection else None

    def forward(self, images: Tensor, small: Tensor, quarter: int | None = None) -> Judgement:
        """Images ``[N, C, size, size]`` and their small copies ``[N, C, side, side]``, both in [-1, 1].

        Args:
            images: float32 in [-1, 1].
            small: float32 in [-1, 1].
            quarter: decode the images, and of this quarter of them the 16 x 16 maps: 0 and 1 are the upper left and
                right, 2 and 3 the lower ones; ``None`` decodes nothing.
        """
        maps = {self.top: self.stem(images)}
        for block in self.down:
            x = block(maps[next(reversed(maps))])
            to = x.shape[3]
            maps[to] = self.excite[str(to)](maps[self.sources[to]], x) if to in self.sources else x
        last, last_small = maps[LAST], self.down_small(small)
        pictures = []
        if quarter is not None:
            part = quarter_of(maps[2 * LAST], quarter)
            pictures = [self.decode(last), self.decode_small(last_small), self.decode_quarter(part)]
        features = last.new_zeros(len(last), 0) if self.project is None else self.project(last.flatten(1))
        scores = torch.cat([self.score(last).flatten(1), self.score_small(last_small).flatten(1)], 1)
        return Judgement(scores, pictures, features)


def quarter_of(x: Tensor, quarter: int) -> Tensor:
    """Images or maps ``[N, C, H, H]`` -> ``[N, C, H / 2, H / 2]``: upper left and right are 0 and 1, lower 2 and 3."""
    half = x.shape[3] // 2
    top, left = half * (quarter // 2), half * (quarter % 2)
    return x[:, :, top : top + half, left : left + half]
