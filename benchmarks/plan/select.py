"""Which cells are meant: globs over addresses and methods (``--only``, ``--set``, profiles), and ``--seeds``.

Seeds are written ``0-4`` or ``0,2,7``; of recordings also ``GLOB:0-2``, for cells that have fewer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from retable.benchmarks.errors import UserError, did_you_mean
from retable.reports.text import one_line

Fewer = tuple[str, tuple[int, ...]]
"""A glob over addresses, and the only seeds at which its cells are asked for."""
MOST_SEEDS = 1_000
"""More than a table can need, and as many as are planned within seconds."""


def matches(name: str, globs: str) -> bool:
    """Whether a name matches one of the globs, which commas separate (so no glob holds a comma)."""
    return any(fnmatchcase(name, glob) for glob in _each(globs))


def may_match(beginning: str, globs: str) -> bool:
    """Whether a name that begins so may match one of the globs, by what stands before their first wildcard."""
    literal = [re.split(r"[*?\[]", glob, maxsplit=1)[0] for glob in _each(globs)]
    return any(text.startswith(beginning) or beginning.startswith(text) for text in literal)


def idle(globs: str, names: Iterable[str]) -> str | None:
    """The first of the globs that matches none of the names, for an error message; ``None`` where each matches some."""
    every = list(names)
    idle_ones = (glob for glob in _each(globs) if not any(fnmatchcase(name, glob) for name in every))
    return next(idle_ones, None if _each(globs) else globs)


def _each(globs: str) -> list[str]:
    return [glob.strip() for glob in globs.split(",") if glob.strip()]


def parse_seeds(text: str | None, whole: str = "") -> list[int] | None:
    """``0-4`` or ``0,2,7`` as a list; ``whole`` is what an error shows, where that is more than the numbers.

    Raises:
        UserError: something else.
    """
    if text is None:
        return None
    shown, seeds = f"--seeds {one_line(whole or text, 60)}", list[int]()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not (first + last).isdecimal() or not first or (dash and not last) or max(len(first), len(last)) > 18:
            raise UserError(f"{shown}: expected numbers like 0-4 or 0,2,7")
        span = range(int(first), int(last or first) + 1)
        if len(seeds) + len(span) > MOST_SEEDS:
            raise UserError(f"{shown}: at most {MOST_SEEDS:,} seeds are planned at once")
        seeds += span
    if len(set(seeds)) != len(seeds) or not seeds:
        raise UserError(f"{shown}: names a seed twice, or none")
    return seeds


def parse_recorded(texts: Sequence[str]) -> tuple[list[int] | None, tuple[Fewer, ...]]:
    """The seeds of recordings: one plain value for all cells, and ``GLOB:SEEDS`` for those that have fewer.

    Raises:
        UserError: two plain values, or something that is no seeds.
    """
    plain = [text for text in texts if ":" not in text]
    if len(plain) > 1:
        raise UserError(f"--seeds {' --seeds '.join(plain)}: one of them is for all cells; write GLOB:SEEDS for some")
    fewer = []
    for text in texts:
        glob, colon, seeds = text.rpartition(":")
        if colon:
            fewer.append((glob, tuple(parse_seeds(seeds, text) or ())))
    return parse_seeds(plain[0] if plain else None), tuple(fewer)


def asked_for(address: str, seed: int, fewer: Sequence[Fewer]) -> bool:
    """Whether a cell is asked for at its seed: the last glob that matches its address decides."""
    seeds = [seeds for glob, seeds in fewer if matches(address, glob)]
    return not seeds or seed in seeds[-1]


def refuse_idle(planned: Mapping[str, int], fewer: Sequence[Fewer]) -> None:
    """Every glob has to match a cell, and to ask for seeds that are planned.

    Args:
        planned: address -> seed of every cell.
        fewer: what was asked for.

    Raises:
        UserError: a glob matches nothing, or a seed of it is planned for none of its cells.
    """
    for glob, seeds in fewer:
        if (none := idle(glob, planned)) is not None:
            raise UserError(f"--seeds {none}:...: no cell is called so{did_you_mean(none, planned)}")
        there = {seed for address, seed in planned.items() if matches(address, glob)}
        if more := sorted({*seeds} - there):
            raise UserError(
                f"--seeds {glob}:...: seed {', '.join(map(str, more))} is not planned, only "
                f"{', '.join(map(str, sorted(there)))}; a glob leaves seeds out, --seeds without one asks for them"
            )
