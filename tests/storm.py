"""A storm of kills and damaged files, run by hand: ``python -m tests.storm --out FOLDER [--kills 200] [--damages 60]``.

First it kills cells, the harness and the tracker, each with SIGKILL at a random moment, and starts the same command
again. Then it damages files of finished and unfinished runs and starts the command again. Every time that a run comes
to its end, all scores have to be those of an undisturbed run, to the last digit; in the end, MLflow has to hold them
too. It prints what it did and what came of it, and ends with exit code 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from retable.benchmarks.tracking.names import score_metric
from tests.harness.conftest import retable, row, write_suite

Scores = dict[str, dict[str, float]]
SEEDS = ("--seeds", "0-1", "--jobs", "2")
VICTIMS = {"cell": "retable.benchmarks.cell", "tracker": "retable.benchmarks.tracking.tracker"}
FILES = {
    "checkpoint": "cells/*/checkpoints/step-*",
    "journal": "cells/*/journal.jsonl",
    "result": "cells/*/result.json",
    "done": "cells/*/done",
    "weights": "cells/*/weights.*",
    "order": "cells/*/cell.json",
    "index": "suites/*.json",
    "cache": "cache/*.safetensors",
    "database": "mlflow.db",
}


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """Address -> result of every cell that ended in ``folder/runs``."""
    found = (json.loads(path.read_text()) for path in folder.glob("runs/cells/*/result.json"))
    return {result["cell"]["address"]: result for result in found}


def scores(folder: Path, *, times: bool = False) -> Scores:
    """Address -> scores of every cell that ended ``ok``, under MLflow's names; times and memory differ each time."""
    return {
        address: {
            score_metric(score["name"], score["slice"]): score["value"]
            for score in result["scores"]
            if times or "timer=" not in score["protocol"].get("detail", "")
        }
        for address, result in results(folder).items()
        if result["status"] == "ok"
    }


