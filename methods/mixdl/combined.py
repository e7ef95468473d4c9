"""MixDL together with augmentations of what D sees: rows "StyleGAN2 + DA + Ours" and "StyleGAN2 + ADA + Ours".

Paper: Kong et al., ECCV 2022, arXiv 2111.11672, Tables 1 and 3.

Differences from the paper: those of :mod:`retable.methods.mixdl.mixdl`, and of :mod:`retable.methods.mixdl.diffaugment`
or :mod:`retable.methods.mixdl.ada`. p of ADA moves in ordinary steps alone, because mixed steps judge patches.
"""

from __future__ import annotations

from typing import ClassVar

from retable.methods.method import MethodSettings
from retable.methods.mixdl.ada import AdaSettings, WithADA
from retable.methods.mixdl.diffaugment import DiffAugmentSettings, WithDiffAugment
from retable.methods.mixdl.mixdl import MixDL, MixDLSettings


class MixDLDASettings(DiffAugmentSettings, MixDLSettings):
    """Settings of MixDL with DiffAugment."""


class MixDLDA(WithDiffAugment, MixDL):
    """Row "StyleGAN2 + DA + Ours"."""

    Settings: ClassVar[type[MethodSettings]] = MixDLDASettings
    title: ClassVar[str] = "MixDL + DA"


class MixDLADASettings(AdaSettings, MixDLSettings):
    """Settings of MixDL with ADA."""


class MixDLADA(WithADA, MixDL):
    """Row "StyleGAN2 + ADA + Ours"."""

    Settings: ClassVar[type[MethodSettings]] = MixDLADASettings
    title: ClassVar[str] = "MixDL + ADA"
