"""Recorded results as one small file: a line of compact JSON per cell, compressed, to be committed.

A recording holds what ``result.json`` holds, so that tables and verdicts are made from it alone. Curves and pictures
stay in the cells' folders.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from retable.reports.records.cell import Cell
from retable.reports.records.files import open_file
from retable.reports.records.folder import CellRecord, read_cell, refuse_link
from retable.reports.records.journal import read_result
from retable.reports.records.result import RecordError, Result, first_problem

ENDING = ".jsonl.gz"
MOST_BYTES = 2**28
"""Of results when they are unpacked: some hundred thousand cells."""


def is_recording(path: Path) -> bool:
    """Whether the path names a recording, and not a folder of runs."""
    return path.name.endswith(ENDING)


def recording(results: Iterable[Result]) -> bytes:
    """The content of a recording, by address and hash; equal results give equal bytes."""
    ordered = sorted(results, key=lambda result: (result.cell.address, result.cell.hash))
    lines = [result.model_dump_json(exclude_defaults=True) + "\n" for result in ordered]
    return gzip.compress("".join(lines).encode(), mtime=0)


def read_recording(path: Path) -> list[Result]:
    """The results in a recording, in its order.

    Raises:
        RecordError: the file cannot be read, is not compressed JSON lines, or a line is not a result; names the line.
    """
    try:
        with open_file(path, follow=True) as packed, gzip.open(packed) as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise RecordError(f"{path} cannot be read as a recording ({why})") from error
    if len(content) > MOST_BYTES:
        raise RecordError(f"{path} cannot be read as a recording (it unpacks to more than {MOST_BYTES:,} bytes)")
    results = []
    for number, line in enumerate(io.BytesIO(content), start=1):
        try:
            results.append(Result.model_validate_json(line))
        except ValidationError as error:
            raise RecordError(f"{path}: line {number} is not a result: {first_problem(error)}") from error
    return results


class Store:
    """A folder of runs or a recording, in which results are looked up by their cell.

    Raises:
        RecordError: there is neither at this path, or the recording is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        """A line for each result that was looked up and cannot be read."""
        self._recorded: dict[str, Result] | None = None
        if is_recording(path):
            self._recorded = {result.cell.hash: result for result in read_recording(path)}
        elif not (path / "cells").is_dir():
            raise RecordError(
                f"{path}: no recorded runs there (it has no folder 'cells', and does not end in {ENDING})"
            )

    def result(self, cell: Cell) -> Result | None:
        """The result of a cell that ended, whatever its status. A folder renamed by hand holds another cell."""
        if self._recorded is not None:
            return self._recorded.get(cell.hash)
        directory = cell.directory(self.path)
        try:
            refuse_link(directory)
            result = read_result(directory) if (directory / "done").exists() else None
        except RecordError as error:
            self.problems.append(str(error))
            return None
        return result if result is not None and result.cell.hash == cell.hash else None

    def record(self, cell: Cell) -> CellRecord:
        """What is known of a cell that ended here."""
        if self._recorded is not None:
            return CellRecord.of(self._recorded[cell.hash])
        return read_cell(cell.directory(self.path))
