"""Full transfer without selective back-propagation: every group moves the shared trunk (arXiv 2007.13332, Fig. 6).

Differences from the paper: none beyond those of :mod:`retable.methods.cartoon.transfer`; ``reading`` has nothing to
decide.
"""

from __future__ import annotations

from typing import ClassVar

from retable.methods.cartoon.transfer import Transfer


class TransferNoSbp(Transfer):
    """Row "Full transfer w/o selective back-propagation": the same objective, nothing held."""

    title: ClassVar[str] = "Full transfer w/o selective back-propagation"
    selective: ClassVar[bool] = False
