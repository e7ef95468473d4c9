"""One training step of photo2cartoon's networks against the plain loop. Run alone: ``tox -e micro``."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.methods.helpers import TinyInfo, made
from tests.methods.plain_photo2cartoon import PlainLoop
from tests.micro.pace import in_turns, share_of_a_product

NO_SLOWER = 1.0
"""Times the plain loop's time per image, at most."""


def basic(size: int, batch: int, sizes: dict[str, Any]) -> Any:
    """Basic without Face-ID, which needs a recogniser, and without random crops."""
    info = TinyInfo(size, {"photo": 3, "cartoon": 3}, {"group": ("woman", "man")})
    return made("cartoon/basic", info, batch_size=batch, face_id=0.0, light=True, enlarge=1.0, steps=10**6, **sizes)


@pytest.mark.slow
def test_an_image_takes_no_longer_than_in_the_plain_loop_with_one_image_a_step(benchmark: Any) -> None:
    torch.manual_seed(0)
    # The whole size only where time is measured. The released code trains with one image a step.
    size, rounds, many = (32, 1, 2) if benchmark.disabled else (64, 3, 8)
    sizes = {"width": 8 if benchmark.disabled else 32, "depth": 1, "blocks": 2, "layers_d": (5, 4)}
    photo, cartoon = (torch.rand(many, 3, size, size) * 2 - 1 for _ in range(2))
    ours, larger, theirs = basic(size, 1, sizes), basic(size, many, sizes), basic(size, 1, sizes)
    plain = PlainLoop(theirs)
    one, all_of_them = ({"photo": photo[:n], "cartoon": cartoon[:n]} for n in (1, many))
    steps = {
        "plain": lambda: plain.step(photo[:1], cartoon[:1]),
        "ours": lambda: ours.training_step(one, 0),
        "batch": lambda: larger.training_step(all_of_them, 0),
    }
    seconds = in_turns(steps, rounds)
    seconds["batch"] /= many
    benchmark.pedantic(steps["ours"], rounds=1)
    ratios = {f"{name}_to_plain": seconds[name] / seconds["plain"] for name in ("ours", "batch")}
    share = share_of_a_product(steps["batch"], many * seconds["batch"])
    benchmark.extra_info.update({f"{name}_s": value for name, value in seconds.items()} | ratios | {"share": share})
    if not benchmark.disabled:
        assert max(ratios.values()) <= NO_SLOWER


def test_the_plain_loop_learns_what_ours_learns() -> None:
    """In 64 bits, from equal weights, one step ends at the same weights."""
    sizes = {"width": 8, "depth": 1, "blocks": 2, "layers_d": (4, 3), "lr": 1e-3, "lr_d": 1e-3}
    photo, cartoon = (torch.rand(2, 3, 32, 32, dtype=torch.float64) * 2 - 1 for _ in range(2))
    ours, theirs = basic(32, 2, sizes), basic(32, 2, sizes)
    for name in ("g_ab", "g_ba", "d_a", "d_b"):
        network = getattr(ours, name).double()
        getattr(theirs, name).double().load_state_dict(network.state_dict())
    before = {name: value.clone() for name, value in ours.g_ab.state_dict().items()}
    ours.opt, theirs.opt = ours.optimizers(), theirs.optimizers()
    batch = {"photo": photo, "cartoon": cartoon}
    ours.update_generators(ours.generate(*batch.values(), torch.zeros(2, dtype=torch.int64)))
    PlainLoop(theirs).update_generators(photo, cartoon)
    moved = 0.0
    for name, value in ours.g_ab.state_dict().items():
        moved += float((value - before[name]).abs().sum())
        torch.testing.assert_close(theirs.g_ab.state_dict()[name], value, rtol=0, atol=1e-6)
    assert moved > 0
