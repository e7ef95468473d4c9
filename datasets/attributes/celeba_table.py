"""CelebA's table of attributes: a count, a row of names, then for every image its file name and 1 or -1 for each name.

Values stand between runs of spaces. Byte order marks, blank lines, quotes and any line endings, also mixed ones, do not
matter. A copy with commas (semicolons, tabs), a head that starts with ``image_id`` and no count is read too; columns
before ``image_id`` are not read.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from retable.datasets.errors import DataError
from retable.datasets.files import read_bytes

TABLE = "list_attr_celeba.txt"
CSV = "list_attr_celeba.csv"
BITS = {"Black_Hair": "black", "Blond_Hair": "blond", "Brown_Hair": "brown", "Male": "male", "Young": "young"}
"""CelebA's name -> ours, in the order of the label's bits."""
HEAD = "image_id"
MAX_BYTES = 2**28
"""Most bytes of a table, ten times CelebA's."""
LISTED = 10
"""Wrong rows that are named before the rest is only counted."""
_SIGNS = frozenset(("1", "-1"))


@dataclass(frozen=True)
class Table:
    """What the table of attributes says."""

    bits: dict[str, tuple[int, ...]]
    """File name -> five bits."""
    named: frozenset[str]
    """Every file name that has a row, right or wrong."""
    problems: tuple[str, ...]
    """What is wrong with it; the rows at fault are not in ``bits``."""


@lru_cache(maxsize=2)
def read_table(path: Path, digest: str) -> Table:
    """The table's rows; ``digest`` is of the file, so that a changed one is read again.

    Raises:
        DataError: no rows can be read at all.
    """
    comma = path.suffix == ".csv"
    numbered = [(i, line) for i, line in enumerate(_lines(path), 1) if line.strip()]
    problems = []
    claimed: int | None = None
    if not comma and numbered:
        number, words = numbered.pop(0)
        if not words.strip().isdecimal() or len(words.strip()) > 12:
            raise DataError(f"{path}, line {number}: {_short(words)} instead of the number of images; get it anew")
        claimed = int(words)
    if not numbered:
        raise DataError(f"{path}: no attributes are named; get it anew")
    number, words = numbered.pop(0)
    separator = max(",;\t", key=words.count) if comma else None
    names, first = [name.strip() for name in words.split(separator)], 0
    if comma:
        # A table that went through pandas may number its rows in a first column.
        first = names.index(HEAD) if HEAD in names else 0
        names = names[first + 1 :]
    columns = _columns(path, number, names)
    bits: dict[str, tuple[int, ...]] = {}
    seen: dict[str, int] = {}
    wrong = []
    for number, line in numbered:
        values = line.split(separator)
        if comma:
            values = [value.strip() for value in values[first:]] or [""]
        name, *values = values
        if name in seen:
            wrong.append(f", line {number}: a second row of {name}, the first is line {seen[name]}; remove one")
            continue
        seen[name] = number
        if len(values) != len(names):
            wrong.append(f", line {number} ({name}): {len(values)} values, {len(names)} needed; mend it")
        elif not _SIGNS.issuperset(values):
            bad = next(i for i, value in enumerate(values) if value not in _SIGNS)
            wrong.append(f", line {number} ({name}): {names[bad]} is {_short(values[bad])}, must be 1 or -1; mend it")
        else:
            bits[name] = tuple(int(values[column] == "1") for column in columns)
    if claimed is not None and claimed != len(numbered):
        problems.append(
            f", line 1: {claimed:,} images said, but {rows_of(len(numbered))} follow; get it anew or mend it"
        )
    problems += wrong[:LISTED]
    if len(wrong) > LISTED:
        problems.append(f": {len(wrong) - LISTED:,} more rows are wrong")
    return Table(bits, frozenset(seen), tuple(problems))


def _lines(path: Path) -> list[str]:
    content = read_bytes(path, MAX_BYTES)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read as text ({error}); get it anew") from error
    # No value needs them.
    return text.replace('"', "").splitlines()


def disagreement(one: Table, other: Table) -> list[str]:
    """The images, by name, that two tables describe differently."""
    return sorted(name for name, bits in one.bits.items() if other.bits.get(name, bits) != bits)


def _columns(path: Path, number: int, names: list[str]) -> list[int]:
    """Where our bits stand among the attributes.

    Raises:
        DataError: one is missing, or twice there.
    """
    for name in BITS:
        if names.count(name) > 1:
            raise DataError(f"{path}, line {number}: the attribute {name} stands twice; remove one column")
        if name not in names:
            close = next((other for other in names if other.lower() == name.lower()), None)
            hint = f", but there is {close}: rename it" if close else "; get the table anew"
            raise DataError(f"{path}, line {number}: no attribute {name} among {len(names)}{hint}")
    return [names.index(name) for name in BITS]


def rows_of(count: int) -> str:
    """``1 row``, ``2 rows`` and so on."""
    return "1 row" if count == 1 else f"{count:,} rows"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
