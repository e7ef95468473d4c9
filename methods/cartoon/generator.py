"""The generator: photo2cartoon's encoder-decoder around a trunk, with one branch per group of people.

Layers at the paper's size (width 32, images of 256 pixels), with the paper's names::

    branch  in   ConvBlock1 7x7 3->32, HourGlass1
    trunk        HourGlass2, DownBlock1-2 32->64->128, EncodeBlock1-4
    head         CAM: one weight per channel for the average- and the max-pooled features
    trunk        1x1 convolution, FC, DecodeBlock1-4 (soft-AdaLIN), UpBlock1-2 (LIN), HourGlass3
    branch  out  HourGlass4 (draws 3 channels), ConvBlock2 7x7, tanh

With one group this is the base model; with several it is the few-shot paper's Fig. 3. A new group's branch starts as a
copy of group 0's.

Differences from the paper: its released code keeps the CAM heads of all groups in one layer, which starts afresh and
which it counts as shared. There an image gets the logits of all four heads, so that every head learns from every group;
only the attention looks at the head of the image's own group. Here a head belongs to its branch, starts as a copy of
group 0's, and learns from its own group alone, with the same number of parameters. Rows of a batch never see each
other.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from retable.methods.cartoon.adalin import Lin, SoftAdaLinBlock
from retable.methods.cartoon.group_parts import by_group
from retable.methods.cartoon.hourglass import HourGlass


class Branch(nn.Module):
    """What a group has of its own: the way in, the way out, and its CAM head."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.entry = nn.Sequential(
            nn.Conv2d(channels, width, 7, padding=3, padding_mode="reflect", bias=False),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            HourGlass(width, depth, channels, residual=True),
        )
        self.exit = nn.Sequential(
            HourGlass(width, depth, channels, residual=False),
            nn.Conv2d(channels, channels, 7, padding=3, padding_mode="reflect", bias=False),
            nn.Tanh(),
        )
        self.gap = nn.Linear(4 * width, 1)
        self.gmp = nn.Linear(4 * width, 1)


