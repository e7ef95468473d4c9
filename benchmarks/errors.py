"""The harness's error for its user: one line that says what was wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable


class UserError(Exception):
    """Bad input or a missing thing that the user can mend. The command line prints it without a traceback."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the closest known word, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """The sentence for a name that is not one of ``known``, e.g. for ``what = "metric"``."""
    return f"unknown {what} {name!r}{did_you_mean(name, known)}; known are {', '.join(sorted(known))}"
