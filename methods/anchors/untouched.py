"""Untouched: the image as it came. What a judge makes of it is a table's floor without any translation.

Paper: Taigman, Polyak & Wolf, ICLR 2017, arXiv 1611.02200, Table 1, row "Original SVHN image". Nothing is trained.

Differences from the paper: how it shows a coloured image to an MNIST classifier is not given; here by luma (ITU-R
BT.601). The other papers have no such row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from retable.methods.method import Method, MethodSettings
from retable.methods.training import grey


class UntouchedSettings(MethodSettings):
    """There is nothing to set."""

    steps: int = 0


class Untouched(Method):
    """The input image, in grey where a domain of the task is grey."""

    Settings: ClassVar[type[MethodSettings]] = UntouchedSettings
    task: ClassVar[str] = "digits"
    also: ClassVar[tuple[str, ...]] = ("cartoon-groups", "attributes")
    stream = "untouched"

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``{"image": [N, C, H, W]}`` in [-1, 1] -> the same, float32 ``[N, C or 1, H, W]``."""
        image = inputs["image"].float()
        return grey(image) if 1 in self.info.channels.values() else image
