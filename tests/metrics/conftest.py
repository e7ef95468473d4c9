from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from retable.benchmarks.metrics.networks import trunks
from tests.metrics.factory import forget, save_trunk


@pytest.fixture(autouse=True)
def own_weights_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees weights or features that happen to lie on this machine, or were left by another test."""
    monkeypatch.delenv("RETABLE_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch-home"))
    forget()


@pytest.fixture(autouse=True)
def random_state_is_left_alone() -> Iterator[None]:
    """Measuring must not disturb a training run: no metric may draw from torch's global generator."""
    before = torch.random.get_rng_state()
    yield
    assert torch.equal(before, torch.random.get_rng_state()), "the test left torch's random state changed"


@pytest.fixture(scope="session")
def trunk_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``trunk_files("alex")``: a file with random weights for that LPIPS trunk, written once."""
    folder, made = tmp_path_factory.mktemp("trunks"), {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = save_trunk(name, folder)
        return made[name]

    return get


@pytest.fixture
def random_trunk(
    trunk_files: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[trunks.Trunk, Path]]:
    """``random_trunk("alex")``: that trunk with random weights, and the file they came from."""

    def get(name: str) -> tuple[trunks.Trunk, Path]:
        path = trunk_files(name)
        monkeypatch.setenv("RETABLE_WEIGHTS", str(path.parent))
        monkeypatch.setitem(trunks.TRUNKS, name, path.name)
        return trunks.get_trunk(name), path

    return get
