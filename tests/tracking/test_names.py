from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from retable.benchmarks.tracking.names import CURVE, MAX_NAME, SYSTEM, flatten, readable, score_metric

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def legal(name: str) -> None:
    """MLflow's own check, and the alphabet that every platform allows."""
    from mlflow.utils.validation import _validate_metric

    _validate_metric(name, 1.0, 1, 1)
    assert re.fullmatch(r"[A-Za-z0-9_\-. :/]+", name), name
    assert len(name) <= MAX_NAME


def test_a_scores_metric_can_be_read_by_people() -> None:
    assert score_metric("accuracy.target", {"digit": "3", "request": "test"}) == (
        "score/by digit/accuracy.target request:test digit:3"
    )
    assert score_metric("lpips_diversity.lite0", {"request": "test"}) == "score/lpips_diversity.lite0 request:test"


def undo(spelled: str) -> str:
    return "" if spelled == "_x_" else re.sub("_x([0-9a-f]{4,6})_", lambda match: chr(int(match[1], 16)), spelled)


@settings(deadline=None, max_examples=60)
@given(text, st.dictionaries(text, text, max_size=3))
@example("", {})
@example("..", {})
@example("_x0041_", {"_x": "a_x003a_b"})
@example("__x41", {"_x005_é": ""})
@example("é_x0050é", {"a b": "c:d/e=f"})
@example(".", {"request": ""})
@example("fid", {"": "", "\n": "\0"})
def test_every_score_gets_a_legal_metric_that_no_other_score_has(name: str, slice_: dict[str, str]) -> None:
    metric = score_metric(name, slice_)
    legal(metric)
    if "sha256" not in metric:
        first, *pairs = metric.rpartition("/")[2].split(" ")
        assert undo(first) == name
        assert {undo(key): undo(value) for key, value in (pair.split(":") for pair in pairs)} == slice_


@settings(deadline=None, max_examples=60)
@given(text)
@example("a//b")
@example("../../etc/passwd")
@example(" ")
@example("")
@example("l_const\n")
def test_hostile_curve_and_parameter_names_become_legal_and_ordinary_ones_stay(name: str) -> None:
    for spelled in (readable(name, CURVE), readable(name, SYSTEM), readable(name)):
        legal(spelled)
    for ordinary in ("l_d", "train/l_const", "grad norm:g", "l_tid.weighted"):
        assert readable(ordinary, CURVE) == f"curve/{ordinary}"


def test_names_past_mlflows_limit_stay_legal_and_different() -> None:
    long = {score_metric("x" * 300, {"request": "test", "digit": digit}) for digit in "12"}
    assert [legal(name) for name in long] == [None, None]


def test_settings_are_flattened_with_dots() -> None:
    nested = {"lr": 1e-4, "betas": [0.5, 0.9], "f": {"deep": {"on": True}}, "name": "x"}
    flat = {"m.lr": "0.0001", "m.betas": "[0.5, 0.9]", "m.f.deep.on": "true", "m.name": "x"}
    assert dict(flatten(nested, "m.")) == flat