def runs_in(uri: str) -> list[Any]:
    """The child runs that MLflow holds, the newest last."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("retable/trial")
    wanted = "tags.`retable.address` LIKE 'dummy/%'"
    return list(client.search_runs([experiment.experiment_id], wanted, order_by=["attributes.start_time"]))


def scores_in(uri: str) -> Scores:
    """Address -> score metrics of the newest child run that MLflow holds for it, of those that ended well."""
    return {
        run.data.tags["retable.address"]: {
            name: value for name, value in run.data.metrics.items() if name.startswith("score/")
        }
        for run in runs_in(uri)
        if run.info.status == "FINISHED"
    }


def children(pid: int, module: str) -> list[psutil.Process]:
    """The processes below another one that run a module."""
    try:
        found = psutil.Process(pid).children(recursive=True)
        return [process for process in found if module in process.cmdline()]
    except psutil.Error:
        return []


class Storm:
    """What is done to one folder of runs, and what came of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(parents=True)
        self.folder, self.runs = folder, folder / "runs"
        self.random = random.Random(seed)
        self.count: Counter[str] = Counter()
        self.broken: list[str] = []
        settings = {"method_steps": 60, "method_pause_s": 0.05}
        suite = write_suite(folder, row("dummy/dummy", "dummy/tuned", **settings))
        often = ("--set", "run.checkpoint_every=5", "--set", "run.log_every=2", "--set", "run.samples_every=20")
        self.command = ("run", suite.name, *SEEDS, *often)
        undisturbed = folder / "undisturbed"
        undisturbed.mkdir()
        write_suite(undisturbed, suite.read_text().partition("\n")[2])
        self.wanted: Scores = {}
        self.end(retable(undisturbed, *self.command, "--no-track"), "the undisturbed run")
        self.wanted = scores(undisturbed)

    def say(self, text: str) -> None:
        """A line with the time."""
        print(time.strftime("%H:%M:%S"), text, flush=True)  # noqa: T201

    def fail(self, text: str) -> None:
        """A promise was broken."""
        self.broken.append(text)
        self.say(f"BROKEN: {text}")

    def end(self, process: subprocess.Popen[str], what: str, codes: tuple[int, ...] = (0,)) -> str:
        """Wait for a command; returns what it printed."""
        out, _ = process.communicate(timeout=900)
        if process.returncode not in codes or "Traceback" in out:
            self.fail(f"{what} ended with {process.returncode}:\n{out[-2000:]}")
        return out

    def compare(self, when: str) -> None:
        """All scores are those of the undisturbed run."""
        found = scores(self.folder)
        self.count["runs that came to their end and were compared"] += 1
        for address, expected in self.wanted.items():
            if found.get(address) != expected:
                self.fail(f"{when}: {address} has {found.get(address)}, not {expected}")

    def kill(self, kills: int) -> None:
        """Kill until that many are dead, and let the last run come to its end."""
        fresh: tuple[str, ...] = ()
        while sum(self.count[f"killed: {who}"] for who in ("harness", *VICTIMS)) < kills:
            process = retable(self.folder, *self.command, *fresh)
            fresh = ()
            # What is only starting is killed too, but not that alone.
            patient = self.random.random() < 0.7
            while patient and process.poll() is None and not children(process.pid, VICTIMS["cell"]):
                time.sleep(0.2)
            while process.poll() is None:
                until = time.monotonic() + 5 * self.random.random()
                while time.monotonic() < until and process.poll() is None:
                    time.sleep(0.05)
                for _ in range(self.random.choice([1, 1, 2, 3])):
                    self._kill_one(process)
            process.communicate()
            self._leftovers()
            if process.returncode == 0:
                self.compare("after kills")
                fresh = ("--fresh",)
            self.say(", ".join(f"{n} {what}" for what, n in sorted(self.count.items())))
        self.end(retable(self.folder, *self.command), "the run after the last kill")
        self.compare("after the last kill")

    def _kill_one(self, harness: subprocess.Popen[str]) -> None:
        """SIGKILL to one of the three, if there is one."""
        who = self.random.choices(("cell", "harness", "tracker"), (6, 1, 2))[0]
        if harness.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                victims = children(harness.pid, VICTIMS[who]) if who in VICTIMS else [psutil.Process(harness.pid)]
                self.random.choice(victims).send_signal(signal.SIGKILL)
                self.count[f"killed: {who}"] += 1
                if who == "harness":
                    harness.wait()

    def _leftovers(self, patience_s: float = 30) -> None:
        """No process of the folder outlives its harness for long."""
        deadline = time.monotonic() + patience_s
        while left := [process for process in psutil.process_iter(["cmdline"]) if self._is_ours(process)]:
            if time.monotonic() > deadline:
                self.fail(f"left over: {[process.info['cmdline'] for process in left]}")
                return
            time.sleep(0.1)

    def _is_ours(self, process: psutil.Process) -> bool:
        return VICTIMS["cell"] in (words := process.info["cmdline"] or []) and str(self.folder) in " ".join(words)

    def damage(self, damages: int, per_run: int = 9) -> None:
        """Damage that many files, a few before each run."""
        done = 0
        while done < damages:
            kinds = self.random.sample(sorted(FILES), min(per_run, damages - done))
            hurt = dict(one for kind in kinds if (one := self._damage(kind)) is not None)
            done += len(hurt)
            names = ", ".join(str(path.relative_to(self.runs)) for path in hurt)
            out = self.end(retable(self.folder, *self.command), f"the run after damaging {names}")
            self.compare(f"after damaging {names}")
            told = [word for word in ("is done again", "was damaged", "is damaged", "down: ") if word in out]
            self.say(f"damaged {names}; told {told}")
            self._sync()
            for path, content in hurt.items():
                left = path.exists() and path.read_bytes() == content
                self.count["damaged files that nothing rests on any more" if left else "damaged files made anew"] += 1

    def _damage(self, kind: str) -> tuple[Path, bytes] | None:
        """Damage a file of one kind in one way; of some cells that are done, also take back that they are."""
        paths = [path for path in sorted(self.runs.glob(FILES[kind])) if path.stat().st_size]
        if not paths:
            return None
        path, how = self.random.choice(paths), self.random.choice(sorted(DAMAGES))
        damaged = DAMAGES[how](path.read_bytes(), self.random)
        path.write_bytes(damaged)
        if kind in ("checkpoint", "journal", "weights") and self.random.random() < 0.5:
            # As a power cut in the middle of the cell would leave it.
            folder = self.runs / "cells" / path.relative_to(self.runs / "cells").parts[0]
            for name in ("done", "result.json"):
                (folder / name).unlink(missing_ok=True)
        self.count[f"damaged ({how}): {kind}"] += 1
        return path, damaged

    def _sync(self) -> None:
        """``retable sync`` completes MLflow; a damaged database is refused, moved aside, and made anew."""
        out = self.end(retable(self.folder, "sync"), "sync", (0, 2, 1))
        stored = self._stored() if "error" not in out else {}
        if stored != self.wanted:
            self.count["databases moved aside"] += 1
            self.say(f"the database is moved aside: {out.strip().splitlines()[-1:]}")
            for path in self.runs.glob("mlflow.db*"):
                path.unlink()
            self.end(retable(self.folder, "sync"), "sync into a new database")
            stored = self._stored()
        if stored != self.wanted:
            self.fail(f"MLflow holds {stored}, not {self.wanted}")
        self.count["syncs that were complete"] += stored == self.wanted

    def _stored(self) -> Scores:
        code = "import json, sys; from tests.storm import scores_in; print(json.dumps(scores_in(sys.argv[1])))"
        uri = f"sqlite:///{self.runs / 'mlflow.db'}"
        done = subprocess.run([sys.executable, "-c", code, uri], capture_output=True, text=True, check=False)
        try:
            found: Scores = json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            self.say(done.stderr[-300:])
            return {}
        return {
            address: {name: value for name, value in values.items() if name in self.wanted.get(address, {})}
            for address, values in found.items()
        }


def _flipped(content: bytes, chance: random.Random) -> bytes:
    at, bit = chance.randrange(len(content)), chance.randrange(8)
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "emptied": lambda content, chance: b"",
    "cut": lambda content, chance: content[: chance.randrange(len(content))],
    "zeroed": lambda content, chance: bytes(len(content)),
    "one bit flipped": _flipped,
}


def figures(storm: Storm) -> Iterator[str]:
    """What was done, and what came of it."""
    yield from (f"{number:5}  {what}" for what, number in sorted(storm.count.items()))
    yield f"{len(storm.broken):5}  broken promises"


def main() -> int:
    """The storm, as the command line asks for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--damages", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    storm = Storm(options.out.resolve(), options.seed)
    storm.kill(options.kills)
    storm.damage(options.damages)
    for line in figures(storm):
        print(line)  # noqa: T201
    return 1 if storm.broken else 0


if __name__ == "__main__":
    sys.exit(main())
