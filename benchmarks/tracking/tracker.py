"""Live tracking, as the main process of ``retable run`` sees it: start, watch, finish, and a word for the live view."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from retable.benchmarks.errors import UserError
from retable.benchmarks.run.old_journal import now_ms, read_json, write_json
from retable.benchmarks.tracking.address import default_uri, shown
from retable.benchmarks.tracking.connect import quieten
from retable.benchmarks.tracking.record import FOLDER, Invocation

__all__ = ["Tracker", "default_uri"]

State = Literal["off", "connecting", "ok", "down"]
CATCH_UP = "`retable sync` will catch up"
DOWN_PATIENCE_S = 5.0
"""Seconds that the end of a run waits for the last attempt at a server that has been down."""


class Tracker:
    """Drives one worker process, which tails the journals of this invocation's cells into MLflow.

    Nothing that happens to MLflow or to the worker raises in here, or holds a run up for more than a few seconds.
    """

    def __init__(self, uri: str | None, suite: str, invocation_id: str, root: Path) -> None:
        """Take note; nothing is started.

        Args:
            uri: tracking URI; ``None`` or empty: keep the records that ``retable sync`` needs, and start nothing.
            suite: names the experiment, ``retable/SUITE``.
            invocation_id: letters, digits and hyphens; the parent run is found by it.
            root: the folder of all runs; cells are in ``root/cells``.

        Raises:
            UserError: the id cannot be a file's name.
        """
        if not invocation_id.replace("-", "").isalnum():
            raise UserError(f"invocation id {invocation_id!r}: letters, digits and hyphens only")
        self._uri, self._root = uri, root.resolve()
        self._invocation = Invocation.begin(invocation_id, suite)
        self._process: subprocess.Popen[bytes] | None = None
        self._state: State = "off"
        self._message = ""
        self._heard = 0.0
        self._allowed_s = 0.0
        self._rest = b""

    def start(self, planned: Sequence[Mapping[str, Any]], identity: Mapping[str, Any] | None = None) -> None:
        """Record the invocation and start the worker, which makes the experiment and the parent run.

        Args:
            planned: every cell of the plan as JSON, those that are done already included.
            identity: what the caller knows better, e.g. ``started``, ``command``, ``commit``, ``device``.
        """
        known = {
            key: value for key, value in (identity or {}).items() if key in Invocation.model_fields and key != "id"
        }
        runs_on = {str((cell.get("run") or {}).get("accelerator", "")) for cell in planned}
        self._invocation = Invocation.model_validate(
            self._invocation.model_dump()
            | {"device": ", ".join(sorted(filter(None, runs_on)))}
            | known
            | {"planned": {str(cell["hash"]): str(cell["address"]) for cell in planned}}
        )
        if not self._record() or not self._uri:
            return
        environment = {**os.environ, "MLFLOW_TRACKING_URI": self._uri, "PYTHONUNBUFFERED": "1"}
        quieten(environment)
        self._heard = time.monotonic()
        try:
            with (self._root / FOLDER / f"{self._invocation.id}.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-P",
                        "-m",
                        "retable.benchmarks.tracking.worker",
                        str(self._root),
                        self._invocation.id,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment,
                    # Ctrl-C is for the main process alone: the worker still has to tell how the run ended.
                    start_new_session=True,
                )
        except OSError as error:
            self._state, self._message = "down", f"the tracker cannot be started ({error}); {CATCH_UP}"
            return
        assert self._process.stdout is not None  # noqa: S101 (a pipe was asked for)
        os.set_blocking(self._process.stdout.fileno(), False)
        self._state, self._message = "connecting", shown(self._uri)

    def watch(self, directory: Path) -> None:
        """Follow the journal of a cell that this invocation runs, and leave word of the invocation in its folder.

        Args:
            directory: the cell's folder, ``root/cells/NAME``; the cell need not have started.
        """
        if (read_json(directory / "invocation.json") or {}).get("id") != self._invocation.id:
            directory.mkdir(parents=True, exist_ok=True)
            write_json(directory / "invocation.json", self._invocation.for_cells())
        if directory.name not in self._invocation.watched:
            self._invocation.watched.append(directory.name)
            self._record()
        self._listen()

    def finish(
        self, status: str, report_dir: Path | None = None, summary_markdown: str = "", deadline_s: float = 10
    ) -> None:
        """Record how the invocation ended and let the worker bring MLflow up to date. Never raises.

        Args:
            status: ``ok``, ``failed``, or another word, which MLflow shows as ``KILLED``.
            report_dir: the rendered report, uploaded into the parent run as ``report/``.
            summary_markdown: becomes the parent run's description.
            deadline_s: seconds without a sign of progress after which to give up; ten times that in all.
        """
        self._invocation = self._invocation.model_copy(
            update={
                "status": status,
                "ended": now_ms(),
                "summary": summary_markdown,
                "report": str(report_dir.resolve()) if report_dir else "",
            }
        )
        self._record()
        if self._process is None:
            return
        was_down = self.state == "down"
        stored = self._await_end(min(deadline_s, DOWN_PATIENCE_S) if was_down else deadline_s, 10 * deadline_s)
        if stored:
            self._state = "ok"
            self._message = f"{shown(self._uri or '')}, experiment retable/{self._invocation.suite}"
        else:
            reason = self._message if self._state == "down" else "the tracking server was too slow"
            self._state, self._message = "down", f"{reason.removesuffix('; ' + CATCH_UP)}; {CATCH_UP}"

    @property
    def state(self) -> State:
        """``off``, ``connecting``, ``ok`` or ``down``."""
        self._listen()
        return self._state

    @property
    def message(self) -> str:
        """The tracking address, or what is wrong."""
        self._listen()
        return self._message

    def _await_end(self, patience_s: float, limit_s: float) -> bool:
        """Wake the worker and wait for its end; past the limits end it. Returns whether MLflow has everything."""
        process = self._process
        assert process is not None and process.stdin is not None  # noqa: S101, PT018 (finish and start see to it)
        with contextlib.suppress(OSError):
            process.stdin.close()
        began = self._heard = time.monotonic()
        while process.poll() is None:
            now = time.monotonic()
            self._listen()
            if now - self._heard > max(patience_s, self._allowed_s) or now - began > max(limit_s, self._allowed_s):
                process.kill()
                process.wait()
            time.sleep(0.02)
        self._listen()
        if process.stdout is not None:
            process.stdout.close()
        self._process = None
        return process.returncode == 0

    def _record(self) -> bool:
        """Write the record; a full disk must not end a run that its cells may survive."""
        try:
            self._invocation.write(self._root)
        except OSError as error:
            self._state, self._message = "down", f"{self._root / FOLDER} cannot be written ({error.strerror})"
            return False
        return True

    def _listen(self) -> None:
        """Read what the worker has said, without waiting."""
        process = self._process
        if process is None or process.stdout is None or process.stdout.closed:
            return
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(process.stdout.fileno(), 65536):
                self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            try:
                facts = json.loads(line)
            except ValueError:
                continue
            self._heard = time.monotonic()
            self._allowed_s = float(facts.get("allow", self._allowed_s))
            self._state = facts.get("state", self._state)
            self._message = facts.get("message", self._message)
        if process.poll() not in (None, 0) and self._state != "down":
            self._state, self._message = "down", f"the tracker ended unexpectedly; {CATCH_UP}"
