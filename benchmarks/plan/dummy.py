"""A method and a task that cost nothing: they show the contracts, and let tests make a cell fail in every way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from retable.datasets.task import Kind, Measure, Request, Task, TaskInfo, TaskSettings
from retable.methods.method import Info, Method, MethodSettings
from retable.methods.rows import Row

ROWS: Mapping[str, Row] = {
    "dummy/dummy": Row("retable.benchmarks.plan.dummy:Dummy"),
    "dummy/tuned": Row("retable.benchmarks.plan.dummy:Tuned"),
}
TASKS: Mapping[str, str] = {"dummy": "retable.benchmarks.plan.dummy:Squares"}


class SquaresSettings(TaskSettings):
    """Settings of the dummy task."""

    n_test: int = 64
    """Test images."""


class Squares(Task):
    """Grey squares of random brightness; the translation asked for is the negative. Truth is known."""

    name = "dummy"
    Settings = SquaresSettings
    settings: SquaresSettings

    def prepare(self) -> None:
        """Nothing to fetch."""

    def info(self) -> TaskInfo:
        """8 x 8 pixels, one channel on both sides."""
        return TaskInfo(image_size=8, channels={"s": 1, "t": 1})

    def batch(self, stream: str, step: int, size: int, seed: int) -> dict[str, Tensor]:
        """``s``: squares, ``t``: negatives of other squares; float32 ``[size, 1, 8, 8]`` in [-1, 1]."""
        both = _squares(2 * size, seed * 1_000_003 + step)
        return {"s": both[:size], "t": -both[size:]}

    def requests(self, kind: Kind, stream: str) -> list[Request]:
        """The test squares, with their true negatives."""
        images = _squares(self.settings.n_test, -1)
        return [Request("test", "translate", {"image": images}, truth=-images)] if kind == "translate" else []

    def measures(self, kind: Kind, stream: str) -> list[Measure]:
        """How far the answers are from the truth, and from negatives of other squares."""
        return (
            [Measure("lpips_pair", "test"), Measure("fid", "test", reference="negatives")]
            if kind == "translate"
            else []
        )

    def previews(self, kind: Kind, stream: str) -> list[Request]:
        """Eight test squares."""
        images = _squares(8, -1)
        return [Request("preview", "translate", {"image": images}, truth=-images)] if kind == "translate" else []

    def reference(self, name: str) -> Request:
        """Negatives."""
        return Request(name, "predict", {"image": -_squares(self.settings.n_test, -2)})

    def digests(self) -> dict[str, str]:
        """Made on the fly: the name of the recipe stands for the content."""
        return {"squares": "squares-1"}


def _squares(n: int, seed: int) -> Tensor:
    brightness = torch.rand(n, 1, 1, 1, generator=torch.Generator().manual_seed(seed % 2**63)) * 2 - 1
    images = torch.full((n, 1, 8, 8), -0.5)
    images[:, :, 2:6, 2:6] = brightness
    return images


Misbehaviour = Literal["", "raise", "exit", "kill", "hang", "oom", "nonfinite"]


class DummySettings(MethodSettings):
    """Settings of the dummy method."""

    steps: int = 80
    batch_size: int = 8
    lr: float = 0.05
    misbehave: Misbehaviour = ""
    """What to do at half of the steps."""
    pause_s: float = 0.0
    """Seconds to sleep in every step."""


class Dummy(Method):
    """One 1x1 convolution that learns the negative, or misbehaves on demand.

    Differences from the paper: there is no paper.
    """

    Settings: ClassVar[type[MethodSettings]] = DummySettings
    title = "Dummy"
    task = "dummy"
    watch = ("l_mse",)

    def __init__(self, settings: MethodSettings, info: Info) -> None:
        super().__init__(settings, info)
        self.g = nn.Conv2d(info.channels["s"], info.channels["t"], 1)

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam."""
        return {"g": Adam(self.g.parameters(), lr=self.settings.lr)}

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """Mean squared distance to the negative, with a little noise so that random state matters."""
        if self.settings.pause_s:
            time.sleep(self.settings.pause_s)
        if step == self.settings.steps // 2:
            _misbehave(self.settings.misbehave)
        x = batch["s"] + 0.01 * torch.randn_like(batch["s"])
        l_mse = (self.g(x) + batch["s"]).square().mean()
        if step >= self.settings.steps // 2 and self.settings.misbehave == "nonfinite":
            l_mse = l_mse * float("nan")
        self.update(self.opt["g"], l_mse)
        return {"l_mse": l_mse.detach()}

    def translate(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Images ``[N, 1, 8, 8]`` in [-1, 1] -> their negatives, more or less."""
        return torch.as_tensor(self.g(inputs["image"])).clamp(-1, 1)


class Tuned(Dummy):
    """The dummy once more, started from a trained one: shows how one cell starts from another's weights.

    Differences from the paper: there is no paper.
    """

    title = "Dummy, tuned"
    needs: ClassVar[Mapping[str, str]] = {"dummy": "dummy/dummy"}

    def start_from(self, role: str, other: Method) -> None:
        """Take over the convolution's weights."""
        self.g.load_state_dict(other.networks()["g"].state_dict())


def _misbehave(how: Misbehaviour) -> None:
    if how == "raise":
        raise RuntimeError("the dummy method was asked to raise")
    if how == "exit":
        os._exit(9)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hang":
        time.sleep(3600)
    if how == "oom":
        torch.empty(1 << 60, dtype=torch.uint8)
