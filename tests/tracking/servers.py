"""Tracking servers that misbehave, and a real one."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from retable.benchmarks.tracking.ui import await_server, end_server, start_server


def free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return int(probe_socket.getsockname()[1])


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


asked_by: set[str | None] = set()


class _Failing(BaseHTTPRequestHandler):
    def answer(self) -> None:
        asked_by.add(self.headers["Authorization"])
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = answer  # noqa: N815 (names that the base class looks for)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def failing_server() -> Iterator[str]:
    """Answers 500 to everything, and has to be asked with a password."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Failing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://user:secret@127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked_by == {"Basic dXNlcjpzZWNyZXQ="}


@contextlib.contextmanager
def real_server(database: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A real MLflow server over an SQLite file, ended at the end if it still lives."""
    process = start_server(f"sqlite:///{database}", port)
    try:
        await_server(process, port)
        yield process
    finally:
        end_server(process)
