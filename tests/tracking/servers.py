"""Tracking servers that misbehave, and a real one."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
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


class _Failing(BaseHTTPRequestHandler):
    def answer(self) -> None:
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = answer  # noqa: N815 (names that the base class looks for)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def failing_server() -> Iterator[str]:
    """Answers 500 to everything."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Failing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def real_server(database: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A real MLflow server over an SQLite file, ended at the end if it still lives."""
    process = start_server(f"sqlite:///{database}", port)
    try:
        await_server(process, port)
        yield process
    finally:
        end_server(process)


# A shell's background job ignores Ctrl-C and hands that down, which a person's terminal does not.
UI = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from retable.benchmarks.tracking.ui import ui; ui(sys.argv[1], port=int(sys.argv[2]))"
)


@contextlib.contextmanager
def ui_server(uri: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """``retable ui``'s own function in a process of its own; ends it as Ctrl-C does."""
    command = [sys.executable, "-u", "-c", UI, uri, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            await_server(process, port)
            yield process
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
