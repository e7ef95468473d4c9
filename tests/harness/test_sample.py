"""Methods that make images out of nothing: from a run's scores and pictures to ``retable sample``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from lightning_fabric import Fabric, is_wrapped
from PIL import Image
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from retable.benchmarks.cell import run_cell
from retable.benchmarks.errors import UserError
from retable.benchmarks.gate.compare import is_gated
from retable.benchmarks.plan import dummy, registry
from retable.benchmarks.plan.dummy import Dummy, Squares
from retable.benchmarks.plan.plan import make_plan
from retable.benchmarks.plan.suites import load_suite
from retable.benchmarks.run.answers import Answers
from retable.benchmarks.run.build import WEIGHTS, build_task, trained_method
from retable.benchmarks.run.results import index_cells, suite_cells
from retable.benchmarks.run.trained_cell import sample, translate
from retable.benchmarks.run.training import set_up
from retable.datasets.errors import DataError
from retable.datasets.images import read_image
from retable.datasets.task import Kind, Measure, Request, TaskInfo
from retable.methods.method import Info, Method, MethodSettings
from retable.methods.rows import Row
from retable.reports.records.cell import Cell
from retable.reports.records.files import write_json
from retable.reports.records.result import Result
from tests.harness.conftest import DUMMY_ROW, columns, result_of, write_suite

ADDRESS = "dummy/painter/few-squares/s0"
ROWS = '[[rows]]\nmethods = ["dummy/painter"]\ntask = "few-squares"\n'
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
}


def latents(count: int, seed: int) -> Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))


def lines(count: int, points: int, seed: int) -> Tensor:
    """Straight interpolations ``[count * points, 4]``, one after the other."""
    ends = latents(2 * count, seed).reshape(count, 2, 1, 4)
    return torch.lerp(ends[:, 0], ends[:, 1], torch.linspace(0, 1, points)[:, None]).reshape(-1, 4)


class FewSquares(Squares):
    """The dummy's squares as something to sample."""

    name = "few-squares"

    def requests(self, kind: Kind, stream: str) -> list[Request]:
        nudge = torch.tensor([[0.0], [1e-4]]).repeat(4, 1)
        paths = torch.arange(3).repeat_interleave(5)
        return [
            Request("samples", "sample", {"z": latents(20, 1)}),
            Request("smoothness", "sample", {"z": latents(4, 2).repeat_interleave(2, 0) + nudge}),
            Request("strips", "sample", {"z": lines(3, 5, 3)}, {"path": paths}),
        ]

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        return [
            Measure("fid", "samples", reference="reference"),
            Measure("sfid", "samples", reference="reference"),
            Measure("precision_recall", "samples", reference="reference"),
            Measure("lpips_diversity", "samples", limit=10, yardstick="shots"),
            Measure("nearest_shot", "samples", reference="shots", limit=10, yardstick="reference"),
            Measure("smoothness", "smoothness"),
            Measure("staircase", "strips", label="path"),
        ]

    def previews(self, kind: Kind, stream: str) -> list[Request]:
        return [
            Request("samples", "sample", {"z": latents(36, 4)}),
            Request("strips", "sample", {"z": lines(4, 12, 5)}),
        ]

    def reference(self, name: str) -> Request:
        n, first = {"reference": (25, -2), "shots": (5, -3)}[name]
        return Request(name, "predict", {"image": dummy._squares(n, first)})

    def draw(self, count: int, seed: int, points: int = 1) -> Request:
        z = latents(count, seed) if points == 1 else lines(count, points, seed)
        return Request("drawn", "sample", {"z": z})


