"""A made-up task and method that make images out of nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from retable.benchmarks.plan.dummy import Dummy, Squares, _squares
from retable.datasets.task import Kind, Measure, Request
from retable.methods.method import Info, MethodSettings


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
            *(Measure(name, "samples", reference="reference") for name in ("fid", "sfid", "precision_recall")),
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
        return Request(name, "predict", {"image": _squares(n, first)})

    def draw(self, count: int, seed: int, points: int = 1) -> Request:
        z = latents(count, seed) if points == 1 else lines(count, points, seed)
        return Request("drawn", "sample", {"z": z})


class Painter(Dummy):
    """One linear layer from latents to pixels."""

    title = "Painter"
    task = "few-squares"
    kind: ClassVar[Kind] = "sample"

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.g: nn.Module = nn.Linear(4, info.image_size**2)

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        l_mse = (self.sample({"z": torch.randn(len(batch["s"]), 4)}).mean(0) - batch["s"].mean(0)).square().mean()
        self.update(self.opt["g"], l_mse)
        return {"l_mse": l_mse.detach()}

    def sample(self, inputs: Mapping[str, Tensor]) -> Tensor:
        side = self.info.image_size
        return torch.as_tensor(self.g(inputs["z"])).tanh().reshape(-1, 1, side, side)
