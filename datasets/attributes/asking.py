"""What a user wants of an image, in words: checked, and turned into class numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from retable.datasets.attributes.wishes import Vocabulary
from retable.datasets.errors import DataError


def asked(words: Vocabulary, wanted: Mapping[str, str]) -> dict[str, int]:
    """``{"hair": "blond"}`` -> ``{"hair": 1}``.

    Raises:
        DataError: nothing is wanted, or a key or value is not among the vocabulary's choices.
    """
    choices = words.choices()
    listed = ", ".join(f"{key}={'|'.join(names)}" for key, names in choices.items())
    if not wanted:
        raise DataError(f"the task attributes needs to know what to change: one or more of {listed}")
    for key, value in wanted.items():
        if key not in choices:
            data = " and ".join(words.data)
            raise DataError(f"a method trained on {data} knows no {key!r}{hint(key, choices)}; it takes {listed}")
        if value not in choices[key]:
            either = f"{', '.join(choices[key][:-1])} or {choices[key][-1]}"
            raise DataError(f"{key}={value!r} is not {either}{hint(value, choices[key])}")
    return {key: choices[key].index(value) for key, value in wanted.items()}


def hint(word: str, known: Iterable[str]) -> str:
    """`` (did you mean ...?)``, or nothing."""
    close = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
