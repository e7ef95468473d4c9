"""Made-up results of a small suite, as plain data; ``read`` makes records of them."""

from __future__ import annotations

import io
import platform
import random
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from retable.benchmarks.cli.main import app
from retable.benchmarks.environment import code_digest
from retable.benchmarks.gate.accept import accept
from retable.benchmarks.gate.compare import Check, GateReport, compare_runs, compare_with_file
from retable.benchmarks.gate.expectations import Expectations
from retable.benchmarks.gate.render import show
from retable.benchmarks.gate.runs import Run
from retable.reports.records.cell import Cell
from retable.reports.records.result import Result

Data = dict[str, Any]
"""What ``result.json`` holds."""

ROW, OTHER = "dtn/dtn/digits", "dtn/original/digits"
CELL = f"{ROW}/s0"
ACCURACY, FID = "accuracy.target request:test", "fid.lite0 request:test"
MODULES = ["retable.benchmarks.plan.dummy"]
HERE = {
    "modules": " ".join(MODULES),
    "code": code_digest(MODULES),
    "torch": version("torch"),
    "python": platform.python_version(),
}
"""What the sources, torch and Python of this moment write into a result."""
AGAINST = "commit 0123456789, run 89abcdef"


def score(name: str, value: float, unit: str, direction: str, *, n_fake: int = 1000, **slice_: str) -> Data:
    metric, _, extractor = name.partition(".")
    protocol = {"metric": metric, "extractor": extractor, "data": "digits:standin:test", "n_fake": n_fake}
    whole = {"request": "test", **slice_}
    return {"name": name, "value": value, "unit": unit, "direction": direction, "slice": whole, "protocol": protocol}


def result(row: str, seed: int, scores: list[Data], **settings: Any) -> Data:
    method, _, task = row.rpartition("/")
    cell = Cell(method=method, task=task, profile="smoke", seed=seed, method_settings=settings, task_settings={})
    return {
        "cell": cell.model_dump(mode="json", exclude={"hash", "address", "paper"}),
        "status": "ok",
        "scores": scores,
        "environment": HERE | {"device": "cpu", "cpu": "Abacus 3000", "commit": "abc123", "dirty": "false"},
    }


def results(seeds: Sequence[int] = range(5), *, shift: float = 0.0) -> list[Data]:
    """Results of two rows over seeds; accuracy about 86 and 40 %, each with two gated scores and a timing."""
    made = []
    for row, accuracy, fid in ((ROW, 86.0, 30.0), (OTHER, 40.0, 90.0)):
        for seed in seeds:
            noise = random.Random(f"{row}{seed}")
            scores = [
                score("accuracy.target", accuracy + noise.gauss(0, 0.5) + shift, "%", "higher"),
                score("fid.lite0", fid + noise.gauss(0, 0.3) - shift, "", "lower"),
                score("step_time.p50", 0.1 + noise.random(), "s", "lower"),
                score("parameters", 1000, "", "none"),
            ]
            made.append(result(row, seed, scores))
    return made


def fresh(seeds: Sequence[int] = range(5), *, shift: float = 0.0) -> list[Data]:
    """The same results as another run's: journals of its own."""
    return [{**one, "journal": f"again-{n}"} for n, one in enumerate(results(seeds, shift=shift))]


@pytest.fixture
def expected() -> Expectations:
    return accepted(results())[0]


def read(found: Iterable[Data]) -> dict[str, Result]:
    made = [Result.model_validate(one) for one in found]
    return {one.cell.address: one for one in made}


def accepted(
    found: Iterable[Data] | Run, old: Expectations | None = None, only: str | None = None
) -> tuple[Expectations, list[str]]:
    return accept(old or Expectations.none("smoke"), found if isinstance(found, Run) else Run("", read(found)), only)


def checked(
    expectations: Expectations,
    found: Iterable[Data],
    only: str | None = None,
    stale: Mapping[str, str] = MappingProxyType({}),
) -> GateReport:
    return compare_with_file(expectations, Run("", read(found), stale=stale), only)


def versus(
    base: Iterable[Data],
    head: Iterable[Data],
    expectations: Expectations | None = None,
    *,
    planned: Sequence[str] = (),
    only: str | None = None,
    stale: Mapping[str, str] = MappingProxyType({}),
) -> GateReport:
    sides = Run(AGAINST, read(base)), Run("the head", read(head), planned, stale)
    return compare_runs(expectations or Expectations.none("smoke"), *sides, only)


def lines(report: GateReport) -> list[str]:
    """What is printed."""
    out = io.StringIO()
    show(report, Console(file=out))
    return out.getvalue().splitlines()


def moved(found: list[Data], by: float) -> list[Data]:
    """The accuracy of the first row changed at every seed."""
    for one in found:
        if one["cell"]["method"] == "dtn/dtn":
            one["scores"][0]["value"] += by
    return found


def verdicts(report: GateReport) -> dict[tuple[str, str], str]:
    """Of everything but new scores."""
    return {(check.cell, check.key): check.verdict for check in report.every if check.verdict != "new"}


def new(report: GateReport) -> list[tuple[str, str]]:
    return [(check.cell, check.key) for check in report.every if check.verdict == "new"]


def failed(report: GateReport) -> list[tuple[str, str, str]]:
    return [(check.cell, check.key, check.verdict) for check in report.failures]


def the_failure(report: GateReport) -> Check:
    (check,) = report.failures
    return check


def asked(root: Path, *options: object) -> tuple[int, str]:
    """Exit code and lines of ``retable gate``."""
    words = ["gate", "--out", root, *options]
    done = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    return done.exit_code, done.output
