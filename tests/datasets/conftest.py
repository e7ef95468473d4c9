import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from retable.datasets.digits import mnist
from retable.datasets.task import Task
from tests.datasets import made_up


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


@pytest.fixture
def idx_files() -> dict[str, bytes]:
    """Four small files in MNIST's format: 80 training and 20 test images, all different."""
    random = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": idx(random.integers(0, 256, (80, 28, 28))),
        "train-labels-idx1-ubyte": idx(np.arange(80) % 10),
        "t10k-images-idx3-ubyte": idx(random.integers(0, 256, (20, 28, 28))),
        "t10k-labels-idx1-ubyte": idx(np.arange(20) % 10),
    }


@pytest.fixture
def tiny_mnist(idx_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache that holds the small files as its MNIST; their digests are the expected ones; the network is off."""
    monkeypatch.setattr(mnist, "DIGESTS", {name: hashlib.sha256(data).hexdigest() for name, data in idx_files.items()})
    monkeypatch.setenv("RETABLE_OFFLINE", "1")
    cache = tmp_path / "cache"
    (cache / "mnist").mkdir(parents=True)
    for name, data in idx_files.items():
        (cache / "mnist" / name).write_bytes(data)
    return cache


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Pictures are made up; the (kind, split) of what is asked for."""
    return made_up.draw(monkeypatch)


@pytest.fixture
def make(calls: list[tuple[str, str]], tiny_mnist: Path) -> Callable[..., Task]:
    """``make(Task, stream, seed, **settings)``: a prepared small task on made-up pictures."""

    def build(task: type[Task], stream: str | None = None, seed: int = 0, **settings: object) -> Task:
        values = task.Settings(**made_up.SMALL[task] | settings)
        made = task(task.settings_for(values, stream) if stream else values, tiny_mnist, seed)
        made.prepare()
        return made

    return build
