"""Paint on a wall, seen through a cheap camera: colours, light, blur, low resolution, noise and JPEG, by the batch.

Every separable resampling (enlarging, shifting, blurring, lowering the resolution) is a pair of matrices, one for rows
and one for columns, so a batch of images with different settings is two batched matrix products.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from retable.datasets.standins.digits.random_numbers import Draws


def _sandwich(rows: Tensor, images: Tensor, columns: Tensor) -> Tensor:
    """``rows @ image @ columns.T`` for every image: ``[B, H', H]``, ``[B, C, H, W]``, ``[B, W', W]``."""
    return rows[:, None] @ images @ columns[:, None].transpose(-1, -2)


@lru_cache(maxsize=16)
def _enlarger(n: int, size: int, *, align_corners: bool) -> Tensor:
    """Bicubic enlargement of n samples to ``size``, as a matrix ``[size, n]``."""
    return interpolate(torch.eye(n)[None, None], size=(size, n), mode="bicubic", align_corners=align_corners)[0, 0]


def enlarge(images: Tensor, size: int) -> Tensor:
    """``[B, C, n, n]`` -> ``[B, C, size, size]``, smoothly."""
    matrix = _enlarger(images.shape[-1], size, align_corners=True)
    return matrix @ images @ matrix.T


def _blur(sigma: Tensor, size: int) -> Tensor:
    """Gaussian blur with the edges held, as matrices: ``[B]`` -> ``[B, size, size]``."""
    positions = torch.arange(-8, size + 8, dtype=torch.float32)
    weights = (-0.5 * ((torch.arange(size)[:, None] - positions) / sigma.clamp_min(0.05)[:, None, None]).square()).exp()
    folded = torch.zeros(len(sigma), size, size)
    folded.index_add_(2, positions.long().clamp(0, size - 1), weights)
    return folded / folded.sum(-1, keepdim=True)


@lru_cache(maxsize=64)
def _low_resolution(n: int, size: int) -> Tensor:
    """Averaging ``size`` samples down to n and enlarging them again, as a matrix ``[size, size]``."""
    down = interpolate(torch.eye(size)[None, None], size=(n, size), mode="bilinear", antialias=True)[0, 0]
    return _enlarger(n, size, align_corners=False) @ down


_DAYLIGHT = torch.tensor([-0.012, -0.004, 0.016])
"""Street photographs lean a little towards blue."""


def _colour(draws: Draws, luminance: Tensor, tint: float) -> Tensor:
    """A colour of about this luminance: ``[B]`` -> ``[B, 3]``."""
    hue = draws.normal(3, std=1.0)
    # A tint must not undo the contrast: it leaves the luminance alone.
    hue = hue - (hue * _TO_YCC[0]).sum(-1, keepdim=True)
    strength = tint * draws.uniform().square() * (1 + 1.5 * draws.chance(0.1))
    return luminance[:, None] + strength[:, None] * hue + _DAYLIGHT


def paint(draws: Draws, cover: Tensor) -> Tensor:
    """Colour the number and the wall behind it: cover ``[B, S, S]`` in [0, 1] -> ``[B, 3, S, S]``, about [0, 1]."""
    b, size = len(cover), cover.shape[-1]
    # Both polarities, contrasts from barely visible to black on white.
    contrast = (0.22 + 0.43 * draws.uniform().pow(1.2)) * (1 - 2 * draws.chance(0.5))
    middle = 0.46 + draws.normal(std=0.13)
    room = (0.46 - contrast.abs() / 2).clamp_min(0.05)
    middle = torch.minimum(torch.maximum(middle, 0.5 - room), 0.5 + room)
    wall = _colour(draws, middle - contrast / 2, 0.1)
    ink = _colour(draws, middle + contrast / 2, 0.1)
    background = wall[:, :, None, None].expand(b, 3, size, size)
    # Unevenness: light falls off across the wall, stains are coarse, plaster is fine.
    slope = draws.normal(2, std=0.055)
    axis = torch.linspace(-1, 1, size)
    light = slope[:, :1, None] * axis[None, None] + slope[:, 1:, None] * axis[None, :, None]
    coarse = enlarge(draws.normal(1, 4, 4, std=1.0), size)[:, 0]
    fine = enlarge(draws.normal(1, 12, 12, std=1.0), size)[:, 0]
    stains = 0.05 * draws.uniform().square()
    grain = 0.05 * draws.uniform().square()
    texture = stains[:, None, None] * coarse + grain[:, None, None] * fine + _courses(draws, size)
    background = background + texture[:, None] + _frame(draws, size, wall)
    # A cast shadow or an outline: the cover moved and blurred, darkening the wall only.
    shift = draws.uniform(2, low=-2.0, high=2.0)
    rows, columns = (_shift(shift[:, i], size) for i in (0, 1))
    shadow = _sandwich(rows, cover[:, None], columns)
    depth = 0.35 * draws.uniform() * draws.chance(0.3)
    background = background * (1 - depth[:, None, None, None] * shadow)
    inked = ink[:, :, None, None] + 0.4 * texture[:, None]
    return torch.lerp(background, inked, cover[:, None]) + light[:, None]


def _shift(offset: Tensor, size: int) -> Tensor:
    """Moving by a fraction of a pixel with linear interpolation, as matrices ``[B, size, size]``."""
    source = torch.arange(size)[None, :, None] - offset[:, None, None]
    return (1 - (source.clamp(0, size - 1) - torch.arange(size)).abs()).clamp_min(0)


def _courses(draws: Draws, size: int) -> Tensor:
    """Boards or brick courses: a few dark lines across, on a quarter of the walls: ``[B, size, size]``."""
    pitch, phase = 7 + 12 * draws.uniform(), draws.uniform()
    upright = draws.chance(0.35).bool()
    depth = 0.16 * draws.uniform() * draws.chance(0.25)
    axis = torch.arange(size)[None] + 0.5
    line = (1.3 - ((axis / pitch[:, None] + phase[:, None]) % 1.0 - 0.5).abs() * pitch[:, None]).clamp(0, 1)
    lines = torch.where(upright[:, None, None], line[:, None, :], line[:, :, None]).expand(-1, size, size)
    return -depth[:, None, None] * lines


def _frame(draws: Draws, size: int, wall: Tensor) -> Tensor:
    """The edge of the number's plate, on a third of the images: beyond a straight line there is another colour."""
    angle = draws.integers(4).float() * (torch.pi / 2) + draws.normal(std=0.08)
    distance = size * (0.36 + 0.14 * draws.uniform())
    other = _colour(draws, 0.1 + 0.75 * draws.uniform(), 0.1)
    axis = torch.arange(size) + 0.5 - size / 2
    along = angle.cos()[:, None, None] * axis[None, None] + angle.sin()[:, None, None] * axis[None, :, None]
    outside = (along - distance[:, None, None] + 0.5).clamp(0, 1) * draws.chance(0.33)[:, None, None]
    return outside[:, None] * (other - wall)[:, :, None, None]


