"""The one error of this package, and the hints in its messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches


class DataError(Exception):
    """Data that are missing, damaged or not what they claim to be.

    The message says what was wrong, where (file, key, value) and what to do about it, in one line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text with ``\xe9`` for each byte of a file name that is not UTF-8, and for each control character.

    A file may have any name; as it is, it could not be written to most terminals, or would move their cursor.
    """
    return _UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that is most like ``word`` (by ``difflib``'s ratio), whatever its capitals, or ``None``."""
    names = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), names, n=1, cutoff=cutoff)
    return names[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'name'?)``, or nothing."""
    name = closest(word, known, cutoff=0.5)
    return f" (did you mean {name!r}?)" if name else ""


def chosen(wanted: Mapping[str, str], choices: Mapping[str, Sequence[str]], who: str, takes: str) -> dict[str, int]:
    """What a user wants, as places among the choices: ``{"hair": "blond"}`` -> ``{"hair": 1}``.

    Args:
        wanted: value by key.
        choices: the known values by key.
        who: the subject of the error about a key, e.g. ``the task cartoon-groups``.
        takes: its end, e.g. ``group and to``.

    Raises:
        DataError: a key or value is unknown.
    """
    for key, value in wanted.items():
        if key not in choices:
            raise DataError(f"{who} knows no {key!r}{did_you_mean(key, choices)}; it takes {takes}")
        if value not in choices[key]:
            raise DataError(f"{key}={value!r} is not {either(choices[key])}{did_you_mean(value, choices[key])}")
    return {key: choices[key].index(value) for key, value in wanted.items()}


def either(names: Iterable[str]) -> str:
    """``a, b or c``."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
