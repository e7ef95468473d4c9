"""Standard output and error as the command needs them: what cannot be printed is lost, and nothing else."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast


class Output:
    """A stream in front of another. Where that one cannot be written to, work goes on and words are lost: its reader
    left (``retable list | head -1``), or the disk with the log is full."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.problem = ""
        if isinstance(stream, io.TextIOWrapper):
            # Names of files need not be text, and not every terminal knows every letter.
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Print, if that is possible."""
        with self._forgiven():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was printed, if that is possible."""
        with self._forgiven():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextlib.contextmanager
    def _forgiven(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # A reader that has left has what it wanted.
            self.problem = self.problem or ("" if error.errno == errno.EPIPE else str(error.strerror))
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


@contextlib.contextmanager
def patient_output() -> Iterator[Output]:
    """Standard output and error as :class:`Output`, for the time of the block, which gets the former."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # Closed by whoever started us: the next file opened would take its number, and what is printed.
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    out, error = (Output(stream or io.StringIO()) for stream in before)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, error)
    try:
        yield out
    finally:
        out.flush()
        error.flush()
        sys.stdout, sys.stderr = before
