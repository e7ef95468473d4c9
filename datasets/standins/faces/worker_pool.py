"""Rendering by several processes, each ``python -m retable.datasets.standins.faces.worker_pool``.

A worker reads one request per line and answers in bytes. These are not multiprocessing's workers because those import
the program that started them, and with it torch, which takes longer than they would save; ours also work in scripts
without a guard and inside other workers.
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
from retable.datasets.standins.faces import renderer


class WorkerPool:
    """Worker processes that end with the ``with`` block."""

    def __init__(self, processes: int) -> None:
        # One thread each: there are as many of them as processors. -P keeps the current folder off their module path.
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", "-m", "retable.datasets.standins.faces.worker_pool"]
        self._workers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
            for _ in range(processes)
        ]

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for worker in self._workers:
            if error is not None:
                worker.kill()
            # A worker stops at the end of its input; after an error nobody reads what it still writes.
            worker.communicate()

    def render(self, spec: Mapping[str, Any], first: int, last: int) -> npt.NDArray[np.uint8]:
        """:func:`retable.datasets.standins.faces.renderer.render` by all workers together.

        Raises:
            DataError: a worker ended before its work did.
        """
        bounds = np.linspace(first, last, min(len(self._workers), last - first) + 1).round().astype(int).tolist()
        shares = list(zip(self._workers, bounds[:-1], bounds[1:], strict=False))
        try:
            for worker, start, stop in shares:
                assert worker.stdin is not None  # noqa: S101 (it was opened above)
                worker.stdin.write(json.dumps([spec, start, stop]).encode() + b"\n")
                worker.stdin.flush()
        except OSError as error:
            raise DataError("a process that renders faces ended early; its message is above, try again") from error
        size, shots = spec["size"], spec["shots"]
        done = []
        for worker, start, stop in shares:
            assert worker.stdout is not None  # noqa: S101 (it was opened above)
            expected = (stop - start) * shots * size * size * 3
            data = worker.stdout.read(expected)
            if len(data) < expected:
                raise DataError("a process that renders faces ended early; its message is above, try again")
            done.append(np.frombuffer(data, np.uint8).reshape(-1, size, size, 3))
        return np.concatenate(done)


def main() -> None:
    """A worker: for every line ``[spec, first, last]`` the pictures' bytes."""
    # The parent process has been interrupted or has ended, and reports that itself.
    with suppress(KeyboardInterrupt, BrokenPipeError):
        for line in sys.stdin:
            spec, first, last = json.loads(line)
            sys.stdout.buffer.write(renderer.render(spec, first, last).tobytes())
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
