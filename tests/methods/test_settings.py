"""Settings: values that make no sense are refused by the setting's name, and every error says what is allowed."""

from __future__ import annotations

from itertools import chain
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from retable.benchmarks.plan.registry import get_settings, rows
from retable.methods import types
from retable.methods.method import MethodSettings
from retable.methods.rows import ROWS

LIMITS: dict[str, tuple[list[float], list[float]]] = {
    "Count": ([1, 9], [0, -1]),
    "CountOrNone": ([0, 9], [-1]),
    "Kernel": ([1, 7], [0, 4]),
    "Latent": ([1, 512], [0, 513]),
    "Factor": ([1, 1.5], [0.9]),
    "Weight": ([0, 50], [-0.1]),
    "Rate": ([0, 1], [-0.1]),
    "Positive": ([0.1], [0, -0.1]),
    "Share": ([0, 1], [-0.1, 1.1]),
    "OpenShare": ([0.5], [0, 1]),
    "Sign": ([-0.9, 0.9], [-1, 1]),
    "Kept": ([0, 0.9], [-0.1, 1]),
}
"""Type -> values that it takes, and that it refuses."""


@pytest.mark.parametrize("name", LIMITS)
def test_a_type_takes_what_makes_sense_and_refuses_the_rest(name: str) -> None:
    of_type: TypeAdapter[float] = TypeAdapter(getattr(types, name))
    right, wrong = LIMITS[name]
    assert [of_type.validate_python(value) for value in right] == right
    for value in wrong:
        with pytest.raises(ValidationError):
            of_type.validate_python(value)


@pytest.mark.parametrize("row", ROWS)
def test_every_number_of_a_row_has_a_type_that_says_what_is_allowed(row: str) -> None:
    fields = type(get_settings(row)).model_fields.items()
    numbers = {name for name, one in fields if {int, float} & {one.annotation, *get_args(one.annotation)}}
    assert numbers - {name for name, one in fields if one.metadata} <= {"steps", "batch_size"}


@pytest.mark.parametrize(
    ("row", "key", "value"),
    [
        ("dtn/dtn", "terms", ("gan", "style")),
        ("cartoon/basic", "layers_d", (2, 5)),
        ("mixdl/mixdl", "alpha", 0.0),
        ("stargan/stargan", "kernel", 4),
        *chain.from_iterable(((row, "steps", -1), (row, "batch_size", 0)) for row in rows()),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_the_name_of_its_setting(row: str, key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        get_settings(row, {key: value})
    assert caught.value.errors()[0]["loc"][0] == key


@pytest.mark.parametrize(
    ("row", "least", "why"),
    [
        ("cartoon/baseline3", 3, "an image of each of the three rare groups"),
        ("cartoon/transfer", 4, "an image of each of the four groups"),
        ("stargan/icgan", 2, "compares the images of a batch"),
        ("mixdl/cdc", 2, "compares the images of a batch"),
        ("mixdl/msgan", 2, "compares the images of a batch"),
        ("mixdl/fastgan-mixdl", 2, "mixes the latents of a batch"),
    ],
)
def test_a_batch_that_is_too_small_for_the_method_is_refused_with_the_reason(row: str, least: int, why: str) -> None:
    with pytest.raises(ValidationError, match=rf"{why}: must be {least} or more"):
        get_settings(row, {"batch_size": least - 1})
    assert get_settings(row).batch_size >= least


def test_a_default_without_its_type_keeps_the_limits_of_steps_and_batch_size() -> None:
    """As a third party's settings may be written."""

    class Plain(MethodSettings):
        steps: int = 3
        batch_size: int = 2

    with pytest.raises(ValidationError, match="must be 1 or more"):
        Plain(batch_size=0)
