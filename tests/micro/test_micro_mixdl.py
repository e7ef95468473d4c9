"""MixDL's similarity loss as one product against the loop over pairs. Run alone: ``tox -e micro``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from retable.methods.mixdl.similarity import distance_loss, similarities_at
from retable.methods.mixdl.stylegan2_networks import Synthesis

BATCH = 4
NO_SLOWER = 1.0
"""Times the loop's time, at most."""


def shapes(size: int) -> list[tuple[int, ...]]:
    """Of g's features with the published widths."""
    with torch.device("meta"):
        _, features = Synthesis(size, 3, 512, 512, 32_768)(torch.empty(1, 512))
    return [tuple(each.shape[1:]) for each in features]


def pair_by_pair(layers: list[int], anchors: list[Tensor], others: list[Tensor]) -> Tensor:
    """One cosine similarity after the other, as the released trainer takes them."""
    rows = []
    for anchor, layer in enumerate(layers):
        one = anchors[layer][anchor].reshape(1, -1)
        row = [torch.cosine_similarity(one, others[layer][part].reshape(1, -1)) for part in range(BATCH)]
        rows.append(torch.cat(row))
    return torch.stack(rows)


def features(size: int, layers: list[list[int]]) -> tuple[list[Tensor], list[Tensor]]:
    """Of anchors and of images, at the layers that are drawn; images of one g have much in common."""
    used = {layer for each in layers for layer in each}
    made: tuple[list[Tensor], list[Tensor]] = ([], [])
    for layer, shape in enumerate(shapes(size)):
        common = torch.randn(shape) if layer in used else torch.empty(0)
        for each in made:
            own = torch.randn(BATCH, *shape) if layer in used else torch.empty(BATCH, 0)
            each.append((own + common).requires_grad_(layer in used))
    return made


@pytest.mark.slow
@pytest.mark.parametrize("size", [32, 256])
def test_similarities_as_one_product_are_faster_than_the_loop_over_pairs(benchmark: Any, size: int) -> None:
    torch.manual_seed(0)
    # The whole size only where time is measured.
    size, draws, rounds = (min(size, 64), 2, 1) if benchmark.disabled else (size, 4, 4)
    count = len(shapes(size))
    layers = [torch.randint(1, count, (BATCH,)).tolist() for _ in range(draws)]
    anchors, others = features(size, layers)
    coefficients = torch.distributions.Dirichlet(torch.ones(BATCH, BATCH)).sample()
    ways: dict[str, Callable[..., Tensor]] = {"loop": pair_by_pair, "ours": similarities_at}

    def once(way: str, drawn: list[int]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The loss and its gradients, forward and backward."""
        loss = distance_loss(ways[way](drawn, anchors, others), coefficients)
        wanted = [x[layer] for layer in sorted(set(drawn)) for x in (anchors, others)]
        return loss.detach(), torch.autograd.grad(loss, wanted)

    for drawn in layers:
        (theirs, expected), (ours, found) = once("loop", drawn), once("ours", drawn)
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
        for one, other in zip(found, expected, strict=True):
            # Relative to the gradient: at 256 pixels its entries are themselves about 1e-6.
            assert float((one - other).norm() / other.norm()) < 1e-4

    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):  # interleaved, and the best of each: other work on the machine only adds
        for way in ways:
            start = time.perf_counter()
            for drawn in layers:
                once(way, drawn)
            best[way] = min(best[way], (time.perf_counter() - start) / draws)
    benchmark.pedantic(once, ("ours", layers[0]), rounds=1)
    ratio = best["ours"] / best["loop"]
    benchmark.extra_info.update({f"{way}_s": seconds for way, seconds in best.items()} | {"ours_to_loop": ratio})
    if not benchmark.disabled:
        assert ratio <= NO_SLOWER
