"""The one error of this package, and the hints in its messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class DataError(Exception):
    """Data that are missing, damaged or not what they claim to be.

    The message says what was wrong, where (file, key, value) and what to do about it, in one line.
    """


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that is most like ``word`` (by ``difflib``'s ratio), whatever its capitals, or ``None``."""
    names = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), names, n=1, cutoff=cutoff)
    return names[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'name'?)``, or nothing."""
    name = closest(word, known, cutoff=0.5)
    return f" (did you mean {name!r}?)" if name else ""


def either(names: Iterable[str]) -> str:
    """``a, b or c``."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
