from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from retable.benchmarks.errors import UserError
from retable.benchmarks.tracking.ui import ui
from tests.tracking.conftest import Store
from tests.tracking.servers import free_port

# A shell's background job ignores Ctrl-C and hands that down, which a person's terminal does not.
UI = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from retable.benchmarks.tracking.ui import ui; ui(sys.argv[1], port=int(sys.argv[2]))"
)


def status(port: int, host_header: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/api/2.0/mlflow/experiments/search?max_results=1", headers={"Host": host_header})
    code = connection.getresponse().status
    connection.close()
    return code


@pytest.mark.slow
def test_the_ui_answers_this_machine_only_and_ends_cleanly_on_ctrl_c(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    MlflowClient(store.uri).create_experiment("retable/smoke")
    command = [sys.executable, "-u", "-c", UI, store.uri, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline().startswith(f"MLflow: http://127.0.0.1:{port}")
            page = rf"retable/smoke: http://127\.0\.0\.1:{port}/#/experiments/\d+/runs\?workflowType=machine_learning"
            assert re.fullmatch(page, process.stdout.readline().strip())
            family = psutil.Process(process.pid).children(recursive=True)
            open_ports = [c for p in family for c in p.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
            assert {c.laddr.ip for c in open_ports} == {"127.0.0.1"}
            assert status(port, f"127.0.0.1:{port}") == 200
            assert status(port, "evil.example") == 403
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert "Traceback" not in process.stderr.read()
    assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_what_cannot_be_served_is_said_before_anything_starts(store: Store, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match="choose another with --port"):
        ui(store.uri, port=taken.getsockname()[1])
    with pytest.raises(UserError, match="no tracked runs yet"):
        ui(f"sqlite:///{tmp_path}/none/mlflow.db", port=free_port())
    assert not (tmp_path / "none").exists()
    said: list[str] = []
    ui("http://me:secret@tracking.example:5000", say=said.append)
    assert said == ["MLflow is served already: http://***@tracking.example:5000"]
