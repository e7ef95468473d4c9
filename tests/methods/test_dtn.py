"""What every row of DTN's tables promises: which networks learn, from which terms, and that f never moves."""

from __future__ import annotations

import pydantic
import pytest
import torch

from retable.methods.anchors.untouched import Untouched
from retable.methods.dtn.dtn import DTN
from retable.methods.dtn.f import F
from retable.methods.dtn.losses import l_const
from retable.methods.dtn.networks import Encoder
from retable.methods.training import Frozen
from tests.methods.helpers import evaluated, images, moved, train, transfer_batch, weights

TERMS = {
    "dtn": {"l_d", "l_gang", "l_const", "l_tid"},
    "no-tid": {"l_d", "l_gang", "l_const"},
    "no-const": {"l_d", "l_gang", "l_tid"},
    "no-const-tid": {"l_d", "l_gang"},
    "no-f": {"l_d", "l_gang", "l_const", "l_tid"},
    "no-gan": {"l_const", "l_tid"},
    "baseline": {"l_d", "l_gang", "l_const"},
}


def test_thirty_steps_lower_the_loss_of_dtn(started):
    history = train(started(lr=5e-3), [transfer_batch(seed=i) for i in range(30)])
    assert history[-1]["l_tid"] < 0.6 * history[0]["l_tid"]
    assert history[-1]["l_g"] < history[0]["l_g"]


@pytest.mark.parametrize("row", TERMS)
def test_a_row_computes_exactly_its_terms(row, started):
    history = train(started(row), [transfer_batch()])
    assert set(history[0]) == TERMS[row] | {"l_g"}


@pytest.mark.parametrize(
    ("row", "dropped"), [("no-tid", ["beta"]), ("no-const", ["alpha"]), ("no-const-tid", ["alpha", "beta"])]
)
def test_an_ablation_is_dtn_with_that_weight_at_zero_bit_for_bit_whatever_its_own_weight(row, dropped, started):
    batches = [transfer_batch(seed=i) for i in range(3)]
    dtn = started(**dict.fromkeys(dropped, 0.0))
    train(dtn, batches)
    for weight in (15.0, 1000.0):
        ablation = started(row, **dict.fromkeys(dropped, weight))
        train(ablation, batches)
        assert not moved(ablation, weights(dtn))


def test_without_the_gan_there_is_no_discriminator_and_g_follows_the_other_terms_alone(started):
    method, dtn = started("no-gan"), started()
    assert set(method.networks()) == {"f", "g"}
    assert set(method.optimizers()) == {"g"}
    batch = transfer_batch()
    losses = train(method, [batch])[0]
    assert losses["l_g"] == pytest.approx(15 * losses["l_const"] + 15 * losses["l_tid"], rel=1e-5)
    with_gan = train(dtn, [batch])[0]
    assert with_gan["l_g"] == pytest.approx(
        with_gan["l_gang"] + 15 * with_gan["l_const"] + 15 * with_gan["l_tid"], rel=1e-5
    )


def test_total_variation_counts_as_soon_as_gamma_is_set(started):
    method = started(gamma=0.05)
    losses = train(method, [transfer_batch()])[0]
    total = losses["l_gang"] + 15 * losses["l_const"] + 15 * losses["l_tid"] + 0.05 * losses["l_tv"]
    assert losses["l_g"] == pytest.approx(total, rel=1e-5)


def test_l_const_sends_gradients_through_f_to_g_alone(started):
    method = started()
    code = method.f(images(4, 3)).detach()
    l_const(code, method.f(method.g(code))).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in method.g.parameters())
    assert all(parameter.grad is None for name in ("f", "d") for parameter in method.networks()[name].parameters())


def test_the_update_of_g_leaves_no_gradient_in_d(started):
    """D's gradients after a step are those of L_D: the same whatever G is asked for."""
    batch = transfer_batch()
    grads = []
    for alpha in (15.0, 0.0):
        method = started(alpha=alpha)
        train(method, [batch])
        grads.append([parameter.grad.clone() for parameter in method.d.parameters()])
        assert all(parameter.requires_grad for parameter in method.d.parameters())
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))


def test_dtn_draws_from_the_code_alone_and_no_f_does_not(started):
    x = images(4, 3)
    code = torch.randn(4, 128)
    dtn, no_f = started(), started("no-f")
    assert not torch.equal(dtn.generate(x, code), dtn.generate(x, -code))
    assert torch.equal(no_f.generate(x, code), no_f.generate(x, -code))


@pytest.mark.parametrize("row", ["no-f", "baseline"])
def test_an_encoder_of_its_own_starts_untrained_and_learns_with_g(row, started):
    method = started(row)
    inner = [module for network in method.generator() for module in network.modules()]
    assert not any(isinstance(module, Frozen) for module in inner)
    assert any(isinstance(module, Encoder) for module in inner)
    optimised = {id(p) for group in method.opt["g"].param_groups for p in group["params"]}
    assert {id(p) for p in method.encoder.parameters()} <= optimised
    assert not {id(p) for p in method.f.parameters()} & optimised
    copied = {tuple(p.flatten()[:4].tolist()) for p in method.f.parameters()}
    first_convolution = next(iter(method.encoder.parameters()))
    assert tuple(first_convolution.flatten()[:4].tolist()) not in copied


def test_the_baseline_never_passes_target_images_through_g(started):
    seen = []
    method = started("baseline")
    method.g.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    train(method, [transfer_batch(8)])
    assert seen == [8]
    assert method.d(images(3, 1)).shape == (3, 2)


@pytest.mark.parametrize("row", ["dtn", "no-f"])
def test_noise_on_the_code_is_for_training_alone(row, started):
    method, quiet, x = evaluated(started(row, code_noise=0.5)), evaluated(started(row)), images(4)
    assert torch.equal(method.translate({"image": x}), quiet.translate({"image": x}))
    method.g.train()
    code = torch.zeros(4, 128)
    assert not torch.equal(method.draw(code)[0], method.draw(code)[1])
    quiet.g.train()
    assert torch.equal(quiet.draw(code)[0], quiet.draw(code)[1])


def test_the_baseline_has_no_other_terms_and_no_f_in_g(started):
    for wrong in ({"terms": ("gan", "const", "tid")}, {"f_in_g": True}):
        with pytest.raises(pydantic.ValidationError):
            started("baseline", **wrong)


def test_starting_from_anything_but_f_is_refused(info):
    method = DTN(DTN.Settings(width=4), info)
    with pytest.raises(ValueError, match="starts from dtn/f as 'f', not from Untouched"):
        method.start_from("f", Untouched(Untouched.Settings(), info))
    with pytest.raises(ValueError, match="as 'g'"):
        method.start_from("g", F(F.Settings(width=4), info))


def test_the_original_is_the_source_in_grey_and_needs_no_training(info):
    method = Untouched(Untouched.Settings(), info)
    x = images(3, 3)
    out = method.translate({"image": x})
    assert out.shape == (3, 1, 32, 32)
    assert torch.allclose(out, (0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]), atol=1e-6)
    assert method.settings.steps == 0
    assert method.networks() == {}
    assert method.optimizers() == {}
