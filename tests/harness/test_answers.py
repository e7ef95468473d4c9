"""What a method answers: batches and precision, the pictures and the scores that a cell leaves of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric, is_wrapped
from torch import Tensor, nn

from retable.benchmarks.cell import run_cell
from retable.benchmarks.gate.compare import is_gated
from retable.benchmarks.plan.dummy import Dummy, Squares
from retable.benchmarks.plan.plan import Plan
from retable.benchmarks.run.answers import Answers
from retable.benchmarks.run.build import build_task, trained_method
from retable.benchmarks.run.results import suite_cells
from retable.benchmarks.run.training import set_up
from retable.datasets.task import Kind, Request, TaskInfo
from retable.methods.method import Method
from retable.reports.records.cell import Cell
from retable.reports.records.result import Result
from tests.harness.conftest import columns, register, result_of, row
from tests.harness.painter import Painter, latents

PAINTER = "dummy/painter/few-squares/s0"
CONVOLUTIONS: Any = torch.backends.cudnn.conv  # type: ignore[attr-defined]
DIRECTIONS = {
    "fid.lite0 request:samples": "lower",
    "sfid.lite0 request:samples": "lower",
    "precision.lite0 request:samples": "higher",
    "recall.lite0 request:samples": "higher",
    "lpips_diversity.lite0 request:samples": "higher",
    "lpips_diversity.lite0 request:shots": "none",
    "nearest_shot.lite0 request:samples": "none",
    "nearest_shot.lite0 request:reference": "none",
    "copies.lite0 request:samples": "lower",
    "smoothness.lite0 request:smoothness": "lower",
    "largest_jump.lite0 request:strips": "lower",
    "path_spread.lite0 request:strips": "lower",
    "path_length.lite0 request:strips": "none",
    "uniformity.lite0 request:strips": "lower",
}


def cell_of(address: str, runs: Path) -> Cell:
    return next(cell for cell in suite_cells(runs, "trial") if cell.address == address)


class ThreeWays(Squares):
    """The dummy task with three previews: with truth, without, and one that is nothing to look at."""

    name = "three-ways"

    def previews(self, kind: Kind, stream: str) -> list[Request]:
        (usual,) = super().previews(kind, stream)
        images = usual.inputs["image"]
        return [
            usual,
            Request("back", "translate", {"image": images[:5]}, then={}, learnt=images[:2]),
            Request("classes", "predict", {"image": images}),
            Request("known", "translate", {"image": images[:3]}, truth=images[:3]),
        ]


@pytest.mark.parametrize(
    ("steps", "counts"), [(2, {"trained_parameters": 2.0, "models": 2.0, "model_parameters": 1.0}), (0, {})]
)
def test_every_preview_becomes_strips_the_first_the_grid_of_a_step_and_parameters_that_moved_are_counted(
    plan_of: Callable[..., Plan],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
    counts: dict[str, float],
) -> None:
    """The dummy's convolution has a weight and a bias; without a step nothing moved and no grid is drawn."""
    monkeypatch.setattr(Dummy, "models", lambda self: 2)
    register(monkeypatch, {}, ThreeWays)
    (cell,) = plan_of(row("dummy/dummy", task="three-ways", method_steps=steps)).rows
    (directory := cell.directory(tmp_path)).mkdir(parents=True)
    assert run_cell(cell, directory) == "ok"
    assert {path.name: columns(path) for path in (directory / "images").iterdir()} == {
        "inputs.png": (8, 1),
        "outputs.png": (8, 1),
        "truth.png": (8, 1),
        "back.inputs.png": (5, 1),
        "back.learnt.png": (2, 1),
        "back.outputs.png": (5, 1),
        "known.inputs.png": (3, 1),
        "known.outputs.png": (3, 1),
        "known.truth.png": (3, 1),
    }
    assert [columns(path) for path in directory.glob("samples/*")] == ([(8, 3)] if steps else [])
    scores = Result.model_validate(result_of(tmp_path, cell)).scores
    found = [score for score in scores if score.name == "parameters" or score.name in counts]
    assert {score.name: score.value for score in found} == {"parameters": 2.0, **counts}
    assert all((score.direction, score.slice) == ("none", {"request": "train"}) for score in found)
    assert counts or not {"trained_parameters", "models", "model_parameters"} & {score.name for score in scores}


class Shifted(Painter):
    """Translates an image into half of it plus the wanted shift."""

    kind = "translate"

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return inputs["image"] / 2 + inputs["shift"][:, None, None, None]


def test_a_request_with_then_is_asked_twice_about_its_own_answer() -> None:
    method = Shifted(Shifted.Settings(), TaskInfo(8, {"s": 1, "t": 1}))
    answers = Answers(method, Fabric(accelerator="cpu", devices=1))
    images, shift = torch.rand(300, 1, 8, 8), torch.linspace(-0.2, 0.2, 300)
    once = answers.to(Request("a", "translate", {"image": images, "shift": shift}))
    twice = answers.to(Request("a", "translate", {"image": images, "shift": shift}, then={"shift": -shift}))
    torch.testing.assert_close(once, images / 2 + shift[:, None, None, None])
    torch.testing.assert_close(twice, once / 2 - shift[:, None, None, None])


