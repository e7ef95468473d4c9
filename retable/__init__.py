"""Retable: the tables of four papers on image translation and few-shot generation, re-made by one harness.

Nothing is imported until it is asked for.
"""

from __future__ import annotations


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("retable")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
