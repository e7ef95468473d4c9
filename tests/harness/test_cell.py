"""A cell's hash is its identity: everything that can change a result is in it, and nothing else."""

from __future__ import annotations

import pytest

from retable.reports.records.cell import Cell, RunSettings


def cell(**changes: object) -> Cell:
    base: dict[str, object] = {
        "method": "dtn/dtn",
        "task": "digits",
        "profile": "quick",
        "seed": 0,
        "method_settings": {"alpha": 15.0, "steps": 10},
        "task_settings": {"source": "standin"},
    }
    return Cell.model_validate({**base, **changes})


def test_equal_content_has_equal_hashes_whatever_the_order_of_keys() -> None:
    assert cell().hash == cell(method_settings={"steps": 10, "alpha": 15.0}).hash


def test_whatever_changes_the_result_changes_the_hash() -> None:
    changes: list[dict[str, object]] = [
        {},
        {"method": "dtn/baseline"},
        {"task": "dummy"},
        {"profile": "smoke"},
        {"seed": 1},
        {"method_settings": {"alpha": 0.0, "steps": 10}},
        {"task_settings": {"source": "real"}},
        {"run": RunSettings(precision="bf16-mixed")},
        {"run": RunSettings(accelerator="cuda")},
        {"starts_from": {"f": cell(method="dtn/f")}},
        {"starts_from": {"f": cell(method="dtn/f", method_settings={"steps": 11})}},
        {"judges": {"target": cell(method="judges/mnist")}},
    ]
    assert len({cell(**change).hash for change in changes}) == len(changes)


def test_how_often_we_look_does_not_change_the_hash() -> None:
    looked = RunSettings(timeout_s=5, samples_every=1, checkpoint_every=1)
    assert cell(run=looked).hash == cell().hash


def test_scores_on_the_way_are_part_of_a_cell_and_without_them_its_name_is_what_it_was() -> None:
    """The name is that of a cell from before they could be asked for."""
    plain = cell(run=RunSettings(accelerator="cpu"))
    assert "scores_at" in plain.to_json()["run"]
    content = plain.to_json()
    del content["run"]["scores_at"]
    assert Cell.from_json(content).hash == plain.hash
    assert cell(run=RunSettings(accelerator="cpu", scores_at=(0.5,))).hash != plain.hash


def test_a_cell_survives_the_journey_through_json() -> None:
    one = cell(variant="no3-t", starts_from={"f": cell(method="dtn/f")}, judges={"target": cell(method="judges/mnist")})
    assert Cell.from_json(one.to_json()) == one
    assert one.to_json()["address"] == "dtn/dtn/digits-no3-t/s0"


def test_json_that_was_edited_by_hand_is_noticed() -> None:
    data = cell().to_json()
    data["method_settings"]["alpha"] = 0.0
    with pytest.raises(ValueError, match="its content gives"):
        Cell.from_json(data)
