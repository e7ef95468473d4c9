"""Checkpoints: weights, optimisers, every random state and the step, in safetensors and JSON, written atomically.

A checkpoint is two files: ``step-0000200.safetensors`` and, written after it, ``step-0000200.json``, which holds the
digest of the first. One without the other, or with a digest that does not fit, is damaged: the one before it is used.
Nothing in them is ever executed.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.optim import Optimizer

from retable.benchmarks.errors import UserError
from retable.reports.records.files import read_sealed, write_atomically, write_sealed

KEEP = 2
"""Checkpoints kept per cell: the newest, and the one to fall back to."""


def save_weights(path: Path, networks: Mapping[str, nn.Module], **about: Any) -> str:
    """Write the networks to ``path`` and ``about`` beside it as JSON; returns the digest of the weights."""
    return _write(path, _network_tensors(networks), about)


def load_weights(path: Path, networks: Mapping[str, nn.Module]) -> None:
    """Fill the networks from what :func:`save_weights` wrote.

    Raises:
        UserError: the file is missing, damaged, or of other networks.
    """
    tensors, _ = _read(path)
    _fill_networks(path, tensors, networks)


def save(
    folder: Path,
    step: int,
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, Optimizer],
    **about_training: Any,
) -> None:
    """Write the checkpoint of a step, with more about it as JSON, and drop all but the newest :data:`KEEP`."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = _network_tensors(networks)
    about: dict[str, Any] = {**about_training, "step": step, "optimizers": {}, "random": _random_state(tensors)}
    for name, optimizer in optimizers.items():
        state = optimizer.state_dict()
        scalars: dict[str, Any] = {}
        for index, entries in state["state"].items():
            for key, value in entries.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer/{name}/{index}/{key}"] = value.detach().cpu().contiguous().clone()
                else:
                    scalars[f"{index}/{key}"] = value
        about["optimizers"][name] = {"param_groups": state["param_groups"], "scalars": scalars}
    _write(folder / f"step-{step:07d}.safetensors", tensors, about)
    for old in sorted(folder.glob("step-*.safetensors"))[:-KEEP]:
        old.with_suffix(".json").unlink(missing_ok=True)
        old.unlink()


def restore_newest(
    folder: Path,
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, Optimizer],
    say: Callable[[str], None],
    fits: Callable[[Mapping[str, Any]], bool] = lambda about: True,
) -> int:
    """Go back to the newest sound checkpoint and return its step; 0 where there is none.

    ``say`` is told of every checkpoint that was passed over: those that are damaged, and those of which ``fits``, told
    what :func:`save` was, says no.
    """
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            tensors, about = _read(path)
            if "step" not in about or not fits(about):
                raise UserError(f"{path} does not fit what else is left of its training")
        except UserError as error:
            say(f"{error}; falling back to the checkpoint before it")
            continue
        _fill_networks(path, tensors, networks)
        for name, optimizer in optimizers.items():
            _fill_optimizer(name, optimizer, tensors, about["optimizers"][name])
        _set_random_state(tensors, about["random"])
        return int(about["step"])
    return 0


def _network_tensors(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {
        f"network/{name}/{key}": value.detach().cpu().contiguous().clone()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }


def _fill_networks(path: Path, tensors: Mapping[str, Tensor], networks: Mapping[str, nn.Module]) -> None:
    for name, network in networks.items():
        prefix = f"network/{name}/"
        state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise UserError(f"{path}: its weights are not those of network {name!r}: {error}") from error


def _fill_optimizer(name: str, optimizer: Optimizer, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    state: dict[int, dict[str, Any]] = {}
    prefix = f"optimizer/{name}/"
    for key, tensor in tensors.items():
        if key.startswith(prefix):
            index, entry = key.removeprefix(prefix).split("/", 1)
            state.setdefault(int(index), {})[entry] = tensor
    for key, value in about["scalars"].items():
        index, entry = key.split("/", 1)
        state.setdefault(int(index), {})[entry] = value
    groups = [
        {**group, "betas": tuple(group["betas"])} if "betas" in group else group for group in about["param_groups"]
    ]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _random_state(tensors: dict[str, Tensor]) -> dict[str, Any]:
    tensors["random/torch"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    version, internal, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(internal), gauss],
        "numpy": [kind, np.asarray(keys).tolist(), position, has_gauss, cached],
    }


def _set_random_state(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    torch.set_rng_state(tensors["random/torch"])
    if torch.cuda.is_available() and "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"])
    version, internal, gauss = about["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, position, has_gauss, cached = about["numpy"]
    np.random.set_state((kind, np.asarray(keys, dtype=np.uint32), position, has_gauss, cached))


def _write(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> str:
    content = save_tensors(dict(tensors))
    digest = hashlib.sha256(content).hexdigest()
    write_atomically(path, content)
    write_sealed(path.with_suffix(".json"), {"sha256": digest, **about})
    return digest


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    about = read_sealed(path.with_suffix(".json"))
    if about is None:
        raise UserError(f"{path.with_suffix('.json')} is missing or damaged")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != about.get("sha256"):
        raise UserError(f"{path} is damaged: its SHA-256 is {digest[:12]}..., not {str(about.get('sha256'))[:12]}...")
    return load_tensors(content), about


def damage(path: Path) -> str:
    """What is wrong with the weights in ``path``; empty where nothing is."""
    try:
        _read(path)
    except UserError as error:
        return str(error)
    return ""


def digest_of(path: Path) -> str:
    """The digest that was recorded when ``path`` was written; empty where there is none."""
    return str((read_sealed(path.with_suffix(".json")) or {}).get("sha256", ""))
