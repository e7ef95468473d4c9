"""Checkpoints: whole or not at all, and a run that was resumed ends where an uninterrupted one ends, bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes | None]]] = {
    "truncated": (".safetensors", lambda content: content[:-10]),
    "flipped": (".safetensors", lambda content: content[:-1] + bytes([content[-1] ^ 1])),
    "sidecar missing": (".json", lambda content: None),
    "sidecar cut": (".json", lambda content: b'{"sha256": '),
}


@pytest.mark.parametrize(("suffix", "damaged"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before_and_says_so(
    tmp_path: Path, suffix: str, damaged: Callable[[bytes], bytes | None]
) -> None:
    networks, optimizers = make()
    for step in (1, 2):
        train(networks, optimizers, 1)
        checkpoint.save(tmp_path, step, networks, optimizers)
    file = tmp_path / f"step-0000002{suffix}"
    content = damaged(file.read_bytes())
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    said: list[str] = []
    assert checkpoint.restore_newest(tmp_path, *make(), said.append) == 1
    (line,) = said
    assert "step-0000002" in line


def test_only_the_newest_two_are_kept_and_without_any_a_run_starts_anew(tmp_path: Path) -> None:
    networks, optimizers = make()
    assert checkpoint.restore_newest(tmp_path, networks, optimizers, pytest.fail) == 0
    for step in range(1, 6):
        checkpoint.save(tmp_path, step, networks, optimizers)
    assert {path.stem for path in tmp_path.iterdir()} == {"step-0000004", "step-0000005"}


def test_weights_are_refused_where_they_are_missing_or_of_other_networks_and_their_digest_is_the_files(
    tmp_path: Path,
) -> None:
    networks, _ = make()
    path = tmp_path / "weights.safetensors"
    with pytest.raises(UserError, match="missing or damaged"):
        checkpoint.load_weights(path, {})
    said = checkpoint.save_weights(path, networks, note="about")
    assert said == checkpoint.digest_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(UserError, match="network 'h'"):
        checkpoint.load_weights(path, {"h": nn.Linear(3, 3)})
