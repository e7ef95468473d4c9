"""TOML of suites, profiles and expectations: read once here, so that every mistake is one line with file, line and key.

Integers beyond 64 bits are refused, as TOML demands where they cannot be kept: what computes with a setting later has
64 bits as well. So is what no such file needs: values nested in one another more than 20 deep.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from retable.benchmarks.errors import UserError, did_you_mean
from retable.reports.text import one_line

ModelT = TypeVar("ModelT", bound=BaseModel)
Place = Sequence[int | str]
"""Keys and indices that lead to a value."""
DEPTH = 20
_PART = re.compile(r"""[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
_BEGIN = re.compile(rf"\s*(\[\[|\[|)\s*((?:(?:{_PART.pattern})\s*\.\s*)*(?:{_PART.pattern}))\s*[\]=]")
"""A line with a header or a key: its brackets, and the dotted name."""


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as data.

    Raises:
        UserError: no file that can be read, or not TOML, with the line.
    """
    text = _read(path)
    try:
        return parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: {error}") from error
    except BadValueError as error:
        line = _find(text, error.place) if error.place else 1
        raise UserError(f"{path}:{line}: {error}") from error


class BadValueError(ValueError):
    """TOML by its grammar, but a value that nothing can hold."""

    def __init__(self, problem: str, place: Place = ()) -> None:
        super().__init__(f"key {_dotted(place)!r}: {problem}" if place else problem)
        self.place = place


def parse_toml(text: str) -> dict[str, Any]:
    """TOML as data.

    Raises:
        TOMLDecodeError: not TOML.
        BadValueError: an integer beyond 64 bits, or values nested too deeply.
    """
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise BadValueError("values are nested too deeply") from error
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:
        # Python reads no integer of more than 4,300 digits.
        raise BadValueError("holds an integer of thousands of digits; 64 bits are read") from error
    _check(data, ())
    return data


def read_model(path: Path, model: type[ModelT], known: Collection[str]) -> ModelT:
    """A TOML file as a typed record.

    Args:
        path: the file.
        model: what it holds.
        known: keys that an unknown one may have been meant for.

    Raises:
        UserError: as for :func:`read_toml`; or an unknown key or a bad value, with its line.
    """
    try:
        return model.model_validate(read_toml(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            what = f"unknown key{did_you_mean(str(first['loc'][-1]), known)}"
        elif first["type"] != "missing":
            what += f" (got {brief(first['input'])})"
        raise UserError(f"{path}:{line_of(path, *first['loc'])}: key {_dotted(first['loc'])!r}: {what}") from error


def line_of(path: Path, *place: int | str) -> int:
    """The line of a file in which a value stands, as far as it can be told, for error messages."""
    return _find(_read(path), place)


def brief(value: object) -> str:
    """A value as an error shows it: one line, cut where it is long."""
    return one_line(repr(value), 80)


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: not a file")
        # A byte order mark, with which some editors begin a file, is left out.
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise UserError(f"{path}:{line}: cannot decode byte 0x{byte:02x}; save the file as UTF-8") from error
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error


def _check(value: object, place: tuple[int | str, ...]) -> None:
    if len(place) > DEPTH:
        raise BadValueError("values are nested too deeply", place[:1])
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise BadValueError("the integer is beyond 64 bits", place)
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _check(inner, (*place, key))


def _find(text: str, place: Place) -> int:
    """The first line whose keys lead farthest along the way to a value."""
    header: tuple[int | str, ...] = ()
    blocks: Counter[str] = Counter()
    far, found = 0, 1
    for number, line in enumerate(text.split("\n"), start=1):
        if (begin := _BEGIN.match(line)) is None:
            continue
        brackets, dotted = begin.groups()
        first, *rest = (part.strip("\"'") for part in _PART.findall(dotted))
        if brackets == "[[" and not rest:
            blocks[first] += 1
        within: tuple[int | str, ...] = (first, blocks[first] - 1, *rest) if first in blocks else (first, *rest)
        if brackets:
            header = within
        keys = within if brackets else (*header, first, *rest)
        same = next((n for n, pair in enumerate(zip(keys, place, strict=False)) if pair[0] != pair[1]), len(keys))
        if min(same, len(place)) > far:
            far, found = min(same, len(place)), number
    return found


def _dotted(place: Place) -> str:
    return one_line(".".join(map(str, place)), 80)
