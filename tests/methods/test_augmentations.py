"""What D is shown: DiffAugment and ADA against plain formulas, what they may not leak, and how ADA's p moves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from retable.benchmarks.plan.registry import get_settings
from retable.methods.mixdl.ada import CHANGES, Ada, apply, colours, draw, geometry
from retable.methods.mixdl.diffaugment import Change, diff_augment
from tests.methods.helpers import images, made_small

SIZE = 32
POLICY: tuple[Change, ...] = ("color", "translation", "cutout")


def seeded(change: Callable[[Tensor], Tensor], x: Tensor, seed: int = 3) -> Tensor:
    torch.manual_seed(seed)
    return change(x)


def ada(p: float = 0.0, **settings: Any) -> Ada:
    module = Ada(**settings)
    module.p.fill_(p)
    return module


def unchanged(n: int, **values: Any) -> dict[str, Tensor]:
    """The identity, but for the values named."""
    change = {name: torch.zeros(n, 2) if name in ("move", "drift") else torch.zeros(n) for name in CHANGES}
    return change | {name: torch.tensor(value, dtype=torch.float32) for name, value in values.items()}


def both() -> list[Any]:
    return [
        pytest.param(lambda x: diff_augment(x, POLICY), id="diffaugment"),
        pytest.param(ada(0.9), id="ada"),
    ]


# --- both -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", both())
def test_gradients_are_those_of_the_change_that_was_drawn(change: Callable[[Tensor], Tensor]) -> None:
    # With its random numbers fixed every change is affine, so a finite step follows the gradient exactly.
    x, weight, by = (images(6, 3, seed) for seed in (0, 1, 2))
    x.requires_grad_(True)
    before = (seeded(change, x) * weight).sum()
    (gradient,) = torch.autograd.grad(before, x)
    after = (seeded(change, x + by) * weight).sum()
    assert float((after - before).detach()) == pytest.approx(float((gradient * by).sum()), rel=1e-3)
    assert gradient.abs().amax((1, 2, 3)).min() > 0, "some image got no gradient"


@pytest.mark.parametrize("change", both())
def test_a_penalty_on_gradients_reaches_the_images(change: Callable[[Tensor], Tensor]) -> None:
    x = images(4, 3).requires_grad_(True)
    (gradient,) = torch.autograd.grad(seeded(change, x).pow(3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), x)
    assert second.isfinite().all()
    assert second.abs().sum() > 0


@pytest.mark.parametrize("change", both())
def test_every_image_gets_random_numbers_of_its_own_and_the_seed_repeats_them(
    change: Callable[[Tensor], Tensor],
) -> None:
    x = images(1, 3).expand(8, -1, -1, -1)
    out = seeded(change, x)
    assert all((out[i] - out[j]).abs().max() > 1e-2 for i in range(8) for j in range(i))
    torch.testing.assert_close(seeded(change, x), out, rtol=0, atol=0)
    assert not torch.equal(seeded(change, x, 4), out)
    assert out.abs().max() > 1, "values were clamped"


@pytest.mark.parametrize("change", both())
def test_autocast_changes_nothing(change: Any) -> None:
    x = images(4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = seeded(change, x)
    torch.testing.assert_close(cast, seeded(change, x), rtol=0, atol=0)


# --- DiffAugment ------------------------------------------------------------------------------------------------


def test_color_is_the_papers_pixel_by_pixel() -> None:
    x = images(4)
    out = seeded(lambda x: diff_augment(x, ("color",)), x)
    torch.manual_seed(3)
    for image, found, (brightness, saturation, contrast) in zip(x, out, torch.rand(3, 4).T, strict=True):
        image = image + brightness - 0.5
        grey = image.mean(0)
        image = torch.stack([grey + 2 * saturation * (channel - grey) for channel in image])
        expected = image.mean() + (contrast + 0.5) * (image - image.mean())
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_translation_moves_by_whole_pixels_up_to_an_eighth_with_zeros_from_outside() -> None:
    x = images(1, 3).expand(600, -1, -1, -1)
    out = seeded(lambda x: diff_augment(x, ("translation",)), x)
    padded = functional.pad(x[0], (4, 4, 4, 4))
    moved = {
        (dx, dy): padded[:, 4 - dy : 4 - dy + SIZE, 4 - dx : 4 - dx + SIZE]
        for dx in range(-4, 5)
        for dy in range(-4, 5)
    }
    found = Counter(by for image in out for by, wanted in moved.items() if torch.equal(image, wanted))
    assert found.total() == 600, "an image was moved otherwise"
    assert len(found) == 81, "a move never happened"


@pytest.mark.parametrize("side", [32, 9])
def test_cutout_zeroes_a_square_of_half_the_side_wherever_its_centre_falls(side: int) -> None:
    x = torch.ones(800, 3, side, side)
    hole = int(side / 2 + 0.5)
    cut = seeded(lambda x: diff_augment(x, ("cutout",)), x) == 0
    assert torch.equal(cut.all(1), cut.any(1)), "channels differ"
    rows, columns = cut[:, 0].any(2), cut[:, 0].any(1)
    assert torch.equal(cut[:, 0], rows[:, :, None] & columns[:, None, :]), "not a rectangle"
    for lines in (rows, columns):
        lengths = lines.sum(1)
        assert set(lengths.tolist()) == set(range(hole // 2 if side % 2 == 0 else hole - hole // 2, hole + 1))
        # cut short only by the border
        assert (lines[:, 0] | lines[:, -1])[lengths < hole].all()
        assert lines.any(0).all(), "a line that is never hidden"


def test_a_policy_is_applied_in_its_order_and_none_is_the_identity() -> None:
    x = images(4, 3)
    assert torch.equal(diff_augment(x, ()), x)
    # Colours after the hole also change the hole.
    hidden_last, hidden_first = (
        seeded(lambda x, policy=policy: diff_augment(x, policy), x) for policy in (POLICY, POLICY[::-1])
    )
    assert (hidden_last == 0).flatten(1).any(1).all()
    assert not (hidden_first == 0).flatten(1).any(1).all()


# --- ADA: the changes -------------------------------------------------------------------------------------------


def test_at_p_0_images_stay_as_they_are() -> None:
    x = images(8, 3)
    torch.testing.assert_close(ada(0.0)(x), x, rtol=0, atol=5e-5)


def test_places_are_composed_as_the_paper_says() -> None:
    torch.manual_seed(0)
    n, centre = 20, (SIZE - 1) / 2
    change = draw(n, torch.tensor(0.8))
    found = geometry(change, SIZE)
    for row in range(n):
        value = {name: column[row].tolist() for name, column in change.items()}
        for point in ((0.0, 0.0), (31.0, 0.0), (7.5, 20.0)):
            x, y = point[0] - centre, point[1] - centre
            if value["mirror"]:
                x = -x
            for _ in range(int(value["quarters"])):
                x, y = -y, x
            x, y = x + round(value["move"][0] * SIZE), y + round(value["move"][1] * SIZE)
            x, y = x * 2 ** value["scale"], y * 2 ** value["scale"]
            x, y = turned(x, y, value["before"])
            x, y = x * 2 ** value["stretch"], y / 2 ** value["stretch"]
            x, y = turned(x, y, value["after"])
            x, y = x + value["drift"][0] * SIZE + centre, y + value["drift"][1] * SIZE + centre
            torch.testing.assert_close(
                found[row] @ torch.tensor([*point, 1.0]), torch.tensor([x, y]), rtol=1e-4, atol=1e-3
            )


def turned(x: float, y: float, angle: float) -> tuple[float, float]:
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)


def test_colours_are_composed_as_the_paper_says() -> None:
    torch.manual_seed(0)
    change = draw(20, torch.tensor(0.8))
    found, v = colours(change), torch.full((3,), 1 / math.sqrt(3))
    for row in range(20):
        value = {name: float(change[name][row]) for name in CHANGES[8:]}
        colour = torch.tensor([0.3, -0.7, 0.9])
        wanted = (colour + value["brightness"]) * 2 ** value["contrast"]
        if value["luma_flip"]:
            wanted = wanted - 2 * (wanted @ v) * v
        # Rodrigues' rotation about the axis of greys
        cos, sin = math.cos(value["hue"]), math.sin(value["hue"])
        wanted = wanted * cos + torch.linalg.cross(v, wanted) * sin + v * (v @ wanted) * (1 - cos)
        luma = (wanted @ v) * v
        wanted = luma + (wanted - luma) * 2 ** value["saturation"]
        torch.testing.assert_close(found[row] @ torch.tensor([*colour, 1.0]), wanted, rtol=1e-4, atol=1e-4)


def test_whole_pixel_changes_copy_pixels_and_mirror_the_border() -> None:
    x = images(1, 3)
    same = colours(unchanged(1))

    def warped(**values: Any) -> Tensor:
        return apply(x, geometry(unchanged(1, **values), SIZE), same)

    reflected = functional.pad(x, (3, 3, 3, 3), mode="reflect")
    wanted = {
        "mirror": (warped(mirror=[1.0]), x.flip(3)),
        "a quarter, clockwise": (warped(quarters=[1.0]), x.rot90(-1, (2, 3))),
        "half a turn": (warped(quarters=[2.0]), x.flip(2, 3)),
        "right and up": (warped(move=[[3 / SIZE, -2 / SIZE]]), reflected[:, :, 5:37, 0:32]),
        "a whole turn": (warped(before=[math.pi], after=[math.pi]), x),
    }
    for name, (got, expected) in wanted.items():
        torch.testing.assert_close(got, expected, rtol=0, atol=2e-4, msg=lambda text, name=name: f"{name}: {text}")


def test_every_change_has_the_probability_p_and_the_spread_of_the_paper() -> None:
    torch.manual_seed(0)
    n, p = 40_000, 0.6
    change = draw(n, torch.tensor(p))
    asked = {name: (value.flatten(1)[:, 0] if value.ndim > 1 else value) != 0 for name, value in change.items()}
    share = {name: float(rows.float().mean()) for name, rows in asked.items()}
    # Half of the mirrors and luma flips, and a quarter of the quarter turns, leave things as they are.
    wanted = dict.fromkeys(CHANGES, p) | {"mirror": p / 2, "luma_flip": p / 2, "quarters": p * 3 / 4}
    wanted |= dict.fromkeys(("before", "after"), 1 - math.sqrt(1 - p))
    assert share == pytest.approx(wanted, abs=0.01)
    assert float((asked["before"] | asked["after"]).float().mean()) == pytest.approx(p, abs=0.01)

    spread = {name: float(change[name].flatten(1)[asked[name], 0].std()) for name in ("move", "drift")}
    spread |= {name: float(value[asked[name]].std()) for name, value in change.items() if value.ndim == 1}
    turn = math.pi / math.sqrt(3)
    expected = {"move": 0.125 / math.sqrt(3), "drift": 0.125, "scale": 0.2, "stretch": 0.2, "before": turn}
    expected |= {"after": turn, "brightness": 0.2, "contrast": 0.5, "saturation": 1.0, "hue": turn}
    assert {name: spread[name] for name in expected} == pytest.approx(expected, rel=0.03)
    assert float(change["move"].abs().max()) <= 0.125


@pytest.mark.parametrize("p", [0.3, 0.6, 0.8])
def test_below_p_1_the_untouched_image_is_the_likeliest_of_all(p: float) -> None:
    torch.manual_seed(0)
    n = 40_000
    change = draw(n, torch.tensor(p))
    flips = 8 * change["mirror"] + 2 * change["quarters"] + change["luma_flip"]
    untouched, *others = flips.int().bincount(minlength=16).tolist()
    assert untouched / n == pytest.approx((1 - p / 2) ** 2 * (1 - 3 * p / 4), abs=0.01)
    assert untouched > 1.2 * max(others)
    # Everything else is drawn from a density, so no other single change can have a share.
    whole = torch.stack([value.reshape(n, -1).abs().sum(1) for value in change.values()], 1)
    for name, column in zip(CHANGES, whole.unbind(1), strict=True):
        values, counts = column.unique(return_counts=True)
        assert float(values[counts.argmax()]) == 0.0, name


# --- ADA: its probability ---------------------------------------------------------------------------------------


def fed(module: Ada, score: float, passes: int, batch: int = 8) -> list[float]:
    """p after every pass of D over a batch of this score."""
    seen = []
    for _ in range(passes):
        module.observe(torch.full((batch,), score))
        seen.append(float(module.p))
    return seen


def test_p_travels_from_0_to_1_in_its_length_of_images_and_back() -> None:
    module = Ada(length=320)
    risen = fed(module, 2.0, 40)
    assert risen[38] < 1
    assert risen[39] == pytest.approx(1.0)
    assert fed(module, 2.0, 8)[-1] == 1.0
    fallen = fed(module, -2.0, 40)
    assert fallen[39] == pytest.approx(0.0, abs=1e-6)
    assert fed(module, -2.0, 8)[-1] == 0.0


def test_p_moves_every_fourth_pass_only_by_as_many_images_as_were_seen() -> None:
    module = Ada(length=1000)
    assert fed(module, 1.0, 9, batch=5) == pytest.approx([0, 0, 0, 0.02, 0.02, 0.02, 0.02, 0.04, 0.04])
    assert float(module.r) == 1.0


@pytest.mark.parametrize(("positive", "sign"), [(9, 1), (7, -1)])
def test_r_is_the_mean_sign_of_all_passes_and_p_follows_its_side_of_the_target(positive: int, sign: int) -> None:
    # Ten scores over two passes; r = (positive - negative) / 10. Sizes do not count.
    module = ada(0.5, every=2, length=100)
    scores = torch.tensor([100.0] * positive + [-0.01] * (10 - positive))
    module.observe(scores[::2])
    assert float(module.p) == 0.5
    module.observe(scores[1::2])
    r = (2 * positive - 10) / 10
    assert float(module.r) == pytest.approx(r)
    assert float(module.p) == pytest.approx(0.5 + sign * 0.1)


def test_p_is_not_read_back_in_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = ada(0.5), images(4, 3)
    module(x)  # kornia is imported

    def waited(*_: Any) -> Any:
        raise AssertionError("a step waited for the device")

    for name in ("item", "__bool__", "__float__", "__int__", "tolist"):
        monkeypatch.setattr(Tensor, name, waited)
    module(x)
    for _ in range(5):
        module.observe(torch.ones(4))


# --- the rows ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ["stylegan2-da", "stylegan2-ada", "mixdl-da", "mixdl-ada"])
def test_d_sees_everything_changed_but_for_r1_under_diffaugment(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    method = made_small(row, ada_every=1, ada_length=64)
    changed, shown = [], []
    augment, judged = method.augment, method.judged
    monkeypatch.setattr(method, "augment", lambda x: [changed.append(augment(x)), changed[-1]][1])

    def watched(x: Tensor, parts: int = 1) -> Any:
        plain = not any(x.data_ptr() == out.data_ptr() for out in changed)
        shown.append((len(x), parts, "plain" if plain else "changed"))
        return judged(x, parts)

    monkeypatch.setattr(method, "judged", watched)
    if method.ada is not None:
        method.ada.p.fill_(0.5)
    for step in range(2):
        method.training_step({"image": images(4, 3, step)}, step)
    # L_D, L_G and R1, then L_D and L_G. A mixed L_D also shows the parts of its anchors, and then R1 is due once more.
    r1 = (4, 1, "plain" if row.endswith("-da") else "changed")
    whole, mixed = [(8, 2, "changed"), (4, 1, "changed")], [(4, 1, "changed"), (8, 1, "changed"), (4, 1, "changed")]
    assert shown == ([*mixed, r1, *whole, r1] if row.startswith("mixdl") else [*whole, r1, *whole])


def test_the_row_with_ada_moves_p_while_it_trains_and_shows_it() -> None:
    method = made_small("stylegan2-ada", ada_every=4, ada_length=64)
    curves = [method.training_step({"image": images(4, 3)}, step) for step in range(12)]
    p = [float(losses["ada_p"]) for losses in curves]
    assert max(p) > 0, "d never grew sure of four images"
    for i in range(4, 12):
        due = (i + 1) % 4 == 0
        step = 16 / 64 if due and float(curves[i]["ada_r"]) > 0.6 else -16 / 64 if due else 0.0
        assert p[i] == pytest.approx(min(1.0, max(0.0, p[i - 1] + step)))
    assert "ada" in method.networks()


def test_p_moves_every_256_images_unless_told_otherwise() -> None:
    settings: Any = get_settings("mixdl/mixdl-ada")
    assert settings.ada_every * settings.batch_size == 256
    assert made_small("mixdl-ada").ada.every == settings.ada_every


def test_p_of_cdc_is_told_of_whole_images_alone() -> None:
    method = made_small("cdc", augment="ada")
    for method._whole, passes in ((True, 1), (False, 1), (True, 2)):
        method.update_d(images(4, 3))
        assert int(method.ada.passes) == passes
