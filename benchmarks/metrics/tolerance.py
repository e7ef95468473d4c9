"""How closely a metric agrees with its reference. Every metric's file declares its own ``TOLERANCE``, which its tests
use and docs/tolerances.md prints.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """The largest difference between a metric and its reference that counts as agreement; exact where none is given."""

    reference: str
    """What the metric is compared with."""
    why: str
    """Why they do not agree more closely."""
    relative: float = 0.0
    absolute: float = 0.0

    def __str__(self) -> str:
        parts = (("relative", self.relative), ("absolute", self.absolute))
        return " or ".join(f"{value:.0e} {name}".replace("e-0", "e-") for name, value in parts if value) or "exact"
