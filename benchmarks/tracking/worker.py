"""The tracker's process: ``python -m retable.benchmarks.tracking.worker ROOT ID``, started by :class:`Tracker`.

A process of its own, because MLflow costs seconds to import, its calls may hang, and what it reads from the environment
should change nobody else's. It learns everything from files: the invocation's record says which cells to watch and when
it is over. The end of standard input means: look now, the main process has finished, or is gone. Standard output
carries the state of the connection, one JSON object a line.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

from retable.benchmarks.tracking.address import UnreachableError, is_http, probe, shown
from retable.benchmarks.tracking.connect import LIVE_TIMEOUT_S, one_line
from retable.benchmarks.tracking.mirror import Mirror
from retable.benchmarks.tracking.record import Invocation

POLL_S = 2.0
"""Seconds between two looks at the journals."""
RETRY_S = (4.0, 30.0)
"""Seconds before the first and between later attempts to reach a server that is down."""
BEAT_S = 0.3
"""Seconds between two signs of life on standard output."""
SLOW_START_S = 90
"""Seconds that importing MLflow and making a new database may take on a busy machine."""


class Worker:
    """Tails the journals of one invocation until it is over."""

    def __init__(self, uri: str, root: Path, id_: str, channel: int) -> None:
        """Take note of where to write to, whom to follow, and the file descriptor that states are told to."""
        self._uri, self._root, self._id, self._channel = uri, root, id_, channel
        self._mirror: Mirror | None = None
        self._mirror_was_up = False
        self._reaped = False
        self._retry_at, self._retry_s = 0.0, RETRY_S[0]
        self._beaten = 0.0
        self._main_alive = True
        self._said: dict[str, Any] = {}

    def run(self) -> int:
        """Work until the invocation is over. Returns 0 when MLflow has everything, else 1."""
        while True:
            invocation = Invocation.read(self._root, self._id)
            over = not self._main_alive or invocation is None or invocation.status != "running"
            if invocation is not None and (over or time.monotonic() >= self._retry_at):
                stored = self._try(invocation, over)
                if over and not stored and self._mirror_was_up:
                    # A busy database or one lost answer is worth a second try; a dead server is not worth a wait.
                    time.sleep(0.5)
                    stored = self._try(invocation, over)
                if over:
                    return 0 if stored else 1
            elif over:
                return 1
            self._wait()

    def _try(self, invocation: Invocation, over: bool) -> bool:
        """One pass over the journals. Nothing that goes wrong in here may end the worker."""
        self._mirror_was_up = self._mirror is not None
        try:
            self._pass(invocation, over)
        except UnreachableError as error:
            self._fall(str(error))
            return False
        except Exception as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
            self._fall(f"{shown(self._uri)}: {one_line(error)}")
            return False
        self._retry_s = RETRY_S[0]
        self._say(state="ok", message=shown(self._uri))
        return True

    def _pass(self, invocation: Invocation, over: bool) -> None:
        if self._mirror is None:
            probe(self._uri)
            self._say(allow=SLOW_START_S)
            self._mirror = Mirror(self._uri, LIVE_TIMEOUT_S, self._beat)
            self._mirror.parent(invocation)
            self._say(allow=0)
        if not self._reaped:
            self._mirror.reap(keep=invocation.id)
            self._reaped = True
        for name in invocation.watched:
            self._mirror.cell(self._root / "cells" / name, invocation, over=over)
        if over:
            self._mirror.finish(invocation)
        elif is_http(self._uri):
            # Without news nothing is sent, and a dead server would go unnoticed.
            probe(self._uri)

    def _fall(self, message: str) -> None:
        self._mirror = None
        self._retry_at = time.monotonic() + self._retry_s
        self._retry_s = RETRY_S[1]
        self._say(state="down", message=message, allow=0)

    def _wait(self) -> None:
        readable, _, _ = select.select([sys.stdin], [], [], POLL_S)
        if readable and not os.read(sys.stdin.fileno(), 4096):
            self._main_alive = False

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beaten > BEAT_S:
            self._beaten = now
            self._write({"beat": 1})

    def _say(self, **facts: Any) -> None:
        if any(self._said.get(key) != value for key, value in facts.items()):
            self._said |= facts
            self._write(facts)

    def _write(self, facts: dict[str, Any]) -> None:
        # Nobody reads? A state that is not shown is no reason to stop.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._channel, json.dumps(facts).encode() + b"\n")


def main(arguments: list[str]) -> int:
    """Run the worker for ``arguments = [ROOT, ID]``; the tracking URI is in the environment, passwords and all."""
    root, id_ = arguments
    # MLflow prints on standard output now and then; the channel to the main process is ours alone.
    channel = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.set_blocking(channel, False)
    return Worker(os.environ["MLFLOW_TRACKING_URI"], Path(root), id_, channel).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