def test_a_row_that_samples_is_scored_with_every_metric_of_generation(trained: Path) -> None:
    result = Result.model_validate(result_of(trained, cell_of(PAINTER, trained)))
    scores = {score.label: score for score in result.scores}
    found = {key: score for key, score in scores.items() if score.protocol.extractor}
    assert {key: score.direction for key, score in found.items()} == DIRECTIONS
    for key, score in found.items():
        assert is_gated(score) == (DIRECTIONS[key] != "none")
        assert score.protocol.data.startswith("few-squares:standin:")
    counts = {key: (score.protocol.n_real, score.protocol.n_fake) for key, score in found.items()}
    assert counts["fid.lite0 request:samples"] == counts["recall.lite0 request:samples"] == (25, 20)
    assert counts["lpips_diversity.lite0 request:samples"] == (0, 10)
    assert counts["lpips_diversity.lite0 request:shots"] == (5, 0)
    assert counts["copies.lite0 request:samples"] == (5, 10)
    assert found["path_length.lite0 request:strips"].protocol.detail == "paths=3x4 steps"


def test_pictures_show_all_samples_in_rows_of_twelve_and_an_interpolation_a_row(trained: Path) -> None:
    directory = cell_of(PAINTER, trained).directory(trained)
    found = {path.name: columns(path) for path in (directory / "images").iterdir()}
    assert found == {"outputs.png": (12, 3), "strips.outputs.png": (12, 4)}
    grids = sorted((directory / "samples").iterdir())
    assert grids
    assert {columns(path) for path in grids} == {(12, 3)}


def test_large_images_are_sampled_a_few_at_a_time_although_latents_are_small(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = cell_of(PAINTER, trained)
    method = trained_method(cell, build_task(cell, trained), trained)
    request = Request("many", "sample", {"z": latents(40, 0)})
    asked: list[int] = []

    def answer(self: Painter, inputs: Mapping[str, Tensor]) -> Tensor:
        asked.append(len(inputs["z"]))
        return torch.zeros(len(inputs["z"]), 1, 8, 8)

    monkeypatch.setattr(Painter, "sample", answer)
    for side, sizes in ((64, [40]), (256, [15, 15, 10]), (1024, [1] * 40)):
        method.info = TaskInfo(side, {"s": 1, "t": 1})
        asked.clear()
        Answers(method, Fabric(accelerator="cpu", devices=1)).to(request)
        assert asked == sizes


@pytest.fixture
def tf32() -> Iterator[None]:
    """Convolutions in TF32, as a fast training would have them."""
    before = CONVOLUTIONS.fp32_precision
    CONVOLUTIONS.fp32_precision = "tf32"
    yield
    CONVOLUTIONS.fp32_precision = before


def seen_by(method: Method) -> list[tuple[torch.dtype, bool, str]]:
    """Grows, whenever a layer of the method is applied, by its answer's dtype, autocast, and the convolutions' mode."""
    seen: list[tuple[torch.dtype, bool, str]] = []

    def look(network: nn.Module, inputs: Any, output: Tensor) -> None:
        seen.append((output.dtype, torch.is_autocast_enabled("cpu"), CONVOLUTIONS.fp32_precision))

    for network in method.networks().values():
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                layer.register_forward_hook(look)
    return seen


def under_bfloat16(cell: Cell, trained: Path) -> tuple[Method, Fabric]:
    """A restored method as it is after a training in bfloat16: its networks wrapped by Fabric."""
    method = trained_method(cell, build_task(cell, trained), trained)
    for network in method.networks().values():
        network.requires_grad_(True)
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    set_up(method, fabric)
    assert all(is_wrapped(network) for network in method.networks().values())
    return method, fabric


def test_samples_do_not_depend_on_the_precision_of_the_training(trained: Path, tf32: None) -> None:
    cell = cell_of(PAINTER, trained)
    request = Request("few", "sample", {"z": latents(5, 0)})
    plain = trained_method(cell, build_task(cell, trained), trained)
    method, fabric = under_bfloat16(cell, trained)
    wrapped = method.networks()
    seen = seen_by(method)
    out = Answers(method, fabric).to(request)
    assert torch.equal(out, Answers(plain, Fabric(accelerator="cpu", devices=1)).to(request))
    assert seen == [(torch.float32, False, "ieee")]
    assert method.networks() == wrapped
    assert CONVOLUTIONS.fp32_precision == "tf32"
    assert not out.is_inference()


def test_networks_are_wrapped_again_when_sampling_fails(trained: Path) -> None:
    method, fabric = under_bfloat16(cell_of(PAINTER, trained), trained)
    wrapped = method.networks()
    with pytest.raises(RuntimeError):
        Answers(method, fabric).to(Request("wrong", "sample", {"z": torch.zeros(2, 3)}))
    assert method.networks() == wrapped


def test_translations_are_answered_in_the_precision_of_the_training(trained: Path, tf32: None) -> None:
    cell = cell_of("dummy/dummy/dummy/s0", trained)
    method, fabric = under_bfloat16(cell, trained)
    seen = seen_by(method)
    Answers(method, fabric).to(build_task(cell, trained).requests("translate", method.stream)[0])
    assert set(seen) == {(torch.bfloat16, True, "tf32")}