class Painter(Dummy):
    """One linear layer from latents to pixels.

    Differences from the paper: there is no paper.
    """

    title = "Painter"
    task = "few-squares"
    kind: ClassVar[Kind] = "sample"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.g = nn.Linear(4, info.image_size**2)

    def optimizers(self) -> dict[str, Optimizer]:
        return {"g": Adam(self.g.parameters(), lr=self.settings.lr)}

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        l_mse = (self.sample({"z": torch.randn(len(batch["s"]), 4)}).mean(0) - batch["s"].mean(0)).square().mean()
        self.update(self.opt["g"], l_mse)
        return {"l_mse": l_mse.detach()}

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        side = self.info.image_size
        return torch.as_tensor(self.g(inputs["z"])).tanh().reshape(-1, 1, side, side)


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """The made-up method and task go by their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "tasks", lambda: {**dummy.TASKS, "few-squares": f"{__name__}:FewSquares"})
        patch.setattr(registry, "rows", lambda: {**dummy.ROWS, "dummy/painter": Row(f"{__name__}:Painter")})
        yield


@pytest.fixture(scope="module")
def runs(registered: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with a trained painter and a dummy that translates, both in the suite ``trial``."""
    folder = tmp_path_factory.mktemp("painters")
    suite = write_suite(folder, ROWS + DUMMY_ROW + 'set = { "method.steps" = 2 }\n')
    plan = make_plan(load_suite(str(suite)))
    index_cells(folder / "runs", "trial", plan.cells)
    for cell in plan.cells:
        directory = cell.directory(folder / "runs")
        directory.mkdir(parents=True)
        write_json(directory / "cell.json", cell.to_json())
        assert run_cell(cell, directory) == "ok"
    return folder / "runs"


def painter(runs: Path) -> Cell:
    (cell,) = (cell for cell in suite_cells(runs, "trial") if cell.address == ADDRESS)
    return cell


def test_a_row_that_samples_is_scored_with_every_metric_of_generation(runs: Path) -> None:
    result = Result.model_validate(result_of(runs, painter(runs)))
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


def test_pictures_show_all_samples_in_rows_of_twelve_and_an_interpolation_a_row(runs: Path) -> None:
    directory = painter(runs).directory(runs)
    found = {path.name: columns(path) for path in (directory / "images").iterdir()}
    assert found == {"outputs.png": (12, 3), "strips.outputs.png": (12, 4)}
    grids = sorted((directory / "samples").iterdir())
    assert grids
    assert {columns(path) for path in grids} == {(12, 3)}


