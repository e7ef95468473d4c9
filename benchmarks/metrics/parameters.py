"""Number of parameters, as StarGAN's Table 3 (arXiv 1711.09020) prints it: every trained network of a row, summed.
Reference: `sum(p.numel() for p in module.parameters())`; shared tensors count once, buffers do not count.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from benchmarks.metrics.protocol import Protocol, Score


def parameters(networks: Mapping[str, nn.Module]) -> int:
    """How many numbers the networks hold as parameters, frozen ones included; a tensor used twice counts once."""
    return sum(p.numel() for p in {id(p): p for net in networks.values() for p in net.parameters()}.values())


def parameters_score(networks: Mapping[str, nn.Module], request: str = "train") -> Score:
    """:func:`parameters` as a score. Which networks were counted is the caller's choice and no part of the protocol."""
    return Score(
        name="parameters",
        value=float(parameters(networks)),
        direction="none",
        slice={"request": request},
        protocol=Protocol(metric="parameters"),
    )
