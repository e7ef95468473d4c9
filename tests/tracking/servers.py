"""Tracking servers that misbehave, and a real one."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from retable.benchmarks.tracking.address import UnreachableError, probe
from retable.benchmarks.tracking.ui import end_group, server_command


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
    health = 500

    def answer(self) -> None:
        self.send_response(self.health if self.path == "/health" else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = answer  # noqa: N815 (names that the base class looks for)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _FailingButHealthy(_Failing):
    health = 200


@contextlib.contextmanager
def failing_server(healthy: bool = False) -> Iterator[str]:
    """Answers 500 to everything, or to everything but ``/health``."""
    handler = _FailingButHealthy if healthy else _Failing
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
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
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = server_command(f"sqlite:///{database}", "127.0.0.1", port)
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        await_server(process, port)
        yield process
    finally:
        end_group(process, grace_s=2)


@contextlib.contextmanager
def ui_server(uri: str, port: int) -> Iterator[str]:
    """``retable ui``'s own function in a process of its own; ends it as Ctrl-C does."""
    code = "import sys; from benchmarks.tracking.ui import ui; ui(sys.argv[1], port=int(sys.argv[2]))"
    with subprocess.Popen([sys.executable, "-c", code, uri, str(port)], stdout=subprocess.PIPE) as process:
        try:
            await_server(process, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def await_server(process: subprocess.Popen[bytes], port: int, timeout_s: float = 90) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            probe(f"http://127.0.0.1:{port}", 1)
        except UnreachableError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.2)
        else:
            return
