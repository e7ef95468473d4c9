"""Baseline 1: the base model on all groups mixed, their labels ignored (arXiv 2007.13332, Section 4, Fig. 4).

Differences from the paper: whether it started from Basic is not said; here it starts from nothing, as a model for
mixed data would. Images are drawn uniformly from all that there are, so group 0 is most of them. See also
:mod:`retable.methods.cartoon.objective`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from retable.methods.cartoon.objective import CartoonMethod


class Baseline1(CartoonMethod):
    """Row "Baseline 1"."""

    title: ClassVar[str] = "Baseline 1 (all data mixed)"
    stream = "mixed"
    needs: ClassVar[Mapping[str, str]] = {"recogniser": "cartoon/recogniser"}
