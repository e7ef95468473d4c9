"""One page a method, made of its docstrings, its settings and its recorded results; ``retable docs`` writes them."""

from __future__ import annotations
