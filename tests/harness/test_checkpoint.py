"""Checkpoints: whole or not at all, and a run that was resumed ends where an uninterrupted one ends, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from retable.benchmarks.errors import UserError
from retable.benchmarks.run import checkpoint


def make() -> tuple[dict[str, nn.Module], dict[str, torch.optim.Optimizer]]:
    torch.manual_seed(0)
    networks: dict[str, nn.Module] = {"g": nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), "d": nn.Linear(4, 1)}
    optimizers: dict[str, torch.optim.Optimizer] = {
        "g": torch.optim.Adam(networks["g"].parameters(), lr=0.1, betas=(0.5, 0.9)),
        "d": torch.optim.SGD(networks["d"].parameters(), lr=0.1, momentum=0.9),
    }
    return networks, optimizers


def train(networks: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer], steps: int) -> None:
    for _ in range(steps):
        loss = networks["d"](networks["g"](torch.randn(8, 4))).square().mean()
        for optimizer in optimizers.values():
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers.values():
            optimizer.step()


def weights(networks: dict[str, nn.Module]) -> list[torch.Tensor]:
    return [value for network in networks.values() for value in network.state_dict().values()]


def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    networks, optimizers = make()
    train(networks, optimizers, 3)
    checkpoint.save(tmp_path, 3, networks, optimizers)
    train(networks, optimizers, 4)

    resumed, their_optimizers = make()
    torch.manual_seed(99)
    assert checkpoint.restore_newest(tmp_path, resumed, their_optimizers, pytest.fail) == 3
    train(resumed, their_optimizers, 4)
    for one, other in zip(weights(networks), weights(resumed), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "without its sidecar", "sidecar cut"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before_and_says_so(tmp_path: Path, damage: str) -> None:
    networks, optimizers = make()
    for step in (1, 2):
        train(networks, optimizers, 1)
        checkpoint.save(tmp_path, step, networks, optimizers)
    newest = tmp_path / "step-0000002.safetensors"
    content = bytearray(newest.read_bytes())
    if damage == "truncated":
        newest.write_bytes(content[:-10])
    elif damage == "flipped":
        content[-1] ^= 1
        newest.write_bytes(content)
    elif damage == "without its sidecar":
        newest.with_suffix(".json").unlink()
    else:
        newest.with_suffix(".json").write_text('{"sha256": ')
    said: list[str] = []
    assert checkpoint.restore_newest(tmp_path, *make(), said.append) == 1
    assert len(said) == 1
    assert "step-0000002" in said[0]


def test_no_sound_checkpoint_means_from_the_start(tmp_path: Path) -> None:
    assert checkpoint.restore_newest(tmp_path, *make(), pytest.fail) == 0


def test_only_the_newest_two_are_kept(tmp_path: Path) -> None:
    networks, optimizers = make()
    for step in range(1, 6):
        checkpoint.save(tmp_path, step, networks, optimizers)
    assert sorted(path.name for path in tmp_path.glob("*.safetensors")) == [
        "step-0000004.safetensors",
        "step-0000005.safetensors",
    ]


def test_weights_of_other_networks_are_refused_by_name(tmp_path: Path) -> None:
    networks, _ = make()
    checkpoint.save_weights(tmp_path / "weights.safetensors", networks)
    with pytest.raises(UserError, match="network 'h'"):
        checkpoint.load_weights(tmp_path / "weights.safetensors", {"h": nn.Linear(3, 3)})


def test_missing_weights_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing or damaged"):
        checkpoint.load_weights(tmp_path / "weights.safetensors", {})


def test_the_recorded_digest_is_that_of_the_file(tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "weights.safetensors"
    said = checkpoint.save_weights(path, make()[0], note="about")
    assert said == checkpoint.digest_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()