def test_large_images_are_sampled_a_few_at_a_time_although_latents_are_small(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = painter(runs)
    method = trained_method(cell, build_task(cell, runs), runs)
    request = Request("many", "sample", {"z": latents(40, 0)})
    asked: list[int] = []
    monkeypatch.setattr(Painter, "sample", lambda self, inputs: (asked.append(len(inputs["z"])), blank(inputs))[1])
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


def under_bfloat16(cell: Cell, runs: Path) -> tuple[Method, Fabric]:
    """A restored method as it is after a training in bfloat16: its networks wrapped by Fabric."""
    method = trained_method(cell, build_task(cell, runs), runs)
    for network in method.networks().values():
        network.requires_grad_(True)
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    set_up(method, fabric)
    assert all(is_wrapped(network) for network in method.networks().values())
    return method, fabric


def test_samples_do_not_depend_on_the_precision_of_the_training(runs: Path, tf32: None) -> None:
    cell = painter(runs)
    request = Request("few", "sample", {"z": latents(5, 0)})
    plain = trained_method(cell, build_task(cell, runs), runs)
    method, fabric = under_bfloat16(cell, runs)
    wrapped = method.networks()
    seen = seen_by(method)
    out = Answers(method, fabric).to(request)
    assert torch.equal(out, Answers(plain, Fabric(accelerator="cpu", devices=1)).to(request))
    assert seen == [(torch.float32, False, "ieee")]
    assert method.networks() == wrapped
    assert CONVOLUTIONS.fp32_precision == "tf32"
    assert not out.is_inference()


def test_networks_are_wrapped_again_when_sampling_fails(runs: Path) -> None:
    method, fabric = under_bfloat16(painter(runs), runs)
    wrapped = method.networks()
    with pytest.raises(RuntimeError):
        Answers(method, fabric).to(Request("wrong", "sample", {"z": torch.zeros(2, 3)}))
    assert method.networks() == wrapped


def test_translations_are_answered_in_the_precision_of_the_training(runs: Path, tf32: None) -> None:
    (cell,) = (cell for cell in suite_cells(runs, "trial") if cell.address == "dummy/dummy/dummy/s0")
    method, fabric = under_bfloat16(cell, runs)
    seen = seen_by(method)
    Answers(method, fabric).to(build_task(cell, runs).requests("translate", method.stream)[0])
    assert set(seen) == {(torch.bfloat16, True, "tf32")}


def blank(inputs: Mapping[str, Tensor]) -> Tensor:
    return torch.zeros(len(inputs["z"]), 1, 8, 8)


def test_samples_are_files_and_a_grid_and_strips_have_a_row_each(runs: Path, tmp_path: Path) -> None:
    written = sample(ADDRESS, tmp_path / "out", runs, "trial", count=10, strips=3, points=7)
    names = [f"{number:03}.png" for number in range(10)]
    assert [path.name for path in written] == [*names, "samples.png", "strips.png"]
    assert sorted((tmp_path / "out").iterdir()) == sorted(written)
    assert columns(tmp_path / "out" / "samples.png") == (4, 3)
    assert columns(tmp_path / "out" / "strips.png") == (7, 3)
    assert read_image(written[0], channels=1).shape == (1, 8, 8)


def test_a_file_holds_what_the_method_answers(runs: Path, tmp_path: Path) -> None:
    (only, grid) = sample(ADDRESS, tmp_path, runs, "trial", count=1, seed=5)
    assert [only.name, grid.name] == ["000.png", "samples.png"], "no strips were asked for"
    cell = painter(runs)
    method = trained_method(cell, build_task(cell, runs), runs)
    with torch.no_grad():
        answer = method.sample({"z": latents(1, 5)})[0]
    assert (read_image(only, channels=1) - (answer + 1) * 127.5).abs().max() <= 0.51


def test_the_same_seed_gives_the_same_images_and_another_one_others(runs: Path, tmp_path: Path) -> None:
    folder = str(painter(runs).directory(runs))
    first, second, other = (
        [path.read_bytes() for path in sample(source, tmp_path / name, runs, "trial", count=3, seed=seed, strips=1)]
        for source, name, seed in ((ADDRESS, "first", 3), (folder, "second", 3), (ADDRESS, "other", 4))
    )
    assert first == second
    assert not set(first) & set(other)


@pytest.mark.parametrize("name", ["001.png", "samples.png", "strips.png"])
def test_what_is_there_is_not_overwritten_and_nothing_is_written_beside_it(
    runs: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=rf"{name} is there already.*--out"):
        sample(ADDRESS, tmp_path, runs, "trial", count=2, strips=1)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"count": 0}, "--n 0: expected a number from 1 to 10000"),
        ({"count": 10_001}, "--n 10001"),
        ({"seed": -1}, "--seed -1: expected a number from 0"),
        ({"strips": -1}, "--strips -1"),
        ({"strips": 1, "points": 1}, "--points 1: expected a number from 2"),
        ({"strips": 101, "points": 100}, "10100 images, at most 10000"),
    ],
)
def test_silly_numbers_are_refused_by_name(runs: Path, tmp_path: Path, numbers: dict[str, int], says: str) -> None:
    with pytest.raises(UserError, match=says):
        sample(ADDRESS, tmp_path / "out", runs, "trial", **numbers)
    assert not (tmp_path / "out").exists()


def test_a_row_that_does_something_else_is_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dummy/dummy/dummy/s0 does not make images out of nothing.*'translate'"):
        sample("dummy/dummy/dummy/s0", tmp_path / "out", runs, "trial")
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="does not translate images: its method answers 'sample'"):
        translate(ADDRESS, [tmp_path / "a.png"], tmp_path / "out", runs, "trial")
    assert not (tmp_path / "out").exists()


def test_a_cell_that_did_not_end_well_has_nothing_to_sample_from(runs: Path, tmp_path: Path) -> None:
    cell = painter(runs)
    (tmp_path / "cells" / "failed").mkdir(parents=True)
    write_json(tmp_path / "cells" / "failed" / "cell.json", cell.to_json())
    with pytest.raises(UserError, match=rf"{ADDRESS} has no trained networks: .*failed holds no {WEIGHTS}"):
        sample(str(tmp_path / "cells" / "failed"), tmp_path / "out", runs, "trial")


def test_a_task_without_anything_to_sample_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the task dummy has nothing to sample"):
        Squares(Squares.Settings(), tmp_path).draw(3, 0)
