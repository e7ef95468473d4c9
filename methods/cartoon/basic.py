"""Basic model: photo2cartoon on young women alone (arXiv 2007.13332, Section 3.1, Fig. 4).

Every other row but Baseline 1 starts from its networks, discriminators included.

Differences from the paper: how long stage 1 was trained is not known (photo2cartoon's default is 1,000,000 steps; its
users found about 90,000 best); the default here is the second stage's 100,000. See also
:mod:`retable.methods.cartoon.objective`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from retable.methods.cartoon.objective import CartoonMethod


class Basic(CartoonMethod):
    """Row "Basic model": group 0 only; at test time every group goes through it."""

    title: ClassVar[str] = "Basic model"
    stream = "woman"
    needs: ClassVar[Mapping[str, str]] = {"recogniser": "cartoon/recogniser"}
