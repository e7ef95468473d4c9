"""Retable: the tables of four papers on image translation and few-shot generation, re-made by one harness.

``retable.fid(a, b)``, ``retable.kid``, ``retable.lpips`` and ``retable.score`` are the harness's scores of any images
(:mod:`retable.benchmarks.python`). Nothing is imported until it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retable.benchmarks.python import fid, kid, lpips, score

__all__ = ["fid", "kid", "lpips", "score"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("retable")
    if name in __all__:
        from retable.benchmarks import python

        return getattr(python, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), "__version__", *__all__]
