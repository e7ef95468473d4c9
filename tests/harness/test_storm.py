"""The promise in one piece: a cell is killed, the tracking server dies, and nothing that was finished is lost."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.harness.conftest import DUMMY_ROW, retable, write_suite
from tests.storm import results, runs_in, scores, scores_in
from tests.tracking.servers import free_port, real_server


def kill_cell(folder: Path, seed: int, deadline_s: float = 90) -> None:
    """SIGKILL to the process of one seed's cell, once it trains."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        for path in folder.glob(f"runs/cells/*_s{seed}-*/journal.jsonl"):
            for process in psutil.process_iter(["cmdline"]):
                ours = path.parent.name in " ".join(process.info["cmdline"] or []) and process.cwd() == str(folder)
                if ours and '"metrics"' in path.read_text():
                    process.send_signal(signal.SIGKILL)
                    return
        time.sleep(0.1)
    pytest.fail("the cell never trained")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_cell_and_a_dead_server_cost_one_cell_and_a_sync(tmp_path: Path) -> None:
    suite = str(write_suite(tmp_path, DUMMY_ROW + 'set = { "method.pause_s" = 0.1 }\n'))
    port, database = free_port(), tmp_path / "mlflow.db"
    uri = f"http://127.0.0.1:{port}"
    with real_server(database, port):
        run = retable(tmp_path, "run", suite, "--seeds", "0-2", "--jobs", "2", MLFLOW_TRACKING_URI=uri)
        kill_cell(tmp_path, seed=1)
    out, _ = run.communicate(timeout=200)
    assert run.returncode == 1, out
    assert {address[-2:]: result["status"] for address, result in results(tmp_path).items()} == {
        "s0": "ok",
        "s1": "failed",
        "s2": "ok",
    }
    assert "retable sync" in out
    first = results(tmp_path)

    with real_server(database, port):
        again = retable(tmp_path, "run", suite, "--seeds", "0-2", "--jobs", "2", MLFLOW_TRACKING_URI=uri)
        out, _ = again.communicate(timeout=200)
        assert again.returncode == 0, out
        assert "3 ok (2 from earlier runs)" in out
        for _ in range(2):
            sync = retable(tmp_path, "sync", MLFLOW_TRACKING_URI=uri)
            out, _ = sync.communicate(timeout=100)
            assert sync.returncode == 0, out
        stored = scores_in(uri)
        assert len(runs_in(uri)) == 3, "one run per cell"
    second = results(tmp_path)
    for address in first:
        same_journal = first[address]["journal"] == second[address]["journal"]
        assert same_journal or first[address]["status"] != "ok"
    assert stored == scores(tmp_path, times=True)