def photograph(draws: Draws, scene: Tensor) -> Tensor:
    """Blur, lower the resolution, add noise, compress: ``[B, 3, S, S]`` about [0, 1] -> uint8 of the same shape."""
    size = scene.shape[-1]
    sigma = 0.35 + 1.0 * draws.uniform().pow(1.5)
    shake = 1.1 * draws.uniform(2) * draws.chance(0.3, 2)
    taps = draws.uniform()
    rows, columns = (_blur((sigma.square() + shake[:, i].square()).sqrt(), size) for i in (0, 1))
    steps = torch.stack([_low_resolution(n, size) for n in (13, 15, 18, 21, 24, 28, 32)])
    lens = steps[(taps.sqrt() * len(steps)).long().clamp(max=len(steps) - 1)]
    seen = _sandwich(lens @ rows, scene, lens @ columns)
    noise = draws.normal(3, size, size)
    amount = 0.004 + 0.03 * draws.uniform().pow(2.5)
    grey = draws.uniform()
    mixed = torch.lerp(noise, noise.mean(1, keepdim=True) * 3**0.5, grey[:, None, None, None])
    seen = (seen + amount[:, None, None, None] * mixed).clamp(0, 1)
    quality = draws.uniform(low=35.0, high=95.0)
    return jpeg(255 * seen, quality).round().clamp(0, 255).to(torch.uint8)


_LUMA = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)
_CHROMA = torch.full((8, 8), 99.0)
_CHROMA[:4, :4] = torch.tensor([[17.0, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]])
_TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


@lru_cache(maxsize=1)
def _cosines() -> Tensor:
    """The 8-point DCT-II as an orthogonal matrix (ITU-T T.81, A.3.3)."""
    k = torch.arange(8, dtype=torch.float64)
    matrix = torch.cos((2 * k[None] + 1) * k[:, None] * torch.pi / 16) * 0.5
    matrix[0] /= 2**0.5
    return matrix.float()


def jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """What JPEG of this quality leaves of the images (ITU-T T.81, tables K.1 and K.2, no chroma subsampling).

    The losses are those of a codec; the entropy coding, which loses nothing, is left out, so a whole batch takes two
    matrix products.

    Args:
        images: float32 ``[B, 3, H, W]`` in [0, 255], H and W multiples of 8.
        quality: float32 ``[B]``, 1 to 100, scaled as the Independent JPEG Group's encoder does.

    Returns:
        float32 ``[B, 3, H, W]``, about [0, 255].
    """
    b, _, height, width = images.shape
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    tables = torch.stack([_LUMA, _CHROMA, _CHROMA]) * scale[:, None, None, None]
    tables = tables.round().clamp(1, 255)[:, :, None, None]
    ycc = torch.einsum("dc,bchw->bdhw", _TO_YCC, images).round()
    ycc[:, 0] -= 128
    blocks = ycc.view(b, 3, height // 8, 8, width // 8, 8).transpose(3, 4)
    dct = _cosines()
    kept = ((dct @ blocks @ dct.T) / tables).round() * tables
    ycc = (dct.T @ kept @ dct).transpose(3, 4).reshape(b, 3, height, width)
    ycc[:, 0] += 128
    return torch.einsum("dc,bchw->bdhw", torch.linalg.inv(_TO_YCC), ycc)
