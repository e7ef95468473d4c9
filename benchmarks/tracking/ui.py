"""``retable ui``: MLflow's own pages over our runs, for this machine only."""

from __future__ import annotations

import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking.connect import (
    QUIET,
    artifact_root,
    experiments,
    mlflow_uri,
    open_client,
    shown,
    sqlite_file,
)
from retable.benchmarks.tracking.patience import LOOK_S, at_work

HOST = "127.0.0.1"
START_S = 60
"""Seconds that the server may be idle without an answer. It imports a lot first."""


def ui(uri: str, port: int = 5000, say: Callable[[str], object] = print) -> None:
    """Serve the UI until Ctrl-C or SIGTERM.

    MLflow's own list of experiments leads to its pages for language models, so the address of each suite's runs is
    printed.

    Args:
        uri: tracking URI; a tracking server's has pages of its own, whose address is all that is printed.
        port: TCP port.
        say: prints a line.

    Raises:
        UserError: the port is taken, there is no such SQLite file, or the server does not start.
    """
    if uri.startswith(("http://", "https://")):
        say(f"MLflow is served already: {shown(uri)}")
        return
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise UserError(f"{file}: no tracked runs yet; `retable run` or `retable sync` makes them")
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except OSError as error:
            raise UserError(f"{HOST}:{port} cannot be used ({error.strerror}); choose another with --port") from error
    suites = sorted((one.name, one.experiment_id) for one in experiments(open_client(uri)))
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    process = start_server(uri, port)
    try:
        await_server(process, port)
        say(f"MLflow: http://{HOST}:{port}   (Ctrl-C ends it)")
        for name, number in suites:
            say(f"{name}: http://{HOST}:{port}/#/experiments/{number}/runs?workflowType=machine_learning")
        if process.wait() != 0:
            raise UserError(f"the MLflow server ended with exit code {process.returncode}")
    except KeyboardInterrupt:
        say("ended")
    finally:
        end_server(process)
        signal.signal(signal.SIGTERM, previous)


def start_server(uri: str, port: int) -> subprocess.Popen[bytes]:
    """Start an MLflow server over ``uri`` that answers only to its own name."""
    # Unless told otherwise, uvicorn puts the current folder before all others, and imports whatever lies there.
    options = f"--log-level warning --app-dir {shlex.quote(sysconfig.get_path('purelib'))}"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--uvicorn-opts", options]
    command += ["--host", HOST, "--port", str(port)]
    # Against DNS rebinding: a foreign name that resolves to this machine gets no answer.
    command += ["--allowed-hosts", f"{HOST}:{port},localhost:{port}"]
    if root := artifact_root(uri):
        command += ["--artifacts-destination", root.as_uri()]
    ours = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore", "PYTHONSAFEPATH": "1"}
    # Not among the arguments, which every user of the machine can read: a database's address may hold a password.
    ours |= {"MLFLOW_BACKEND_STORE_URI": mlflow_uri(uri), "MLFLOW_REGISTRY_STORE_URI": mlflow_uri(uri)}
    return subprocess.Popen(command, env={**QUIET, **os.environ, **ours}, start_new_session=True)


def await_server(process: subprocess.Popen[bytes], port: int) -> None:
    """Return once the server answers; it is asked directly, whatever proxy the environment names.

    Raises:
        UserError: it ended, or does not answer in time.
    """
    idle = 0.0
    while process.poll() is None:
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        try:
            connection.request("GET", "/health")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            idle += 0 if at_work(process) else LOOK_S
            if idle > START_S:
                raise UserError(f"the MLflow server does not answer at port {port}") from None
            time.sleep(LOOK_S)
        else:
            return
        finally:
            connection.close()
    raise UserError(f"the MLflow server did not start (exit code {process.returncode}); see its words above")


def end_server(process: subprocess.Popen[bytes]) -> None:
    """End a server and its children."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(5)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
