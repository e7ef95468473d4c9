"""``retable ui``: MLflow's own pages over our runs, for this machine only."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking.address import UnreachableError, artifact_root, is_http, probe, shown, sqlite_file
from retable.benchmarks.tracking.connect import PREFIX, quieten

START_S = 120
"""Seconds that the server may take to answer for the first time; it imports a lot and may make a database."""


def ui(uri: str, host: str = "127.0.0.1", port: int = 5000, say: Callable[[str], object] = print) -> None:
    """Serve the UI until Ctrl-C or SIGTERM.

    Args:
        uri: tracking URI; a tracking server's has pages of its own, whose address is all that is printed.
        host: address to bind to.
        port: TCP port.
        say: prints a line.

    Raises:
        UserError: the port is taken, there is no such SQLite file, or the server does not start.
    """
    if is_http(uri):
        say(f"MLflow is served already: {shown(uri)}")
        return
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise UserError(f"{file}: no tracked runs yet; `retable run` or `retable sync` makes them")
    _check_free(host, port)
    previous = signal.signal(signal.SIGTERM, _interrupt)
    process = subprocess.Popen(server_command(uri, host, port), env=_environment(), start_new_session=True)
    try:
        address = f"http://{host}:{port}"
        _await(process, address)
        say(f"MLflow: {address}   (Ctrl-C ends it)")
        with contextlib.suppress(OSError, ValueError):
            # The pages are a help; a server that does not list them is still a server.
            for name, page in suite_pages(address).items():
                say(f"{name}: {page}")
        if process.wait() != 0:
            raise UserError(f"the MLflow server ended with exit code {process.returncode}")
    except KeyboardInterrupt:
        say("ended")
    finally:
        end_group(process)
        signal.signal(signal.SIGTERM, previous)


def suite_pages(address: str) -> dict[str, str]:
    """The experiments of a server with the address of each one's runs.

    MLflow's own list of experiments leads to its pages for language models; the address asks for those of training.
    """
    asked = urllib.request.Request(  # noqa: S310 (our own server)
        f"{address}/api/2.0/mlflow/experiments/search",
        data=json.dumps({"max_results": 100}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=START_S) as answer:  # noqa: S310 (as above)
        found = json.load(answer).get("experiments", [])
    suites = sorted((one["name"], one["experiment_id"]) for one in found if one["name"].startswith(PREFIX))
    return {name: f"{address}/#/experiments/{number}/runs?workflowType=machine_learning" for name, number in suites}


def server_command(uri: str, host: str, port: int) -> list[str]:
    """The command line of an MLflow server over ``uri`` that answers only to its own name."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--registry-store-uri", uri]
    command += ["--host", host, "--port", str(port), "--workers", "1", "--uvicorn-opts", "--log-level warning"]
    # Against DNS rebinding: a foreign name that resolves to this machine gets no answer.
    command += ["--allowed-hosts", ",".join(dict.fromkeys([f"{host}:{port}", f"localhost:{port}"]))]
    root = artifact_root(uri)
    return [*command, "--artifacts-destination", root.as_uri()] if root else command


def end_group(process: subprocess.Popen[bytes], grace_s: float = 5) -> None:
    """End a process that leads a session of its own, and its children."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(grace_s)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _environment() -> dict[str, str]:
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
    quieten(environment)
    return environment


def _await(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise UserError(f"the MLflow server did not start (exit code {process.returncode}); see its words above")
        try:
            probe(address, timeout_s=1)
        except UnreachableError:
            time.sleep(0.2)
        else:
            return
    raise UserError(f"the MLflow server did not answer at {address} within {START_S} s")


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe_socket:
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe_socket.bind((host, port))
        except OSError as error:
            raise UserError(f"{host}:{port} cannot be used ({error.strerror}); choose another with --port") from error


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
