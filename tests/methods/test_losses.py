"""Every loss against a value worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from retable.methods.dtn import losses
from retable.methods.dtn.losses import FROM_S, FROM_T, REAL

# logits whose softmax is exactly (1/2, 1/4, 1/4), (1/8, 5/8, 1/4), (1/10, 1/5, 7/10)
FIRST = torch.tensor([[2.0, 1.0, 1.0]]).log()
SECOND = torch.tensor([[1.0, 5.0, 2.0]]).log()
THIRD = torch.tensor([[1.0, 2.0, 7.0]]).log()


def test_the_roles_are_output_of_s_then_output_of_t_then_real_as_in_equation_3():
    assert (FROM_S, FROM_T, REAL) == (0, 1, 2)


def test_l_d_reads_each_kind_of_image_at_its_own_role():
    value = losses.l_d(FIRST, SECOND, THIRD)
    assert value.item() == pytest.approx(-math.log(1 / 2) - math.log(5 / 8) - math.log(7 / 10), rel=1e-6)


def test_l_gang_asks_for_the_role_of_real_images_from_both_domains():
    value = losses.l_gang(FIRST, SECOND)
    assert value.item() == pytest.approx(-2 * math.log(1 / 4), rel=1e-6)


def test_a_loss_is_a_mean_over_the_batch():
    both = torch.cat([FIRST, SECOND])
    assert losses.nll(both, 0).item() == pytest.approx(-(math.log(1 / 2) + math.log(1 / 8)) / 2, rel=1e-6)


def test_l_const_is_the_mean_square_difference_of_codes():
    value = losses.l_const(torch.tensor([[1.0, -1.0]]), torch.tensor([[0.5, 1.0]]))
    assert value.item() == pytest.approx((0.25 + 4.0) / 2)


def test_l_tid_is_the_mean_square_difference_of_images():
    value = losses.l_tid(torch.ones(2, 1, 2, 2), torch.zeros(2, 1, 2, 2))
    assert value.item() == pytest.approx(1.0)


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_l_tv_sums_a_power_of_the_gradients_length_over_pixels(exponent):
    z = torch.tensor([[0.0, 3.0, 3.0], [4.0, 3.0, 3.0], [1.0, 7.0, 3.0]])
    # (across, down) per pixel: (3, 4), (0, 0), (-1, -3), (0, 4)
    expected = 5.0**exponent + 0.0 + math.sqrt(10) ** exponent + 4.0**exponent
    assert losses.l_tv(z[None, None], exponent).item() == pytest.approx(expected, abs=1e-3)


def test_l_tv_has_a_finite_gradient_on_a_flat_image():
    z = torch.zeros(1, 1, 4, 4, requires_grad=True)
    losses.l_tv(z).backward()
    assert torch.isfinite(z.grad).all()


def test_the_binary_losses_of_the_baseline_follow_equation_1():
    fake, real = torch.tensor([[3.0, 1.0]]).log(), torch.tensor([[1.0, 9.0]]).log()
    assert losses.l_d_binary(fake, real).item() == pytest.approx(-math.log(3 / 4) - math.log(9 / 10), rel=1e-6)
    assert losses.l_g_binary(fake).item() == pytest.approx(-math.log(1 / 4), rel=1e-6)


def test_losses_of_half_precision_inputs_are_computed_in_float32():
    half = [x.bfloat16() for x in (FIRST, SECOND, THIRD)]
    assert losses.l_d(*half).dtype == torch.float32
    assert losses.l_const(half[0], half[1]).dtype == torch.float32
