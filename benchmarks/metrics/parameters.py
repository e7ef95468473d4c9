"""Number of parameters: of every network of a row, of those that training moves, and of one of several models, as
StarGAN's Table 3 (arXiv 1711.09020) prints it ("52.6M x 7"). No number of these is better or worse than another.
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
    """How many numbers training moves: parameters that an optimiser holds and that ask for gradients, each once."""
    held = (p for optimizer in optimizers.values() for group in optimizer.param_groups for p in group["params"])
    return _count(p for p in held if p.requires_grad)


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in {id(tensor): tensor for tensor in tensors}.values())


def parameters_score(networks: Mapping[str, nn.Module], request: str = "train") -> Score:
    """:func:`parameters` as a score. Which networks were counted is the caller's choice and no part of the protocol."""
    return _score("parameters", parameters(networks), request)


def trained_scores(optimizers: Mapping[str, Optimizer], models: int, request: str = "train") -> Iterator[Score]:
    """``trained_parameters``, ``models`` and ``model_parameters``, the first over the second; none without training.

    Args:
        optimizers: the method's, by name.
        models: how many separate models the row trains, at least 1.
        request: what the scores are filed under.

    Raises:
        UserError: fewer than one model.
    """
    trained = trained_parameters(optimizers)
    if not trained:
        return
    if models < 1:
        raise UserError(f"a trained row has at least one model, but the method's `models` says {models}")
    yield _score("trained_parameters", trained, request)
    yield _score("models", models, request)
    yield _score("model_parameters", trained / models, request)


def _score(name: str, value: float, request: str) -> Score:
    return Score(
        name=name, value=float(value), direction="none", slice={"request": request}, protocol=Protocol(metric=name)
    )
