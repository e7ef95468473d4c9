"""A ``cell.json`` of anybody's that ``retable translate`` or ``sample`` is pointed at: refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retable.benchmarks.errors import UserError
from retable.benchmarks.run.build import WEIGHTS
from retable.benchmarks.run.trained_cell import find_trained
from tests.harness.conftest import planned


def order(**changes: object) -> dict[str, Any]:
    """The order of a cell that nobody trained, with changes."""
    content = planned("dummy", only="dummy/dummy/*").rows[0].to_json()
    return {key: value for key, value in content.items() if key not in ("hash", "address")} | changes


def nested(depth: int) -> str:
    content = order()
    for _ in range(depth):
        content = order() | {"starts_from": {"dummy": content}}
    return json.dumps(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: "[" * 100_000, "damaged, or not JSON"),
        (lambda: "", "damaged, or not JSON"),
        (lambda: '{"seed": ' + "9" * 5000 + "}", "damaged, or not JSON"),
        (lambda: '{"a":' * 900 + "1" + "}" * 900, "does not describe a cell"),
        (lambda: nested(400), "does not describe a cell"),
        (lambda: nested(200), "networks differ"),
        (lambda: json.dumps(order(seed=10**400)), "seed: "),
        (lambda: json.dumps(order(method_settings={"steps": [1]})), "steps"),
        (lambda: json.dumps(order(method_settings={"batch_size": 10**400})), "missing or damaged"),
        (lambda: json.dumps(order(run={"threads": 10**30})), "run.threads"),
        (lambda: json.dumps(order(method="[/red]")), "method"),
        (lambda: json.dumps(order(starts_from=3)), "starts_from"),
    ],
)
def test_an_order_that_is_none_is_one_short_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, words: str
) -> None:
    # Damaged weights would be told first; here they are whole.
    monkeypatch.setattr("retable.benchmarks.run.trained_cell.damage", lambda path: "")
    folder = tmp_path / "cells" / "any"
    folder.mkdir(parents=True)
    (folder / "cell.json").write_text(content())
    (folder / WEIGHTS).write_bytes(b"")
    with pytest.raises(UserError, match=words) as caught:
        find_trained(str(folder), tmp_path, "quick", "translate")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600
