"""Rendering by several processes: each is ``python -m retable.datasets.faces.crew``, asked line by line, answering in
bytes.

These are not multiprocessing's workers because those import the program that started them, and with it torch, which
takes longer than they would save; ours also work in scripts without a guard and inside other workers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from retable.datasets.errors import DataError
from retable.datasets.faces import studio


class Crew:
    """Worker processes that end with the ``with`` block."""

    def __init__(self, processes: int) -> None:
        # One thread each: there are as many of them as processors. -P keeps the current folder off their module path.
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-m", "retable.datasets.faces.crew"]
        self._workers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
            for _ in range(processes)
        ]

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for worker in self._workers:
            if error is not None:
                worker.kill()
            # Its end of file is what a worker stops at; what it still says after an error nobody reads.
            worker.communicate()

    def render(self, order: Mapping[str, Any], first: int, last: int) -> npt.NDArray[np.uint8]:
        """What :func:`retable.datasets.faces.studio.render` makes of an order, by all workers together.

        Raises:
            DataError: a worker ended before its work did.
        """
        bounds = np.linspace(first, last, min(len(self._workers), last - first) + 1).round().astype(int).tolist()
        shifts = list(zip(self._workers, bounds[:-1], bounds[1:], strict=False))
        try:
            for worker, start, stop in shifts:
                assert worker.stdin is not None  # noqa: S101 (it was opened above)
                worker.stdin.write(json.dumps([order, start, stop]).encode() + b"\n")
                worker.stdin.flush()
        except OSError as error:
            raise DataError("a process that renders faces ended early; its message is above, try again") from error
        size, shots = order["size"], order["shots"]
        done = []
        for worker, start, stop in shifts:
            assert worker.stdout is not None  # noqa: S101 (it was opened above)
            expected = (stop - start) * shots * size * size * 3
            data = worker.stdout.read(expected)
            if len(data) < expected:
                raise DataError("a process that renders faces ended early; its message is above, try again")
            done.append(np.frombuffer(data, np.uint8).reshape(-1, size, size, 3))
        return np.concatenate(done)


def main() -> None:
    """A worker: for every line ``[order, first, last]`` the pictures' bytes."""
    # Whoever asked has been interrupted or has gone, and says so itself.
    with suppress(KeyboardInterrupt, BrokenPipeError):
        for line in sys.stdin:
            order, first, last = json.loads(line)
            sys.stdout.buffer.write(studio.render(order, first, last).tobytes())
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
