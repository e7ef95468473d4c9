"""How numbers are written, in one place."""

from __future__ import annotations

import pytest

from retable.reports import text


@pytest.mark.parametrize(
    ("value", "decimals", "printed"),
    [(1234567.0, 0, "1,234,567"), (-0.5, 2, "\u22120.50"), (-0.001, 2, "0.00"), (0.0, 1, "0.0"), (2.675, 1, "2.7")],
)
def test_numbers_have_fixed_decimals_and_a_real_minus(value: float, decimals: int, printed: str) -> None:
    assert text.number(value, decimals) == printed


@pytest.mark.parametrize(("value", "printed"), [(1.0, "+1.0"), (-1.0, "\u22121.0"), (0.04, "0.0"), (-0.04, "0.0")])
def test_differences_carry_their_sign_unless_they_round_to_nothing(value: float, printed: str) -> None:
    assert text.signed(value, 1) == printed


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [
        (0.44, "0.4 s"),
        (61.2, "61 s"),
        (119.6, "2 min 00 s"),
        (725, "12 min 05 s"),
        (11_220, "3 h 07 min"),
        (None, "–"),
    ],
)
def test_durations_are_for_people(seconds: float | None, printed: str) -> None:
    assert text.duration(seconds) == printed


def test_slices_have_one_canonical_form() -> None:
    assert text.slice_text({"request": "test", "digit": "3"}) == "digit=3,request=test"


def test_a_protocols_detail_is_read_as_keys() -> None:
    assert text.detail_values("timer=cpu, steps=50; subsets=50x500") == {
        "timer": "cpu",
        "steps": "50",
        "subsets": "50x500",
    }


def test_a_status_that_is_no_success_is_printed_as_a_failure() -> None:
    assert [text.status_word(status) for status in ("ok", "oom", "melted")] == ["ok", "x oom", "x melted"]
