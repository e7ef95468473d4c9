"""Original: the source image itself, in grey. What the judge makes of it is the table's floor without any transfer.

Paper: Taigman, Polyak & Wolf, ICLR 2017, arXiv 1611.02200, Table 1, row "Original SVHN image". Nothing is trained.

Differences from the paper: how the paper shows a coloured image to an MNIST classifier is not given; here by luma
(ITU-R BT.601).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from retable.methods.method import Method, MethodSettings
from retable.methods.training import grey


class OriginalSettings(MethodSettings):
    """There is nothing to set."""

    steps: int = 0


class Original(Method):
    """The untouched source image."""

    Settings: ClassVar[type[MethodSettings]] = OriginalSettings
    task: ClassVar[str] = "digits"

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """``{"image": [N, 3, H, W]}`` in [-1, 1] -> the same in grey, float32 ``[N, 1, H, W]``."""
        return grey(inputs["image"]).float()
