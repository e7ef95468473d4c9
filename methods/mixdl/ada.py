"""ADA: augmentations before D, as often as D's overfitting asks for.

Paper: Karras, Aittala, Hellsten, Laine, Lehtinen & Aila, "Training Generative Adversarial Networks with Limited Data",
NeurIPS 2020, arXiv 2006.06676, Sections 2 and 3, Appendix B; rows "+ ADA" of MixDL's tables (arXiv
2111.11672). The pipeline "bgc": thirteen changes (:data:`CHANGES`), each of them with probability p for every image,
composed into one affine map G and one map of colours C,

    G = T(drift) R(after) S(stretch) R(before) S(scale) T(move) R(quarters) F(mirror)
    C = saturation . hue . luma flip . contrast . brightness

about the image's centre and the axis of greys v = (1, 1, 1) / sqrt 3. A change that is left out is the identity, so at
p < 1 the untouched image is the likeliest of all, and G is not taught to draw augmented ones (Section 2.2).

    r_t = E sign(D(real))        every 256 images:   p <- p + sign(r_t - 0.6) (images seen) / 500,000, within [0, 1]

Where the operations come from: the warp and the rotation of hues are kornia's, which take one matrix an image;
torchvision's take one number for a whole batch. The matrices are a few lines here, since the composition is the point.

Differences from the paper:

- The warp is bilinear, at the image's own size, with the border mirrored. The paper enlarges twofold, pads, and filters
  with a wavelet; a plain enlargement costs three times as much and blurs images that only moved by whole pixels.
- p stops at 1, where the released code lets it count on; above 0.8 augmentations may leak anyway (Section 2.2).
- R1 takes its gradient with respect to the augmented images, and not through the augmentation to plain ones: older
  versions of torch cannot differentiate ``grid_sample`` twice. MixDL's trainer takes it of plain images under ADA too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

CHANGES = (
    *("mirror", "quarters", "move", "scale", "before", "stretch", "after", "drift"),
    *("brightness", "contrast", "luma_flip", "hue", "saturation"),
)
"""In the order in which they are applied: eight of place, five of colour."""


def draw(n: int, p: Tensor) -> dict[str, Tensor]:
    """Random changes for n images, by the names of :data:`CHANGES`; 0 is everywhere "leave it".

    Args:
        n: images.
        p: the probability of every change, a scalar in [0, 1]; it is never read back from its device.

    Returns:
        float32 on p's device, ``[N]``: mirror and luma_flip 0 or 1; quarters 0 to 3; scale, stretch, contrast and
        saturation as powers of 2; before, after and hue in radians; brightness as it is added. move and drift are
        ``[N, 2]``, (x, y) in shares of the side.
    """
    # Few calls for many numbers: a small tensor costs a step more by its call than by its size.
    u, normal = torch.rand(len(CHANGES) + 8, n, device=p.device), torch.randn(7, n, device=p.device)
    # Two rotations, of which p images get at least one (Appendix B).
    rotated = 1 - (1 - p).sqrt()
    chance = torch.stack([rotated if name in ("before", "after") else p for name in CHANGES])
    wanted, u = (u[:-8] < chance[:, None]).float(), u[-8:]
    angles = math.pi * (2 * u[:3] - 1)
    values = {
        "mirror": (2 * u[3]).floor(),
        "quarters": (4 * u[4]).floor(),
        "move": ((u[5:7] - 0.5) / 4).T,
        "scale": 0.2 * normal[0],
        "before": angles[0],
        "stretch": 0.2 * normal[1],
        "after": angles[1],
        "drift": 0.125 * normal[2:4].T,
        "brightness": 0.2 * normal[4],
        "contrast": 0.5 * normal[5],
        "luma_flip": (2 * u[7]).floor(),
        "hue": angles[2],
        "saturation": normal[6],
    }
    return {
        name: values[name] * (mask if values[name].ndim == 1 else mask[:, None])
        for name, mask in zip(CHANGES, wanted, strict=True)
    }


def geometry(change: Mapping[str, Tensor], size: int) -> Tensor:
    """The upper rows of G for changes as :func:`draw` gives them, ``[N, 2, 3]``: where pixel (x, y, 1) goes.

    Args:
        change: by name.
        size: height and width in pixels.
    """
    turns = torch.stack([change["quarters"] * (math.pi / 2), change["before"], change["after"]])
    cos, sin = turns.cos(), turns.sin()
    # From the x axis towards the y axis: clockwise on a screen.
    quarters, before, after = torch.stack([cos, -sin, sin, cos], -1).view(3, -1, 2, 2)
    mirror = torch.stack([1 - 2 * change["mirror"], torch.ones_like(change["mirror"])], -1)
    powers = torch.stack([change["scale"] + change["stretch"], change["scale"] - change["stretch"]], -1)
    blit = quarters * mirror[:, None, :]
    general = after @ (powers.exp2()[:, :, None] * before)
    linear = general @ blit
    moved = general @ (change["move"] * size).round()[:, :, None] + change["drift"][:, :, None] * size
    centre = (size - 1) / 2
    return torch.cat([linear, moved + centre - centre * linear.sum(2, keepdim=True)], 2)


def colours(change: Mapping[str, Tensor]) -> Tensor:
    """The upper rows of C for changes as :func:`draw` gives them, ``[N, 3, 4]``: what (red, green, blue, 1) becomes."""
    from kornia.geometry.conversions import axis_angle_to_rotation_matrix

    contrast, saturation = (change[name].exp2()[:, None, None] for name in ("contrast", "saturation"))
    v = torch.full_like(contrast[0, 0], 3**-0.5).expand(3)
    greys, every = torch.outer(v, v), torch.ones_like(v).diag()
    flip = every - 2 * change["luma_flip"][:, None, None] * greys
    hue = axis_angle_to_rotation_matrix(change["hue"][:, None] * v)
    linear = (greys + saturation * (every - greys)) @ hue @ flip * contrast
    lift = change["brightness"][:, None, None].expand(-1, 3, 1)
    return torch.cat([linear, linear @ lift], 2)


def apply(images: Tensor, place: Tensor, colour: Tensor) -> Tensor:
    """Warp images ``[N, 3, S, S]`` by G ``[N, 2, 3]`` and recolour them by C ``[N, 3, 4]``."""
    from kornia.geometry.transform import warp_affine

    side = images.shape[-1]
    images = warp_affine(images, place, (side, side), padding_mode="reflection")
    recoloured = torch.baddbmm(colour[:, :, 3:], colour[:, :, :3], images.flatten(2))
    return recoloured.view_as(images)


class Ada(nn.Module):
    """The augmentations and the probability that governs them; both travel with a checkpoint.

    Args:
        target: of r_t: below it p falls, above it p rises.
        every: passes of D over real images from one change of p to the next.
        length: images in which p may go from 0 to 1.
    """

    def __init__(self, target: float = 0.6, every: int = 4, length: int = 500_000) -> None:
        super().__init__()
        self.target, self.every, self.length = target, every, length
        for name in ("p", "r", "signs", "seen", "passes"):
            self.register_buffer(name, torch.zeros(()))

    p: Tensor
    """Probability of every change, in [0, 1]."""
    r: Tensor
    """r_t of the last change of p, in [-1, 1]."""
    signs: Tensor
    seen: Tensor
    passes: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, S, S]`` in [-1, 1] -> float32 of the same shape, not clamped; gradients flow through.

        The random numbers come from torch's global state of the images' device.
        """
        # Autocast would round coordinates and colours to a few hundred steps.
        with torch.autocast(images.device.type, enabled=False):
            change = draw(len(images), self.p)
            return apply(images.float(), geometry(change, images.shape[-1]), colours(change))

    @torch.no_grad()
    def observe(self, score: Tensor) -> None:
        """Count D's logits ``[N]`` of real images and, when it is time, move p; without waiting for the device."""
        self.signs += score.detach().float().sign().sum()
        self.seen += score.numel()
        self.passes += 1
        due = self.passes >= self.every
        r = self.signs / self.seen
        moved = (self.p + (r - self.target).sign() * self.seen / self.length).clamp(0, 1)
        self.p.copy_(torch.where(due, moved, self.p))
        self.r.copy_(torch.where(due, r, self.r))
        for count in (self.signs, self.seen, self.passes):
            count.masked_fill_(due, 0)
