"""Settings: values that make no sense are refused by the setting's name, and every error says what is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from retable.benchmarks.plan.registry import get_settings, rows
from retable.methods.method import MethodSettings

WRONG: dict[str, list[dict[str, Any]]] = {
    "judges/hair": [{"label": "nose"}, {"label_smoothing": 1.5}],
    "judges/photo-group": [{"domain": "t"}],
    "dtn/dtn": [{"terms": ("gan", "style")}, {"alpha": -1.0}, {"beta1": 1.0}, {"width": 0}, {"decay_from": 1.5}],
    "cartoon/basic": [{"layers_d": (2, 5)}, {"cam": -1.0}, {"enlarge": 0.9}, {"blocks": 0}, {"stream": "men"}],
    "cartoon/baseline3": [{"batch_size": 2}],
    "cartoon/transfer": [{"batch_size": 3}, {"reading": "both"}],
    "stargan/stargan": [{"kernel": 4}, {"critic_steps": 0}, {"lambda_gp": -1.0}],
    "stargan/diat": [{"identity": -1.0}],
    "stargan/cyclegan": [{"pool": -1}, {"enlarge": 0.5}],
    "stargan/icgan": [{"gan_share": 1.0}, {"batch_size": 1}, {"beta1_e": -0.1}],
    "mixdl/stylegan2": [
        *({"latent": 513}, {"latent": 0}, {"path_shrink": 0}, {"r1": -1}, {"style_mixing": 1.1}, {"ema": -0.1}),
        *({"lr": -1}, {"augment": "blur"}, {"policy": ("blur",)}, {"ada_every": 0}, {"ada_length": 0}),
        {"ada_target": 1.0},
    ],
    "mixdl/mixdl": [
        *({"alpha": 0.0}, {"mix_every": 0}, {"lambda_g": -1.0}, {"lambda_d": -0.1}, {"coefficients": "beta"}),
        *({"reading": "both"}, {"batch_size": 0}, {"mix_from": 1.5}, {"anchors": 1}),
    ],
    "mixdl/cdc": [{"anchors": 0}, {"anchor_every": 0}, {"lambda_dist": -1.0}, {"anchor_spread": -0.1}],
    "mixdl/ndiv": [{"diverse": -1.0}, {"alpha": 1.1}, {"term": "none"}],
    "mixdl/fastgan": [{"width_d": 0}, {"ema": 1.0}, {"lambda_rec": -1}, {"reconstruction": "l2"}, {"latent": 513}],
    "mixdl/fastgan-mixdl": [{"alpha": 0}, {"mix_every": 0}],
}


@pytest.mark.parametrize(
    ("row", "key", "value"), [(row, *one) for row, many in WRONG.items() for each in many for one in each.items()]
)
def test_a_value_that_makes_no_sense_is_refused_by_the_name_of_its_setting(row: str, key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        get_settings(row, {key: value})
    (error,) = caught.value.errors()[:1]
    assert error["loc"][0] == key


@pytest.mark.parametrize("row", rows())
@pytest.mark.parametrize(("key", "value"), [("steps", -1), ("batch_size", 0)])
def test_no_row_takes_fewer_than_no_steps_or_than_one_image(row: str, key: str, value: int) -> None:
    with pytest.raises(ValidationError, match=rf"{key}\n.*must be \d or more"):
        get_settings(row, {key: value})


@pytest.mark.parametrize(
    ("row", "least", "why"),
    [
        ("cartoon/baseline3", 3, "an image of each of the three rare groups"),
        ("cartoon/transfer", 4, "an image of each of the four groups"),
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
