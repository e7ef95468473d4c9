"""Number of parameters: of every network of a row, of those that training changes, and per model, as StarGAN's Table 3
(arXiv 1711.09020) prints it ("52.6M x 7"). None of these numbers is better or worse than another.
Reference: `sum(p.numel() for p in module.parameters())`; shared tensors count once, buffers do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor, nn
from torch.optim import Optimizer

from retable.benchmarks.errors import UserError
from retable.reports.records.score import Protocol, Score


def parameters(networks: Mapping[str, nn.Module]) -> int:
    """How many numbers the networks hold as parameters, frozen ones included; a tensor used twice counts once."""
    return _count(p for net in networks.values() for p in net.parameters())


def trained_parameters(optimizers: Mapping[str, Optimizer]) -> int:
    """How many numbers training changes: parameters that an optimiser holds and that need gradients, each once."""
    held = (p for optimizer in optimizers.values() for group in optimizer.param_groups for p in group["params"])
    return _count(p for p in held if p.requires_grad)


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in {id(tensor): tensor for tensor in tensors}.values())


def score_parameters(
    networks: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer], models: int
) -> Iterator[Score]:
    """``parameters``; where anything is trained ``trained_parameters``, ``models`` and ``model_parameters`` as well.

    Args:
        networks: which networks count; the choice is no part of the protocol.
        optimizers: the method's, by name; empty for a row without training.
        models: how many separate models the row trains, at least 1; ``model_parameters`` are per model.

    Raises:
        UserError: fewer than one model.
    """
    yield _score("parameters", parameters(networks))
    if not (trained := trained_parameters(optimizers)):
        return
    if models < 1:
        raise UserError(f"a trained row has at least one model, but the method's `models` says {models}")
    yield _score("trained_parameters", trained)
    yield _score("models", models)
    yield _score("model_parameters", trained / models)


def _score(name: str, value: float) -> Score:
    part = {"request": "train"}
    return Score(name=name, value=float(value), direction="none", slice=part, protocol=Protocol(metric=name))
