"""Made-up results of a small suite."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

Result = dict[str, Any]
MakeResults = Callable[..., list[Result]]


def score(name: str, value: float, unit: str, direction: str, *, n_fake: int = 1000, **slice_: str) -> dict[str, Any]:
    metric, _, extractor = name.partition(".")
    protocol = {"metric": metric, "extractor": extractor, "data": "digits:standin:test", "n_fake": n_fake}
    whole = {"request": "test", **slice_}
    return {"name": name, "value": value, "unit": unit, "direction": direction, "slice": whole, "protocol": protocol}


def result(address: str, seed: int, scores: list[dict[str, Any]]) -> Result:
    address = f"{address}/s{seed}"
    return {
        "cell": {"address": address, "seed": seed, "hash": f"{zlib.crc32(address.encode()):016x}"},
        "status": "ok",
        "reason": "",
        "scores": scores,
        "environment": {"device": "cpu", "cpu": "Abacus 3000", "commit": "abc123", "dirty": "false", "torch": "2.15"},
    }


@pytest.fixture
def results() -> MakeResults:
    """Results of two cells over seeds; accuracy about 86 and 40 %, each with two gated scores and a timing."""

    def make(seeds: Sequence[int] = range(5), *, shift: float = 0.0) -> list[Result]:
        made = []
        for address, accuracy, fid in (("dtn/dtn/digits", 86.0, 30.0), ("dtn/original/digits", 40.0, 90.0)):
            for seed in seeds:
                noise = random.Random(f"{address}{seed}")
                scores = [
                    score("accuracy.target", accuracy + noise.gauss(0, 0.5) + shift, "%", "higher"),
                    score("fid.lite0", fid + noise.gauss(0, 0.3) - shift, "", "lower"),
                    score("step_time.p50", 0.1 + noise.random(), "s", "lower"),
                    score("parameters", 1000, "", "none"),
                ]
                made.append(result(address, seed, scores))
        return made

    return make