class Trunk(nn.Module):
    """What all groups share."""

    def __init__(
        self, size: int, channels: int, width: int, depth: int, blocks: int, *, light: bool, hourglasses: bool
    ) -> None:
        super().__init__()
        wide = 4 * width
        self.hourglass_in = HourGlass(width, depth, channels, residual=True) if hourglasses else nn.Identity()
        self.down = nn.Sequential(_down(width, 2 * width), _down(2 * width, wide))
        self.encode = nn.ModuleList(_residual(wide) for _ in range(blocks))
        self.cam = nn.Conv2d(2 * wide, wide, 1)
        inputs = wide if light else wide * (size // 4) ** 2
        self.style = nn.Sequential(nn.Linear(inputs, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU())
        self.light = light
        self.decode = nn.ModuleList(SoftAdaLinBlock(wide) for _ in range(blocks))
        self.up = nn.Sequential(_up(wide, 2 * width), _up(2 * width, width))
        self.hourglass_out = HourGlass(width, depth, channels, residual=True) if hourglasses else nn.Identity()

    def encoded(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """``[N, width, S, S]`` -> features ``[N, 4 width, S/4, S/4]`` and every block's pooled content."""
        x = self.down(self.hourglass_in(x))
        contents = []
        for block in self.encode:
            x = x + block(x)
            contents.append(x.mean((2, 3)))
        return x, contents

    def decoded(self, x: Tensor, contents: list[Tensor]) -> Tensor:
        """Attended features ``[N, 8 width, S/4, S/4]`` -> ``[N, width, S, S]``."""
        x = self.cam(x).relu()
        style = self.style(x.mean((2, 3)) if self.light else x.flatten(1))
        for block, content in zip(self.decode, reversed(contents), strict=True):
            x = block(x, content, style)
        out: Tensor = self.hourglass_out(self.up(x))
        return out


class Generator(nn.Module):
    """Images of one domain -> images of the other, with CAM logits.

    Args:
        size: height and width of the images, divisible by 2^depth and by 4, and at least 2^(depth + 1).
        channels: of the images.
        width: channels of the first layer (32).
        depth: levels of every hourglass (4); without levels one unit of each is left.
        blocks: encoding and decoding blocks (4).
        light: pool before the FC layers; without, they see every position.
        hourglasses: whether the trunk has its two (HourGlass2 and 3); the branches always have theirs.
        groups: number of branches.

    Raises:
        ValueError: the size does not fit.
    """

    def __init__(
        self,
        size: int,
        channels: int = 3,
        width: int = 32,
        depth: int = 4,
        blocks: int = 4,
        *,
        light: bool = False,
        hourglasses: bool = True,
        groups: int = 1,
    ) -> None:
        super().__init__()
        if size % 2**depth or size % 4 or size < 2 ** (depth + 1) or size < 16:
            raise ValueError(
                f"a generator with hourglasses of {depth} levels needs images whose size is divisible by {2**depth} "
                f"and by 4 and at least {max(16, 2 ** (depth + 1))}, not {size}; change task.size or method.depth"
            )
        if width % 4:
            raise ValueError(f"the generator's width must be divisible by 4, not {width}")
        self.branches = nn.ModuleList(Branch(channels, width, depth) for _ in range(groups))
        self.trunk = Trunk(size, channels, width, depth, blocks, light=light, hourglasses=hourglasses)

    def forward(self, x: Tensor, group: Tensor) -> tuple[Tensor, Tensor]:
        """Images ``[N, C, S, S]`` in [-1, 1] and groups int64 ``[N]`` -> images, and CAM logits ``[N, 2]``.

        With one branch every group takes it.
        """
        branch = group if len(self.branches) > 1 else torch.zeros_like(group)
        entered = by_group(branch, lambda index, rows: self.branch(index).entry(x[rows]))
        features, contents = self.trunk.encoded(entered)
        attended, logits = self.attend(features, branch)
        decoded = self.trunk.decoded(attended, contents)
        return by_group(branch, lambda index, rows: self.branch(index).exit(decoded[rows])), logits

    def branch(self, index: int) -> Branch:
        """The branch of a group."""
        return cast(Branch, self.branches[index])

    def attend(self, x: Tensor, branch: Tensor) -> tuple[Tensor, Tensor]:
        """CAM (Zhou et al. 2016): features scaled by the weights that tell the domains apart, and those logits."""
        attended, logits = [], []
        # Heads of groups that are not there must not get a gradient of zero: weight decay would move them.
        present = sorted(set(branch.tolist()))
        own = torch.tensor([present.index(group) for group in branch.tolist()], device=branch.device)
        for name, pooled in (("gap", x.mean((2, 3))), ("gmp", x.amax((2, 3)))):
            heads = [getattr(self.branch(index), name) for index in present]
            weight = torch.cat([head.weight for head in heads])[own]
            bias = torch.cat([head.bias for head in heads])[own]
            attended.append(x * weight[..., None, None])
            logits.append((pooled * weight).sum(1) + bias)
        return torch.cat(attended, 1), torch.stack(logits, 1)

    def start_from(self, base: Generator) -> None:
        """Take the trunk of a generator with one branch, and copy that branch into every one of ours."""
        self.trunk.load_state_dict(base.trunk.state_dict())
        for branch in self.branches:
            branch.load_state_dict(base.branches[0].state_dict())


def _down(i: int, o: int) -> nn.Sequential:
    conv = nn.Conv2d(i, o, 3, stride=2, padding=1, padding_mode="reflect", bias=False)
    return nn.Sequential(conv, nn.InstanceNorm2d(o), nn.ReLU())


def _up(i: int, o: int) -> nn.Sequential:
    conv = nn.Conv2d(i, o, 3, padding=1, padding_mode="reflect", bias=False)
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), conv, Lin(o), nn.ReLU())


def _residual(width: int) -> nn.Sequential:
    one, two = (nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect", bias=False) for _ in range(2))
    return nn.Sequential(one, nn.InstanceNorm2d(width), nn.ReLU(), two, nn.InstanceNorm2d(width))
