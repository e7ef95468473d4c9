"""What all files of published tables and claims share: words, strictness, and how a bad key is named."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, StringConstraints, ValidationError

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.\-]*$")]
Direction = Literal["higher", "lower", "none"]
Confidence = Literal["high", "medium", "low", "derived", "unverified"]


STRICT = ConfigDict(frozen=True, extra="forbid")
"""Data that does not change, without keys that nobody reads."""


def refuse_twice(kind: str, names: list[str], where: str = "") -> None:
    """Raise ``ValueError`` for the first name that stands in the list twice."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{where}{kind} id {twice[0]!r} is used twice")


def first_problem(error: ValidationError, content: dict[str, Any]) -> str:
    """The first problem with its key spelled as in the file, list entries by their own ``id``."""
    problems = error.errors()
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    node: Any = content
    words: list[str] = []
    for part in first["loc"]:
        if isinstance(part, int) and isinstance(node, list) and part < len(node):
            node = node[part]
            words[-1] += f"[{node['id'] if isinstance(node, dict) and 'id' in node else part}]"
        elif isinstance(node, dict) and (part in node or not words or first["type"] == "missing"):
            node = node.get(str(part))
            words.append(str(part))
    key = ".".join(words) or "(top level)"
    if first["type"] == "extra_forbidden":
        return f"unknown key {key}; remove it or correct its name"
    if first["type"] == "missing":
        return f"key {key} is missing"
    message = re.sub(r"^Value error, ", "", first["msg"])
    return f"key {key}: {message}" if words else message
