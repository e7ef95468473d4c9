"""Baseline 2: Basic fine-tuned on groups 1 to 3 merged, nothing frozen (arXiv 2007.13332, Section 4, Fig. 4).

Differences from the paper: its number of steps is not known; see also :mod:`retable.methods.cartoon.objective`.
"""

from __future__ import annotations

from typing import ClassVar

from retable.methods.cartoon.objective import StartsFromBasic


class Baseline2(StartsFromBasic):
    """Row "Baseline 2": group labels ignored, group 0 never seen again."""

    title: ClassVar[str] = "Baseline 2 (fine-tune on groups 1-3 merged)"
    stream = "rare"
